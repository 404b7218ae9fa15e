/**
 * Listeners of network namespaces, and who holds them: from the kernel's list (listener-dump.ts) where it may be asked,
 * else from /proc/<pid>/net/tcp and tcp6.
 *
 * Reading one of these files walks the kernel's whole table of connections, of all namespaces: 2 ms where memory is
 * large, however few sockets there are. So a namespace with one owner, where the answer adds nothing to who owns what,
 * is read when it is new, when a listen record names it, and now and then; a shared one at every scan.
 */
import type { Listener } from '../host-view.ts';
import type { ListenerDump } from './listener-dump.ts';
import { listeningSockets, pastListeners, type ListeningSocket } from './net-files.ts';
import { textOrNull } from './proc-files.ts';
import { SocketOwners } from './socket-owners.ts';

export interface WatchedProcess {
  readonly cgroupId: number;
}

/** A route table of 100,000 routes prints as 6 MB. */
const NET_FILE_BYTES_MAX = 8 * 1024 * 1024;
/** Scans between two readings of a namespace with one owner. */
const REREAD_SCANS = 30;

interface Known {
  readonly sockets: readonly ListeningSocket[];
  readonly scan: number;
}

export class ListenerFiles {
  readonly #procRoot: string;
  readonly #dump: ListenerDump | null;
  readonly #holders: SocketOwners;
  #known = new Map<number, Known>();
  #next = new Map<number, Known>();
  #scan = 0;

  constructor(procRoot: string, dump: ListenerDump | null) {
    this.#procRoot = procRoot;
    this.#dump = dump;
    this.#holders = new SocketOwners(procRoot);
  }

  beginScan(): void {
    this.#scan++;
    this.#next = new Map();
    this.#holders.beginScan();
  }

  /** Namespaces that this scan did not ask for are gone. */
  endScan(): void {
    this.#known = this.#next;
    this.#holders.endScan();
  }

  /** `sole`: the cgroup that stands for all of them, whoever holds the socket; else each holder is looked for. */
  of(
    netns: number,
    pids: ReadonlySet<number>,
    processes: ReadonlyMap<number, WatchedProcess>,
    sole: number | null,
    hints: readonly number[],
  ): readonly Listener[] {
    const sockets = this.#socketsOf(netns, pids, sole !== null && hints.length === 0);
    if (sole !== null) {
      return sockets.map(({ addr, port }) => ({ netns, addr, port, cgroupId: sole, pid: 0, comm: '' }));
    }
    const inodes = sockets.map(({ inode }) => inode);
    const holders = this.#holders.find(inodes, pids, hints);
    return sockets.flatMap(({ addr, port, inode }) => {
      const pid = holders.get(inode);
      const process = pid === undefined ? undefined : processes.get(pid);
      if (pid === undefined || process === undefined) return [];
      const comm = textOrNull(`${this.#procRoot}/${pid}/comm`, 64)?.trimEnd() ?? '';
      return [{ netns, addr, port, cgroupId: process.cgroupId, pid, comm }];
    });
  }

  #socketsOf(netns: number, pids: ReadonlySet<number>, mayBeOld: boolean): readonly ListeningSocket[] {
    const known = this.#known.get(netns);
    if (mayBeOld && known !== undefined && this.#scan - known.scan < REREAD_SCANS) {
      this.#next.set(netns, known);
      return known.sockets;
    }
    const sockets = this.#dump?.of(netns, pids) ?? this.#fromFiles(pids);
    this.#next.set(netns, { sockets, scan: this.#scan });
    return sockets;
  }

  #fromFiles(pids: ReadonlySet<number>): readonly ListeningSocket[] {
    return ['tcp', 'tcp6'].flatMap((file) =>
      listeningSockets(netFile(this.#procRoot, pids, file, pastListeners) ?? ''),
    );
  }
}

/** A file of /proc/<pid>/net of the first process that is still there. */
export function netFile(
  procRoot: string,
  pids: ReadonlySet<number>,
  file: string,
  enough?: (text: string) => boolean,
): string | null {
  for (const pid of pids) {
    const text = textOrNull(`${procRoot}/${pid}/net/${file}`, NET_FILE_BYTES_MAX, enough);
    if (text !== null) return text;
  }
  return null;
}
