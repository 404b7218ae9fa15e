/**
 * Which process holds a listening socket: the one with `socket:[inode]` among its open files. Looking costs a readlink
 * per open file, so it is done once per listener, bounded per scan, and a listener without a holder is not looked for
 * again at once.
 */
import { readdirSync } from 'node:fs';
import { linkInode, missing } from './proc-files.ts';

/** Open files looked at in one scan: about 60 ms. */
const LINKS_PER_SCAN_MAX = 20_000;
/** A listener whose holder is not among the watched processes. */
const TRIES_MAX = 3;
const RETRY_SCANS = 30;

interface Search {
  tries: number;
  skipScans: number;
}

export class SocketOwners {
  readonly #procRoot: string;
  readonly #pids = new Map<number, number>();
  readonly #searches = new Map<number, Search>();
  readonly #seen = new Set<number>();
  #budget = LINKS_PER_SCAN_MAX;

  constructor(procRoot: string) {
    this.#procRoot = procRoot;
  }

  beginScan(): void {
    this.#budget = LINKS_PER_SCAN_MAX;
    this.#seen.clear();
  }

  /** Sockets that this scan did not ask for are gone. */
  endScan(): void {
    for (const inode of this.#pids.keys()) if (!this.#seen.has(inode)) this.#pids.delete(inode);
    for (const inode of this.#searches.keys()) if (!this.#seen.has(inode)) this.#searches.delete(inode);
  }

  /** The holder of each socket among `pids`, those in `first` before the others. Sockets without one are left out. */
  find(inodes: readonly number[], pids: ReadonlySet<number>, first: readonly number[]): ReadonlyMap<number, number> {
    const found = new Map<number, number>();
    const wanted = new Set<number>();
    for (const inode of inodes) {
      this.#seen.add(inode);
      const pid = this.#pids.get(inode);
      if (pid !== undefined && pids.has(pid)) found.set(inode, pid);
      else if (this.#worthLooking(inode)) wanted.add(inode);
    }
    if (wanted.size === 0) return found;
    const complete = this.#look(wanted, [...first.filter((pid) => pids.has(pid)), ...pids], found);
    for (const [inode, pid] of found) this.#pids.set(inode, pid);
    if (complete) for (const inode of wanted) this.#missed(inode);
    return found;
  }

  /** True when every process was looked at, or nothing was left to find. */
  #look(wanted: Set<number>, pids: readonly number[], found: Map<number, number>): boolean {
    for (const pid of pids) {
      for (const file of this.#openFiles(pid)) {
        if (this.#budget-- <= 0) return false;
        const inode = linkInode(`${this.#procRoot}/${pid}/fd/${file}`, 'socket');
        if (typeof inode !== 'number' || !wanted.delete(inode)) continue;
        found.set(inode, pid);
        if (wanted.size === 0) return true;
      }
    }
    return true;
  }

  #openFiles(pid: number): readonly string[] {
    try {
      return readdirSync(`${this.#procRoot}/${pid}/fd`);
    } catch (cause) {
      missing(cause);
      return [];
    }
  }

  #worthLooking(inode: number): boolean {
    const search = this.#searches.get(inode);
    if (search === undefined || search.tries < TRIES_MAX) return true;
    if (search.skipScans-- > 0) return false;
    search.skipScans = RETRY_SCANS;
    return true;
  }

  #missed(inode: number): void {
    const search = this.#searches.get(inode) ?? { tries: 0, skipScans: RETRY_SCANS };
    search.tries++;
    this.#searches.set(inode, search);
  }
}
