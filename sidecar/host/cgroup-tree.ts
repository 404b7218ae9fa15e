/**
 * The cgroup2 tree below a folder: kernfs id (the folder's inode) -> path, and which processes live where.
 * Paths of cgroups that are gone are kept for a while: their last flows are still on the way.
 */
import { opendirSync, statSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { missing, textOrNull } from './proc-files.ts';

export interface CgroupFolder {
  readonly id: number;
  /** Relative to the mount, beginning with `/`. */
  readonly path: string;
  readonly pids: readonly number[];
}

const PATHS_MAX = 16_384;
const PROCS_BYTES_MAX = 4 * 1024 * 1024;
/** A folder without children has two links, itself and its name in the parent. */
const LEAF_LINKS = 2;

/** Every entry counts as one, and the cache grows with them; told its `max`, it would take all its room at once. */
const one = (): number => 1;

export class CgroupTree {
  readonly #mount: string;
  readonly #root: string;
  readonly #paths = new LRUCache<number, string>({ maxSize: PATHS_MAX, sizeCalculation: one });

  /** `root` is the mount or a folder below it. */
  constructor(mount: string, root: string) {
    this.#mount = trimmed(mount);
    this.#root = trimmed(root);
  }

  get wholeMachine(): boolean {
    return this.#root === this.#mount;
  }

  /** As last seen, or undefined. */
  pathOf(id: number): string | undefined {
    return this.#paths.get(id);
  }

  /** Learn a path from elsewhere, when the folder there is this cgroup. */
  learn(id: number, path: string): boolean {
    const stat = statOrNull(this.#mount + (path === '/' ? '' : path));
    if (stat === null || stat.ino !== id) return false;
    this.#paths.set(id, path);
    return true;
  }

  /** Every cgroup of the watched subtree with its processes, parents before children. */
  *walk(): Generator<CgroupFolder> {
    yield* this.#walk(this.#root, true);
  }

  /** Learn the paths of the whole mount: a socket may belong to a cgroup outside the watched subtree. */
  learnAll(): void {
    const folders = this.#walk(this.#mount, false);
    while (folders.next().done !== true);
  }

  *#walk(root: string, processes: boolean): Generator<CgroupFolder> {
    const folders = [root];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const stat = statOrNull(folder);
      if (stat === null) continue;
      const path = folder.slice(this.#mount.length) || '/';
      this.#paths.set(stat.ino, path);
      yield { id: stat.ino, path, pids: processes ? pidsOf(folder) : [] };
      if (stat.nlink !== LEAF_LINKS) folders.push(...childrenOf(folder));
    }
  }
}

function trimmed(path: string): string {
  return path.replace(/\/+$/, '');
}

function statOrNull(path: string): { readonly ino: number; readonly nlink: number } | null {
  try {
    return statSync(path === '' ? '/' : path);
  } catch (cause) {
    missing(cause);
    return null;
  }
}

function childrenOf(folder: string): string[] {
  const children: string[] = [];
  try {
    const listing = opendirSync(folder);
    try {
      for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
        if (entry.isDirectory()) children.push(`${folder}/${entry.name}`);
      }
    } finally {
      listing.closeSync();
    }
  } catch (cause) {
    missing(cause);
  }
  return children;
}

/** Pid 0 stands for a process of another pid namespace. A threaded cgroup lists none. */
function pidsOf(folder: string): number[] {
  const text = textOrNull(`${folder}/cgroup.procs`, PROCS_BYTES_MAX);
  if (text === null || text === '') return [];
  return text
    .trimEnd()
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
}
