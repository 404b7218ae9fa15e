/**
 * The lake in a local folder. The condition is link(2): it fails with EEXIST where the name is taken, whoever is first
 * wins, and what becomes visible is whole. Object metadata is the file's own key-value metadata: nothing beside it.
 *
 * Writing: a file under `_tmp/`, fsync, link to its name, fsync of the folder and of every folder made for it.
 */
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { WeirError } from '../../contract/errors.ts';
import type { Store, StoredObject } from '../../contract/store.ts';
import { fromFileSystem, isFileSystemError } from './file-errors.ts';
import { probeCondition } from './probe.ts';
import { removeLeftovers, TemporaryNames } from './temporary.ts';

const TEMPORARY = '_tmp';
/** Folders remembered as durable: one an hour and table is added, so this is weeks. */
const DURABLE_FOLDERS_MAX = 1000;

/**
 * Open (and make) the folder, remove what dead processes left in `_tmp/`, and probe that the file system honours the
 * condition. Fails: WEIR_SINK_STORE_CONDITION, WEIR_SINK_STORE_RIGHTS, WEIR_SINK_STORE_FULL,
 * WEIR_SINK_STORE_UNAVAILABLE.
 */
export async function openFolderStore(folder: string): Promise<Store> {
  const store = new FolderStore(resolve(folder));
  await store.open();
  return store;
}

/** For readers: makes nothing, removes nothing, probes nothing; writing still works where the folder allows it. */
export function readFolderStore(folder: string): Store {
  return new FolderStore(resolve(folder));
}

class FolderStore implements Store {
  readonly where: string;
  readonly #temporary: TemporaryNames;
  readonly #durable = new Set<string>();

  constructor(folder: string) {
    this.where = folder;
    this.#temporary = new TemporaryNames();
  }

  async open(): Promise<void> {
    const temporary = join(this.where, TEMPORARY);
    try {
      await this.#makeFolder(temporary);
      await removeLeftovers(temporary);
    } catch (error) {
      throw fromFileSystem(error, 'open the lake', this.where);
    }
    await this.#probe();
  }

  async create(name: string, file: string, _metadata: Readonly<Record<string, string>>): Promise<void> {
    const target = this.#path(name);
    try {
      await sync(file);
      await this.#makeFolder(dirname(target));
      await linkOrCopy(file, target, async () => this.temporaryPath('.copy'));
      await sync(dirname(target));
    } catch (error) {
      if (isFileSystemError(error, 'EEXIST')) throw existsError(name, this.where, error);
      throw fromFileSystem(error, `create ${name}`, this.where);
    }
  }

  async createBytes(name: string, bytes: Uint8Array, metadata: Readonly<Record<string, string>>): Promise<void> {
    const file = await this.temporaryPath('.bytes');
    try {
      await writeFile(file, bytes, { flag: 'wx' });
      await this.create(name, file, metadata);
    } catch (error) {
      throw fromFileSystem(error, `create ${name}`, this.where);
    } finally {
      await this.discard(file);
    }
  }

  async stat(name: string): Promise<StoredObject | null> {
    try {
      const found = await stat(this.#path(name));
      return found.isFile() ? { name, bytes: found.size } : null;
    } catch (error) {
      if (isFileSystemError(error, 'ENOENT', 'ENOTDIR')) return null;
      throw fromFileSystem(error, `look at ${name}`, this.where);
    }
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    // A prefix need not end at a folder's edge: walk its folder, keep what begins with it.
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const found: StoredObject[] = [];
    await this.#walk(folder, prefix, found);
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async folders(prefix: string): Promise<readonly string[]> {
    const entries = await this.#entries(prefix);
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  }

  async readRange(name: string, start: number, end: number): Promise<Uint8Array> {
    if (end <= start) return new Uint8Array(0);
    try {
      const handle = await open(this.#path(name), 'r');
      try {
        // The object may be shorter than the caller thinks: never allocate for what is not there.
        const { size } = await handle.stat();
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
        let at = 0;
        while (at < bytes.length) {
          const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at);
          if (bytesRead === 0) return bytes.slice(0, at);
          at += bytesRead;
        }
        return bytes;
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw fromFileSystem(error, `read ${name}`, this.where);
    }
  }

  localPath(name: string): Promise<string> {
    return Promise.resolve(this.#path(name));
  }

  async temporaryPath(suffix: string): Promise<string> {
    const folder = join(this.where, TEMPORARY);
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw fromFileSystem(error, 'make the temporary folder', this.where);
    }
    return join(folder, await this.#temporary.next(suffix));
  }

  async discard(file: string): Promise<void> {
    try {
      await rm(file, { force: true });
    } catch (error) {
      throw fromFileSystem(error, 'remove a temporary file', this.where);
    }
  }

  /**
   * Make a folder with its parents and make their entries durable. A folder that exists may have been made by a process
   * that died before its fsync, so each folder is synced once by every process, up to the lake's own parent.
   */
  async #makeFolder(folder: string): Promise<void> {
    if (this.#durable.has(folder)) return;
    const first = await mkdir(folder, { recursive: true });
    const top = dirname(first !== undefined && this.where.startsWith(first) ? first : this.where);
    for (let at = folder; at !== top && dirname(at) !== at; at = dirname(at)) await sync(dirname(at));
    if (this.#durable.size >= DURABLE_FOLDERS_MAX) this.#durable.clear();
    this.#durable.add(folder);
  }

  /** A name is below the folder or refused: `..`, absolute paths and NUL never reach the file system. */
  #path(name: string): string {
    const path = resolve(this.where, name);
    const parts = name.split('/');
    if (!path.startsWith(this.where + sep) || name.includes('\0') || parts.includes('..') || parts.includes('')) {
      throw new WeirError('WEIR_SINK_STORE_RIGHTS', `the name ${JSON.stringify(name)} leaves the lake's folder`, {
        where: this.where,
      });
    }
    return path;
  }

  async #entries(prefix: string) {
    const folder = prefix === '' ? this.where : this.#path(prefix.replace(/\/$/, ''));
    try {
      return await readdir(folder, { withFileTypes: true });
    } catch (error) {
      if (isFileSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
      throw fromFileSystem(error, `list ${prefix}`, this.where);
    }
  }

  async #walk(folder: string, prefix: string, found: StoredObject[]): Promise<void> {
    for (const entry of await this.#entries(folder)) {
      const name = folder + entry.name;
      if (entry.isDirectory()) {
        const below = `${name}/`;
        if (below.startsWith(prefix) || prefix.startsWith(below)) await this.#walk(below, prefix, found);
      } else if (entry.isFile() && name.startsWith(prefix)) {
        const object = await this.stat(name);
        if (object !== null) found.push(object);
      }
    }
  }

  async #probe(): Promise<void> {
    const name = `${TEMPORARY}/${await this.#temporary.next('.probe')}`;
    try {
      await probeCondition(this, name);
    } finally {
      await this.discard(join(this.where, name));
    }
  }
}

function existsError(name: string, where: string, cause: unknown): WeirError {
  return new WeirError('WEIR_SINK_EXISTS', `${name} exists already in ${where}`, { name }, cause);
}

/** link(2); where the file lies on another file system than the lake, copy it there first. */
async function linkOrCopy(file: string, target: string, spare: () => Promise<string>): Promise<void> {
  try {
    await link(file, target);
    return;
  } catch (error) {
    if (!isFileSystemError(error, 'EXDEV')) throw error;
  }
  const copy = await spare();
  try {
    await copyFile(file, copy, constants.COPYFILE_EXCL);
    await sync(copy);
    await link(copy, target);
  } finally {
    await unlink(copy);
  }
}

/** fsync of a file or of a folder (its entries). */
async function sync(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
