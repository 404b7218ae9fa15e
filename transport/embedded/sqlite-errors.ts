/** What an error of SQLite means for the callers of the log. Codes: https://www.sqlite.org/rescode.html */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { WeirError, type ErrorCode } from '../../contract/errors.ts';
import type { ErrorAnswer } from './protocol.ts';

/** Primary result codes (the low byte of an extended one). */
const PERM = 3;
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const AUTH = 23;
const NOTADB = 26;

/** SQLite reports a failed growth of its shared-memory file as an I/O error; with less room than this it was that. */
const FULL_BYTES = 256 * 1024;

/** The primary result code of an error that node:sqlite threw; null of anything else. */
export function sqliteCode(cause: unknown): number | null {
  if (!(cause instanceof Error) || !('errcode' in cause) || typeof cause.errcode !== 'number') return null;
  return cause.errcode & 0xff;
}

/** Somebody else holds the lock: worth another try. */
export function isBusy(cause: unknown): boolean {
  const code = sqliteCode(cause);
  return code === BUSY || code === LOCKED;
}

/** Convert whatever was thrown at the file; a WeirError stays as it is. */
export function fromSqlite(cause: unknown, path: string): WeirError {
  if (cause instanceof WeirError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  const sqlite = sqliteCode(cause);
  const code = meaning(sqlite, path);
  return new WeirError(
    code,
    `${path}: ${ADVICE[code] ?? 'unexpected failure of the log'} (${detail})`,
    { path, sqlite },
    cause,
  );
}

const ADVICE: Partial<Record<ErrorCode, string>> = {
  WEIR_TRANSPORT_UNAVAILABLE: 'the log cannot be written now; it is tried again',
  WEIR_TRANSPORT_FULL: 'no room left on the disk of the log; free space there',
  WEIR_TRANSPORT_CORRUPT: 'not a log of Weir, or damaged; restore it or choose another data folder',
  WEIR_DATA_RIGHTS: 'the log cannot be read and written by this user; mend the rights or choose another data folder',
};

function meaning(sqlite: number | null, path: string): ErrorCode {
  switch (sqlite) {
    case FULL:
      return 'WEIR_TRANSPORT_FULL';
    case CORRUPT:
    case NOTADB:
      return 'WEIR_TRANSPORT_CORRUPT';
    case CANTOPEN:
    case IOERR:
      if (diskIsFull(path)) return 'WEIR_TRANSPORT_FULL';
      return sqlite === IOERR ? 'WEIR_TRANSPORT_UNAVAILABLE' : 'WEIR_DATA_RIGHTS';
    case PERM:
    case READONLY:
    case AUTH:
      return 'WEIR_DATA_RIGHTS';
    case BUSY:
    case LOCKED:
      return 'WEIR_TRANSPORT_UNAVAILABLE';
    default:
      return 'WEIR_INTERNAL';
  }
}

function diskIsFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < FULL_BYTES;
  } catch (error) {
    // The folder itself is gone or unreachable: certainly not a matter of room.
    return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
  }
}

/** Flatten for the way out of the worker. */
export function toAnswer(error: WeirError): ErrorAnswer {
  const { cause } = error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : null;
  return { code: error.code, message: error.message, context: error.context, cause: text };
}

export function fromAnswer(answer: ErrorAnswer): WeirError {
  const cause = answer.cause === null ? undefined : new Error(answer.cause);
  return new WeirError(answer.code, answer.message, answer.context, cause);
}
