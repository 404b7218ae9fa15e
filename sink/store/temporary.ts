/**
 * Names of temporary files: `<boot>-<pid namespace>-<pid>-<process start>-<number><suffix>`. The name tells whether its
 * maker still lives, so that what a killed process left can be removed without touching a living one's.
 */
import { readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../contract/clock.ts';
import { isFileSystemError } from './file-errors.ts';

/** A maker in another pid namespace, or before a reboot, cannot be asked: its files go after this. */
const FOREIGN_AGE_MS = 3600_000;
const NAME = /^([0-9a-f]{8})-(\d+)-(\d+)-(\d+)-\d+\.[A-Za-z0-9.]+$/;

export class TemporaryNames {
  #owner: string | null = null;

  async next(suffix: string): Promise<string> {
    this.#owner ??= await ownOwner();
    return `${this.#owner}-${nextNumber()}${suffix}`;
  }
}

/** One count for the whole process: two stores on one folder never make the same name. */
let numberLast = 0;
function nextNumber(): number {
  numberLast++;
  return numberLast;
}

/** Remove the files (and folders) of dead makers; others (and names that are not of this form) stay. Returns how many went. */
export async function removeLeftovers(folder: string, nowMs: number = systemClock.nowMs()): Promise<number> {
  const here = await ownPlace();
  let removed = 0;
  for (const name of await readdir(folder)) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const [, boot, namespace, pid, start] = match;
    const file = join(folder, name);
    const dead =
      `${boot}-${namespace}` === here
        ? (await processStart(Number(pid))) !== start
        : await isOlder(file, nowMs - FOREIGN_AGE_MS);
    if (!dead) continue;
    await rm(file, { force: true, recursive: true });
    removed++;
  }
  return removed;
}

async function ownOwner(): Promise<string> {
  return `${await ownPlace()}-${process.pid}-${(await processStart(process.pid)) ?? 0}`;
}

async function ownPlace(): Promise<string> {
  const boot = (await readOr('/proc/sys/kernel/random/boot_id', '00000000')).slice(0, 8);
  const namespace = await readlink('/proc/self/ns/pid').then(
    (text) => text.replaceAll(/\D/g, ''),
    () => '0',
  );
  return `${boot}-${namespace}`;
}

/** Start of a process in clock ticks since boot (proc_pid_stat(5), field 22); null when there is none. */
async function processStart(pid: number): Promise<string | null> {
  const text = await readOr(`/proc/${pid}/stat`, '');
  // The name in field 2 may hold spaces and parentheses: count from its end.
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

async function readOr(file: string, otherwise: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isFileSystemError(error, 'ENOENT', 'ESRCH', 'EACCES')) return otherwise;
    throw error;
  }
}

async function isOlder(file: string, thanMs: number): Promise<boolean> {
  try {
    return (await stat(file)).mtimeMs < thanMs;
  } catch (error) {
    if (isFileSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}
