/** Small files of /proc and cgroup2, read whole without a stat (their size says 0), into one buffer. */
import { closeSync, openSync, readlinkSync, readSync, statSync } from 'node:fs';

/** What a process that just ended, or a file that was never there, answers. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'ENODEV', 'EINVAL', 'EOPNOTSUPP', 'ENOTDIR']);
const DENIED: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

export type Missing = 'gone' | 'denied';

let buffer = Buffer.allocUnsafe(64 * 1024);

/** The file's text up to `bytesMax`, stopping early once `enough` says so of what is there; null where it cannot be read. */
export function textOrNull(path: string, bytesMax: number, enough?: (text: string) => boolean): string | null {
  try {
    const fd = openSync(path, 'r');
    try {
      return readAll(fd, bytesMax, enough);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    missing(cause);
    return null;
  }
}

/** Inode in a link like `net:[4026531840]` or `socket:[4711]`. */
export function linkInode(path: string, kind: string): number | Missing {
  try {
    const link = readlinkSync(path);
    if (!link.startsWith(kind)) return 'gone';
    return Number(link.slice(kind.length + 2, -1));
  } catch (cause) {
    return missing(cause);
  }
}

/** A file's inode, null where it cannot be had. */
export function inodeOf(path: string): number | null {
  try {
    return statSync(path).ino;
  } catch (cause) {
    missing(cause);
    return null;
  }
}

/** Ordinary reasons become a word; anything else is thrown on. */
export function missing(cause: unknown): Missing {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (GONE.has(code)) return 'gone';
  if (DENIED.has(code)) return 'denied';
  throw cause;
}

function readAll(fd: number, bytesMax: number, enough: ((text: string) => boolean) | undefined): string {
  let length = 0;
  for (;;) {
    if (length === buffer.length) {
      const grown = Buffer.allocUnsafe(2 * buffer.length);
      buffer.copy(grown);
      buffer = grown;
    }
    const more = readSync(fd, buffer, length, buffer.length - length, null);
    length += more;
    if (more === 0 || length >= bytesMax) break;
    if (enough?.(buffer.toString('latin1', 0, length)) === true) break;
  }
  return buffer.toString('latin1', 0, length);
}
