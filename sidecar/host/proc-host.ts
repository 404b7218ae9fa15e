/**
 * The machine as /proc and cgroup2 show it. Looks at the processes of the watched subtree only, and at one process of
 * each network namespace for its addresses and listeners. Where only a subtree is watched, all processes are
 * asked for their namespace, so that one shared with strangers is known for it.
 *
 * Rights: another user's /proc/<pid>/ns/net and fd need CAP_SYS_PTRACE. Without it namespaces are told apart all the
 * same (by the inode of their net/dev), but not whose a listening socket is where several workloads share one; that is
 * said once, as a warning. With CAP_SYS_ADMIN the listeners of other namespaces cost less (listener-dump.ts).
 * Run with the host's pid namespace: processes that cannot be seen cannot be asked.
 */
import { readdirSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import type { Logger } from '../../contract/log.ts';
import { mountHere, resolveCgroup } from '../capture-host.ts';
import type { HostSnapshot, HostView, ListenHint, Listener, LocalIdentity, NetworkNamespace } from '../host-view.ts';
import { localIdentity } from '../identity/local-identity.ts';
import { loadAddon } from '../native.ts';
import { CgroupTree } from './cgroup-tree.ts';
import { ListenerDump } from './listener-dump.ts';
import { ListenerFiles, netFile, type WatchedProcess } from './listener-files.ts';
import { ipv4Addresses, ipv6Addresses } from './net-files.ts';
import { inodeOf, linkInode, textOrNull } from './proc-files.ts';

export interface ProcHostOptions {
  readonly cluster: string;
  readonly network: string;
  readonly node: string;
  /** Folder of the watched subtree; default: the root of the cgroup2 mount. */
  readonly cgroupPath?: string;
  readonly logger: Logger;
  /** Microseconds since 1970; default: the wall clock. */
  readonly nowUs?: () => number;
}

const PROC = '/proc';
/** A scan gives way to the ring's reader after this long. */
const SLICE_MS = 5;
/** The whole tree is walked for an unknown cgroup at most this often. */
const LEARN_MS = 1000;
/** The wall clock's own resolution and slow adjustment. */
const CLOCK_DRIFT_MS = 5;

interface Residents {
  readonly pids: Set<number>;
  readonly cgroupIds: Set<number>;
  shared: boolean;
}

export class ProcHost implements HostView {
  readonly node: string;
  readonly #options: ProcHostOptions;
  readonly #tree: CgroupTree;
  readonly #listeners: ListenerFiles;
  readonly #addresses = new Map<string, { text: string; parsed: NetworkNamespace['addresses'] }>();
  #learnedMs = -Infinity;
  #sliceMs = 0;
  #setMs = 0;
  #deniedTold = false;

  constructor(options: ProcHostOptions, mount: string, dump: ListenerDump | null) {
    this.node = options.node;
    this.#listeners = new ListenerFiles(PROC, dump);
    this.#options = options;
    this.#tree = new CgroupTree(mount, options.cgroupPath ?? mount);
  }

  identify(cgroupId: number, pid: number, comm: string): LocalIdentity | null {
    const path = this.#tree.pathOf(cgroupId) ?? this.#search(cgroupId, pid);
    return path === undefined ? null : localIdentity(this.#options, cgroupId, path, comm);
  }

  async snapshot(listening: readonly ListenHint[] = []): Promise<HostSnapshot> {
    const startedUs = this.#nowUs();
    this.#sliceMs = performance.now();
    const processes = new Map<number, WatchedProcess>();
    for (const { id, pids } of this.#tree.walk()) {
      for (const pid of pids) processes.set(pid, { cgroupId: id });
      await this.#giveWay();
    }
    const residents = await this.#residents(processes);
    if (!this.#tree.wholeMachine) await this.#markStrangers(residents, processes);
    const namespaces: NetworkNamespace[] = [];
    const listeners: Listener[] = [];
    this.#listeners.beginScan();
    for (const [inode, here] of residents) {
      const addresses = this.#addressesOf(inode, here.pids);
      namespaces.push({ inode, addresses, cgroupIds: [...here.cgroupIds], shared: here.shared });
      const hints = listening.filter(({ netns }) => netns === inode).map(({ pid }) => pid);
      listeners.push(...this.#listeners.of(inode, here.pids, processes, this.#soleCgroup(here), hints));
      await this.#giveWay();
    }
    this.#listeners.endScan();
    for (const key of this.#addresses.keys()) {
      if (!residents.has(Number(key.split('/')[0]))) this.#addresses.delete(key);
    }
    return { startedUs, finishedUs: Math.max(this.#nowUs(), startedUs + 1), namespaces, listeners };
  }

  #nowUs(): number {
    if (this.#options.nowUs !== undefined) return this.#options.nowUs();
    // Finer than the wall clock, which alone knows that the wall clock was set.
    const monotonicMs = performance.timeOrigin + performance.now();
    const setMs = systemClock.nowMs() - monotonicMs;
    if (Math.abs(setMs - this.#setMs) > CLOCK_DRIFT_MS) this.#setMs = setMs;
    return Math.round((monotonicMs + this.#setMs) * 1000);
  }

  async #giveWay(): Promise<void> {
    if (performance.now() - this.#sliceMs < SLICE_MS) return;
    await nextTurn();
    this.#sliceMs = performance.now();
  }

  /** The process's own word first, then the whole tree. */
  #search(cgroupId: number, pid: number): string | undefined {
    const own = pid > 0 ? textOrNull(`${PROC}/${pid}/cgroup`, 64 * 1024) : null;
    const path = own === null ? undefined : /^0::(\/.*)$/m.exec(own)?.[1];
    if (path !== undefined && this.#tree.learn(cgroupId, path)) return path;
    if (performance.now() - this.#learnedMs < LEARN_MS) return undefined;
    this.#learnedMs = performance.now();
    this.#tree.learnAll();
    return this.#tree.pathOf(cgroupId);
  }

  /** Not cached: setns changes a process's namespace under the same pid. */
  async #residents(processes: ReadonlyMap<number, WatchedProcess>): Promise<Map<number, Residents>> {
    const residents = new Map<number, Residents>();
    const denied: number[] = [];
    for (const [pid, { cgroupId }] of processes) {
      const inode = linkInode(`${PROC}/${pid}/ns/net`, 'net');
      if (inode === 'denied') denied.push(pid);
      else if (inode !== 'gone') settle(residents, inode, pid, cgroupId);
      await this.#giveWay();
    }
    if (denied.length === 0) return residents;
    this.#tellDenied(denied.length);
    const known = markers(residents);
    for (const pid of denied) {
      const marker = inodeOf(`${PROC}/${pid}/net/dev`);
      const process = processes.get(pid);
      if (marker === null || process === undefined) continue;
      // A namespace whose number nobody may read gets one of its own, below zero.
      settle(residents, known.get(marker) ?? -marker, pid, process.cgroupId);
    }
    return residents;
  }

  async #markStrangers(
    residents: Map<number, Residents>,
    processes: ReadonlyMap<number, WatchedProcess>,
  ): Promise<void> {
    const known = markers(residents);
    for (const name of readdirSync(PROC)) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || processes.has(pid)) continue;
      let inode: number | null | undefined = null;
      const link = linkInode(`${PROC}/${pid}/ns/net`, 'net');
      if (link === 'denied') inode = known.get(inodeOf(`${PROC}/${pid}/net/dev`) ?? 0);
      else if (link !== 'gone') inode = link;
      const here = inode === null || inode === undefined ? undefined : residents.get(inode);
      if (here !== undefined) here.shared = true;
      await this.#giveWay();
    }
  }

  #tellDenied(processes: number): void {
    if (this.#deniedTold) return;
    this.#deniedTold = true;
    this.#options.logger.warn(
      { processes, lacks: 'CAP_SYS_PTRACE' },
      'processes of other users not readable: their listeners are not claimed where a namespace is shared',
    );
  }

  #addressesOf(inode: number, pids: ReadonlySet<number>): NetworkNamespace['addresses'] {
    return [
      ...this.#parsed(inode, pids, 'fib_trie', ipv4Addresses),
      ...this.#parsed(inode, pids, 'if_inet6', ipv6Addresses),
    ];
  }

  /** Parsed again only when the text changed; where no process lives long enough to be asked, as it was. */
  #parsed(
    inode: number,
    pids: ReadonlySet<number>,
    file: string,
    parse: (text: string) => NetworkNamespace['addresses'],
  ): NetworkNamespace['addresses'] {
    const key = `${inode}/${file}`;
    const known = this.#addresses.get(key);
    const text = netFile(PROC, pids, file);
    if (text === null || text === known?.text) return known?.parsed ?? [];
    const parsed = parse(text);
    this.#addresses.set(key, { text, parsed });
    return parsed;
  }

  /**
   * The cgroup that stands for the one workload of a namespace, null where there are several, strangers, or one that
   * only its processes' names tell.
   */
  #soleCgroup({ cgroupIds, shared }: Residents): number | null {
    if (shared) return null;
    const uids = new Set<string>();
    for (const id of cgroupIds) {
      const identity = this.identify(id, 0, '');
      if (identity === null) return null;
      uids.add(identity.workload.instanceUid);
    }
    return uids.size === 1 ? Math.min(...cgroupIds) : null;
  }
}

function settle(residents: Map<number, Residents>, inode: number, pid: number, cgroupId: number): void {
  const here = residents.get(inode) ?? { pids: new Set<number>(), cgroupIds: new Set<number>(), shared: false };
  here.pids.add(pid);
  here.cgroupIds.add(cgroupId);
  residents.set(inode, here);
}

/** The inode of net/dev differs from namespace to namespace, and may be asked of any process. */
function markers(residents: ReadonlyMap<number, Residents>): Map<number, number> {
  const known = new Map<number, number>();
  for (const [inode, { pids }] of residents) {
    const [pid] = pids;
    const marker = pid === undefined ? null : inodeOf(`${PROC}/${pid}/net/dev`);
    if (marker !== null) known.set(marker, inode);
  }
  return known;
}

/** Errors: WEIR_SIDECAR_NO_CGROUP2. */
export function openProcHost(options: ProcHostOptions): ProcHost {
  const root = resolveCgroup(options.cgroupPath);
  const mount = mountHere('cgroup2');
  const within = mount !== null && (root === mount || root.startsWith(`${mount}/`));
  return new ProcHost({ ...options, cgroupPath: root }, within ? mount : root, openDump());
}

/** Null without the addon, which a look at the machine does not need. */
function openDump(): ListenerDump | null {
  try {
    return new ListenerDump(loadAddon(), PROC);
  } catch (cause) {
    if (cause instanceof WeirError && cause.code === 'WEIR_SIDECAR_NO_ADDON') return null;
    throw cause;
  }
}
