/**
 * Every signature of the capture addon (sidecar/addon, built by scripts/build-addon.mjs), and what its errors become.
 * Nothing else imports the addon.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import type { ErrorCode } from '../contract/errors.ts';

declare const handleBrand: unique symbol;
/** A loaded capture. Unloaded when collected, at the latest. */
export interface CaptureHandle {
  readonly [handleBrand]: true;
}

/** The programs by what they hang on; the first is needed, the others may be missing. */
export type HookName = 'sock_ops' | 'tp_btf/inet_sock_set_state' | 'iter/task_file';

export interface LoadOptions {
  /** Directory of a cgroup v2: sockets of it and below are recorded. At most 4095 bytes. */
  readonly cgroupPath: string;
  /** A power of two from 4 KiB to 1 GiB. */
  readonly ringBytes: number;
  /** Connections that can be open at once with role, owner and opening time; 1 to 2^24. */
  readonly stateEntries: number;
  /** A folder on a bpffs, made if need be; null: the capture ends with the process. At most 4095 bytes. */
  readonly pinPath: string | null;
}

/** What the kernel said: `code` WEIR_SIDECAR_LOAD_FAILED. */
export interface NativeError extends Error {
  readonly code: string;
  readonly errno: number;
  /** What was tried. */
  readonly step: string;
  /** The end of the verifier's log, or empty. */
  readonly log: string;
}

export interface LoadResult {
  readonly handle: CaptureHandle;
  /** The capture that an earlier process has left pinned: its ring, counters and journal; the sizes asked for do not hold. */
  readonly adopted: boolean;
  /** It was detached before its process died: its ring is to be read to the end, nothing comes any more. */
  readonly ended: boolean;
  /** null: it works. */
  readonly hooks: Readonly<Record<HookName, NativeError | null>>;
}

/** Cumulative since the load; see bpf/counter_fields.h. */
export interface NativeCounters {
  readonly reserved: number;
  readonly ringFull: number;
  readonly listenDropped: number;
  readonly stateFull: number;
  readonly seeded: number;
  readonly interimDeferred: number;
  readonly baselineFull: number;
  readonly ringBytes: number;
  /** In the ring and not released. */
  readonly backlogBytes: number;
  readonly recursionMisses: Readonly<Record<string, number>>;
}

/** Wrong arguments throw a TypeError with code WEIR_SIDECAR_ADDON_ARGUMENT; a refusing kernel a NativeError. */
export interface CaptureAddon {
  /** Load and attach. Blocks for some 30-60 ms. */
  load(options: LoadOptions): LoadResult;
  /** Copy whole records from the cursor on, each after its u32 length and u32 0; `into` is the caller's, 264 bytes or more. */
  read(handle: CaptureHandle, into: Uint8Array): { readonly bytes: number; readonly position: number };
  /** Give the ring's room up to `position` back to the kernel. */
  release(handle: CaptureHandle, position: number): void;
  counters(handle: CaptureHandle): NativeCounters;
  /** Walk on, on a worker thread, until about `records` (at most 2^20) were written or the pass is over. One at a time. */
  reportOpen(handle: CaptureHandle, records: number): Promise<{ readonly written: number; readonly done: boolean }>;
  /** Replace the journal, all or nothing; 1 to 4064 bytes. It is pinned with the ring. */
  writeJournal(handle: CaptureHandle, bytes: Uint8Array): void;
  /** A copy of the journal; empty when nothing was written. */
  readJournal(handle: CaptureHandle): Buffer;
  /** No more records; ring and journal stay pinned. Blocks for an RCU grace period. */
  detach(handle: CaptureHandle): void;
  /** Remove the pins, if any: nothing is left to a next process. */
  discard(handle: CaptureHandle): void;
  /** Idempotent. A walk under way ends first. What is pinned goes on in the kernel. */
  unload(handle: CaptureHandle): void;
  /** End what is pinned in `path` (a folder), read or not, and remove the folder; throws where a process captures into it. */
  unpin(options: { readonly path: string }): void;
  /**
   * The listening TCP sockets of a network namespace, as netlink messages (sidecar/host/listener-dump.ts reads them).
   * `path`: a file like /proc/<pid>/ns/net, which needs CAP_SYS_ADMIN, and `inode` the number that it must have; null:
   * this process's own namespace, which needs no right. Blocks for about 0.1 ms.
   */
  listenerDump(options: { readonly path: string | null; readonly inode: number }): Buffer;
  /** Give memory that is not in use back to the kernel: malloc's, and pages of program text. Blocks for about 2 ms. */
  trim(): void;
  /** Add bootToUnixUs to a CLOCK_BOOTTIME microsecond; jiffies a second, from the resolution of the coarse clocks. */
  clock(): { readonly bootToUnixUs: number; readonly jiffiesHz: number };
}

const ADDON_FILE = `weir-capture-${process.arch}.node`;

/** Beside the sources, and one folder up from a build's `dist`. */
function findAddon(): string | null {
  const folders = [join(import.meta.dirname, '..', 'build'), join(import.meta.dirname, '..', '..', 'build')];
  return folders.map((folder) => join(folder, ADDON_FILE)).find((file) => existsSync(file)) ?? null;
}

/**
 * The addon of this machine.
 * Fails: WEIR_SIDECAR_NO_ADDON when it is not built or cannot be loaded (another architecture or libc).
 */
export function loadAddon(file: string | null = findAddon()): CaptureAddon {
  if (file === null) {
    throw new WeirError('WEIR_SIDECAR_NO_ADDON', `build/${ADDON_FILE} is missing: run npm run setup (needs gcc)`);
  }
  try {
    const loaded: { exports: unknown } = { exports: {} };
    process.dlopen(loaded, file);
    return loaded.exports as CaptureAddon;
  } catch (cause) {
    throw fromUnknown(cause, 'WEIR_SIDECAR_NO_ADDON', `${file} cannot be loaded; run npm run setup`, { file });
  }
}

const EWOULDBLOCK = 11;

/** Without a right the kernel says EPERM, or EINVAL where only one function of a program needs it: so the rights decide. */
function codeOf(error: NativeError, missingCapabilities: readonly string[]): ErrorCode {
  if (error.step === 'open the cgroup') return 'WEIR_SIDECAR_NO_CGROUP2';
  if (error.step === 'take the pin folder' && error.errno === EWOULDBLOCK) return 'WEIR_DATA_IN_USE';
  return missingCapabilities.length > 0 ? 'WEIR_SIDECAR_NO_RIGHTS' : 'WEIR_SIDECAR_LOAD_FAILED';
}

/**
 * What the kernel refused, as a WeirError: which step, why, the verifier's last line, and the rights that are missing.
 * `holder`: the process that has the pinned capture, null when nobody knows.
 */
export function captureError(
  cause: unknown,
  cgroupPath: string,
  missingCapabilities: readonly string[],
  holder: number | null = null,
): WeirError {
  if (!isNativeError(cause)) return fromUnknown(cause, 'WEIR_SIDECAR_LOAD_FAILED', 'the capture cannot be loaded');
  const code = codeOf(cause, missingCapabilities);
  const lacking = missingCapabilities.join(', ');
  const context = { step: cause.step, errno: cause.errno, cgroup: cgroupPath, lacking, log: lastLines(cause.log) };
  if (code === 'WEIR_SIDECAR_NO_RIGHTS') {
    return new WeirError(
      code,
      `${cause.message}; this process lacks ${lacking}: run as root or grant them`,
      context,
      cause,
    );
  }
  if (code === 'WEIR_SIDECAR_NO_CGROUP2') {
    return new WeirError(code, `${cause.message} (${cgroupPath}); check sidecar.cgroup`, context, cause);
  }
  if (code === 'WEIR_DATA_IN_USE') {
    const who = holder === null ? 'another process' : `process ${holder}`;
    return new WeirError(code, `${who} runs the sidecar of this node; one a node`, { ...context, pid: holder }, cause);
  }
  return new WeirError(code, `${cause.message}; weir doctor tells what this machine allows`, context, cause);
}

export function isNativeError(cause: unknown): cause is NativeError {
  return cause instanceof Error && 'step' in cause && 'errno' in cause;
}

const LOG_LINES = 4;

/** The verifier's verdict stands in the last lines of its log. */
function lastLines(log: string): string {
  return log.trimEnd().split('\n').slice(-LOG_LINES).join(' | ');
}
