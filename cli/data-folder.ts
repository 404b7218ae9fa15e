/** The data folder DIR: weir-data.json tells whose it is, DIR/log and DIR/lake are in it, one `run` holds it. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '../contract/errors.ts';

export const DATA_VERSION = 1;
export const DEFAULT_DATA = 'weir-data';
const MARKER = 'weir-data.json';
/** How long a start waits for a holder that is just ending (or was just killed). */
const LOCK_WAIT_MS = 3000;

export interface DataFolder {
  readonly path: string;
  readonly log: string;
  readonly lake: string;
}

const named = (path: string): DataFolder => ({ path, log: join(path, 'log'), lake: join(path, 'lake') });

function rights(path: string, error: unknown): WeirError {
  const code = (error as NodeJS.ErrnoException).code ?? 'error';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new WeirError('WEIR_TRANSPORT_FULL', `the disk of ${path} is full (${code}); free space`, { path }, error);
  }
  const what = code === 'ENOTDIR' || code === 'EEXIST' ? 'is not a folder' : 'cannot be read or written';
  const message = `the data folder ${path} ${what} (${code}); name another with --data, or mend its rights`;
  return new WeirError('WEIR_DATA_RIGHTS', message, { path }, error);
}

function checkMarker(path: string): void {
  let version: unknown;
  try {
    version = JSON.parse(readFileSync(join(path, MARKER), 'utf8'))?.version;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw rights(path, error);
  }
  if (version === DATA_VERSION) return;
  throw new WeirError('WEIR_DATA_VERSION', `the data folder ${path} ${otherVersion(version)}`, { path });
}

/** There was none before version 1, which is today's: what is not of it is newer, or no marker at all. */
function otherVersion(version: unknown): string {
  const another = 'or name another folder with --data';
  if (!Number.isSafeInteger(version) || (version as number) < DATA_VERSION) {
    return `has a damaged ${MARKER}; where log and lake in it are Weir's, rm ${MARKER} and start again: it is made anew, ${another}`;
  }
  return `is of version ${String(version)}, and this Weir reads version ${DATA_VERSION}; run the newer Weir that wrote it (npx weir --version tells which one is here), ${another}`;
}

/** A log or a lake without a marker: made by hand, or by stages of their own; the next `run` marks it. */
const isUnmarked = (path: string): boolean =>
  existsSync(join(path, 'log', 'weir.sqlite')) || existsSync(join(path, 'lake', '_chain'));

/** Make DIR, or check that it is ours. WEIR_CLI_USAGE, WEIR_DATA_VERSION, WEIR_DATA_RIGHTS, WEIR_TRANSPORT_FULL. */
export function openDataFolder(directory: string): DataFolder {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(directory)) {
    const message = `--data ${directory} is an address, not a folder; the lake goes there with --lake-uri`;
    throw new WeirError('WEIR_CLI_USAGE', message);
  }
  const path = resolve(directory);
  const folder = named(path);
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    if (existsSync(join(path, MARKER))) checkMarker(path);
    else if (readdirSync(path).some((name) => name !== 'log' && name !== 'lake')) {
      const message = `${path} holds other files and no ${MARKER}: it is not a data folder of Weir; name another with --data`;
      throw new WeirError('WEIR_DATA_VERSION', message, { path });
    } else writeFileSync(join(path, MARKER), `${JSON.stringify({ version: DATA_VERSION })}\n`);
    mkdirSync(folder.log, { recursive: true });
    mkdirSync(folder.lake, { recursive: true });
  } catch (error) {
    throw error instanceof WeirError ? error : rights(path, error);
  }
  return folder;
}

/** A data folder that is only read; null when there is none at that place. WEIR_DATA_VERSION, WEIR_DATA_RIGHTS. */
export function findDataFolder(directory: string): DataFolder | null {
  const path = resolve(directory);
  if (existsSync(join(path, MARKER))) checkMarker(path);
  else if (!isUnmarked(path)) return null;
  return named(path);
}

/**
 * Hold DIR for this process: an exclusive lock of SQLite's on DIR/run.lock, which the kernel drops when the process
 * ends, however it ends. WEIR_DATA_IN_USE names the holder's pid.
 */
export async function holdDataFolder(folder: DataFolder): Promise<{ release(): void }> {
  const { DatabaseSync } = await import('node:sqlite');
  const pidFile = join(folder.path, 'run.pid');
  const lock = new DatabaseSync(join(folder.path, 'run.lock'));
  for (let waitedMs = 0; ; waitedMs += 100) {
    try {
      lock.exec('BEGIN EXCLUSIVE');
      break;
    } catch (error) {
      const code = (error as { errcode?: number }).errcode;
      if (code !== 5) throw rights(folder.path, error);
      if (waitedMs >= LOCK_WAIT_MS) {
        lock.close();
        const pid = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : 'unknown';
        const message = `process ${pid} holds the data folder ${folder.path}; end it, or name another with --data`;
        throw new WeirError('WEIR_DATA_IN_USE', message, { path: folder.path, pid });
      }
    }
    await sleep(100);
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return { release: () => lock.close() };
}
