/**
 * Copies of a bucket's objects on this machine, for readers that open files. One pool for any number of processes:
 *
 *   objects/<hash>         whole files, each put there by rename; the oldest go when the pool is full
 *   _tmp/<owner>.pins/…    what a living process was given: hard links, so that nobody's eviction takes them away
 *
 * Bound: the pool, `bytesMax` (other processes' additions between two looks apart); what one process holds, as much
 * again at most. What dead processes held goes when the cache is next opened.
 */
import { createHash } from 'node:crypto';
import { link, mkdir, readdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { fromFileSystem, isFileSystemError } from './file-errors.ts';
import { removeLeftovers, TemporaryNames } from './temporary.ts';

export interface FileCacheOptions {
  readonly folder: string;
  readonly bytesMax: number;
  readonly clock: Clock;
}

/** One version of one object. `key` names it among all objects of all stores. */
export interface Cacheable {
  /** With `/`, relative: the path ends with it. */
  readonly name: string;
  readonly key: string;
  readonly bytes: number;
}

/** What is evicted at once: this part of the bound. */
const EVICT_TO = 0.9;
/** How much is added before the pool is looked at again: this part of the bound. */
const LOOK_AFTER = 1 / 16;

export class FileCache {
  readonly #folder: string;
  readonly #bytesMax: number;
  readonly #clock: Clock;
  readonly #temporary: TemporaryNames = new TemporaryNames();
  readonly #held = new Map<string, Promise<string>>();
  #heldBytes = 0;
  #pins: Promise<string> | null = null;
  #opened: Promise<void> | null = null;
  /** Added since the pool was last looked at; null: never looked. */
  #added: number | null = null;

  constructor({ folder, bytesMax, clock }: FileCacheOptions) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
    this.#clock = clock;
  }

  /** Make the folders and remove what dead processes left. Done by whatever needs it. WEIR_SINK_STORE_*. */
  open(): Promise<void> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  /**
   * The path of a whole copy, which stays until `close`. `fetch` writes the object to a path that does not exist yet;
   * several callers at once share one fetch.
   * Fails: WEIR_SINK_CACHE_FULL when this process holds too much already; WEIR_SINK_STORE_*, what `fetch` fails with.
   */
  path(object: Cacheable, fetch: (file: string) => Promise<void>): Promise<string> {
    const known = this.#held.get(object.key);
    if (known !== undefined) return known;
    if (this.#heldBytes + object.bytes > this.#bytesMax) return Promise.reject(this.#tooMuch(object));
    this.#heldBytes += object.bytes;
    const path = this.#hold(object, fetch);
    this.#held.set(object.key, path);
    path.catch(() => {
      this.#held.delete(object.key);
      this.#heldBytes -= object.bytes;
    });
    return path;
  }

  /** A free path in the cache's folder. */
  async temporaryPath(suffix: string): Promise<string> {
    await this.open();
    return join(this.#folder, '_tmp', await this.#temporary.next(suffix));
  }

  /** Give back what this process holds: its paths are gone. */
  async close(): Promise<void> {
    // A fetch that is under way would pin its file after all was given back.
    await Promise.allSettled(this.#held.values());
    const pins = this.#pins;
    this.#pins = null;
    this.#held.clear();
    this.#heldBytes = 0;
    if (pins !== null) await rm(await pins, { recursive: true, force: true });
  }

  async #open(): Promise<void> {
    try {
      await mkdir(join(this.#folder, '_tmp'), { recursive: true });
      await mkdir(join(this.#folder, 'objects'), { recursive: true });
      await removeLeftovers(join(this.#folder, '_tmp'));
    } catch (error) {
      this.#opened = null;
      throw fromFileSystem(error, 'open the cache', this.#folder);
    }
  }

  async #hold(object: Cacheable, fetch: (file: string) => Promise<void>): Promise<string> {
    const hash = createHash('sha256').update(object.key).digest('hex').slice(0, 40);
    const pooled = join(this.#folder, 'objects', hash);
    // The hash too: another version of the same name is another file.
    const pinned = join(await this.#pinsFolder(), hash.slice(0, 12), object.name);
    try {
      await mkdir(dirname(pinned), { recursive: true });
      if (await this.#take(pooled, pinned, object.bytes)) return pinned;
      const file = await this.temporaryPath('.object');
      try {
        await fetch(file);
        await this.#make(object.bytes);
        await link(file, pinned);
        await rename(file, pooled);
      } finally {
        await rm(file, { force: true });
      }
      this.#added = (this.#added ?? 0) + object.bytes;
      return pinned;
    } catch (error) {
      throw fromFileSystem(error, `cache ${object.name}`, this.#folder);
    }
  }

  /** Pin what is in the pool; false where it is not, or not whole. */
  async #take(pooled: string, pinned: string, bytes: number): Promise<boolean> {
    try {
      await link(pooled, pinned);
    } catch (error) {
      if (isFileSystemError(error, 'ENOENT')) return false;
      throw error;
    }
    if ((await stat(pinned)).size !== bytes) {
      await unlink(pinned);
      return false;
    }
    const seconds = this.#clock.nowMs() / 1000;
    await utimes(pinned, seconds, seconds);
    return true;
  }

  #pinsFolder(): Promise<string> {
    this.#pins ??= this.temporaryPath('.pins');
    return this.#pins;
  }

  /** Room for so many bytes more: the files least recently asked for go. */
  async #make(bytes: number): Promise<void> {
    if (this.#added !== null && this.#added + bytes < this.#bytesMax * LOOK_AFTER) return;
    const pool = join(this.#folder, 'objects');
    const files: { path: string; bytes: number; usedMs: number }[] = [];
    let sum = bytes;
    for (const name of await readdir(pool)) {
      const path = join(pool, name);
      const found = await statOrNull(path);
      if (found === null) continue;
      files.push({ path, bytes: found.size, usedMs: found.mtimeMs });
      sum += found.size;
    }
    // Until the next look as much may come as `LOOK_AFTER` says.
    const room = this.#bytesMax * (1 - LOOK_AFTER);
    this.#added = 0;
    if (sum <= room) return;
    files.sort((a, b) => a.usedMs - b.usedMs);
    for (const file of files) {
      if (sum <= room * EVICT_TO) break;
      await rm(file.path, { force: true });
      sum -= file.bytes;
    }
  }

  #tooMuch({ name, bytes }: Cacheable): WeirError {
    const asked = this.#heldBytes + bytes;
    const what =
      `reading ${name} would hold ${asked} bytes in ${this.#folder}, which may hold ${this.#bytesMax}; ` +
      'ask for fewer hours, or raise lake.cacheBytes';
    return new WeirError('WEIR_SINK_CACHE_FULL', what, { folder: this.#folder, bytesMax: this.#bytesMax });
  }
}

async function statOrNull(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (isFileSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}
