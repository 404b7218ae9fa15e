/** What capture needs of a machine, read from /proc and /sys: BTF, a cgroup v2 hierarchy, rights, bpffs. */
import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fromUnknown, WeirError } from '../contract/errors.ts';

export const MOUNT_BPFFS = 'mount -t bpf bpf /sys/fs/bpf';
export const BTF_FILE = '/sys/kernel/btf/vmlinux';
/** statfs f_type, linux/magic.h */
const CGROUP2_MAGIC = 0x63677270;
const BPF_FS_MAGIC = 0xcafe4a11;

/** Bits of CapEff in /proc/<pid>/status, linux/capability.h. */
const CAPABILITIES: Readonly<Record<string, bigint>> = { CAP_BPF: 39n, CAP_PERFMON: 38n, CAP_NET_ADMIN: 12n };
const CAP_SYS_ADMIN = 21n;

/** Mount point of the first file system of `type` in the text of /proc/mounts, or null. */
export function mountOf(type: string, procMounts: string): string | null {
  for (const line of procMounts.split('\n')) {
    const [, point, kind] = line.split(' ');
    if (kind !== type || point === undefined) continue;
    // The kernel writes blanks and backslashes of a path as octal.
    return point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  }
  return null;
}

/** Capabilities that capture needs and the process with this /proc/<pid>/status lacks. CAP_SYS_ADMIN stands for the first two. */
export function missingCapabilities(procStatus: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(procStatus)?.[1] ?? '0'}`);
  const has = (bit: bigint): boolean => ((effective >> bit) & 1n) === 1n;
  return Object.entries(CAPABILITIES)
    .filter(([name, bit]) => !has(bit) && !(has(CAP_SYS_ADMIN) && name !== 'CAP_NET_ADMIN'))
    .map(([name]) => name);
}

/** Capabilities that this process lacks. */
export function lackingHere(): string[] {
  return missingCapabilities(readFileSync('/proc/self/status', 'utf8'));
}

/** Where this machine mounts a file system of `type`, or null. */
export function mountHere(type: string): string | null {
  return mountOf(type, readFileSync('/proc/mounts', 'utf8'));
}

/** Whether a folder is there, and on a bpffs. */
export function isBpffs(folder: string): boolean {
  return existsSync(folder) && statfsSync(folder).type >>> 0 === BPF_FS_MAGIC;
}

/** Fails: WEIR_SIDECAR_LOAD_FAILED when the folder that `pinPath` lies in is not on a bpffs. Weir never mounts one itself. */
export function requireBpffs(pinPath: string): void {
  const folder = dirname(pinPath);
  const where = { path: pinPath };
  let type: number;
  try {
    type = statfsSync(folder).type;
  } catch (cause) {
    throw fromUnknown(cause, 'WEIR_SIDECAR_LOAD_FAILED', `${folder} cannot be opened to pin the capture`, where);
  }
  if (type >>> 0 === BPF_FS_MAGIC) return;
  const what = `${folder} is not on a bpffs, so the capture cannot be pinned; as root: ${MOUNT_BPFFS}`;
  throw new WeirError('WEIR_SIDECAR_LOAD_FAILED', what, where);
}

/** The process that holds the lock (flock) on an inode, in the text of /proc/locks; null when there is none. */
export function holderOf(procLocks: string, major: number, minor: number, inode: bigint): number | null {
  const hex = (n: number): string => n.toString(16).padStart(2, '0');
  const where = `${hex(major)}:${hex(minor)}:${inode}`;
  for (const line of procLocks.split('\n')) {
    const [, type, , , pid, file] = line.split(/\s+/);
    if (type === 'FLOCK' && file === where) return Number(pid);
  }
  return null;
}

/** The process that holds the lock on a folder, null when nobody does or it cannot be told. */
export function lockHolder(folder: string): number | null {
  if (!existsSync(folder) || !existsSync('/proc/locks')) return null;
  const { dev, ino } = statSync(folder, { bigint: true });
  // glibc's gnu_dev_major and gnu_dev_minor.
  const major = Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn));
  const minor = Number((dev & 0xffn) | ((dev >> 12n) & ~0xffn));
  return holderOf(readFileSync('/proc/locks', 'utf8'), major, minor, ino);
}

/** Fails: WEIR_SIDECAR_NO_BTF. */
export function requireBtf(): void {
  if (existsSync(BTF_FILE)) return;
  const what = `${BTF_FILE} is missing: this kernel was built without CONFIG_DEBUG_INFO_BTF`;
  throw new WeirError('WEIR_SIDECAR_NO_BTF', what);
}

/**
 * The cgroup to watch: `configured`, or the root of the machine's cgroup v2 hierarchy wherever it is mounted.
 * Fails: WEIR_SIDECAR_NO_CGROUP2 when none is mounted, or the path is not a directory of one.
 */
export function resolveCgroup(configured?: string): string {
  const path = configured ?? mountHere('cgroup2');
  if (path === null) {
    const mend = 'mount -t cgroup2 none /sys/fs/cgroup/unified';
    throw new WeirError('WEIR_SIDECAR_NO_CGROUP2', `no cgroup v2 hierarchy in /proc/mounts; as root: ${mend}`);
  }
  let type: number;
  try {
    type = statfsSync(path).type;
  } catch (cause) {
    throw fromUnknown(cause, 'WEIR_SIDECAR_NO_CGROUP2', `the cgroup ${path} cannot be opened; check sidecar.cgroup`, {
      path,
    });
  }
  if (type === CGROUP2_MAGIC) return path;
  throw new WeirError('WEIR_SIDECAR_NO_CGROUP2', `${path} is not in a cgroup v2 hierarchy; check sidecar.cgroup`, {
    path,
  });
}
