/** The file of the embedded log: how it is opened, what is in it, which version it has. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { WeirError } from '../../contract/errors.ts';
import { fromSqlite, isBusy } from './sqlite-errors.ts';

/** 'Weir' in ASCII: `file(1)` and we tell our files from others by it. */
const APPLICATION_ID = 0x57_65_69_72;
/** Of the tables below. A change of them is a new version. */
export const DATABASE_VERSION = 1;

/** Measured with 64 KiB values in groups of eight: 7,100 messages/s, 4 KiB pages 5,600, larger ones no better. */
const PAGE_BYTES = 8192;
/** The write-ahead log is copied into the file whenever it is this long, and cut to the second length afterwards. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;
const WAL_BYTES_MAX = 32 * 1024 * 1024;
const CACHE_KIB = 4096;
/** How long SQLite itself blocks the worker for a lock; longer waits are timers, so that reads go on meanwhile. */
const LOCK_MS = 20;

/**
 * A message's `id` is partition id * OFFSETS_MAX + offset: one B-tree in offset order per partition, no second index,
 * and within the 2^53 that a double holds. 2^40 messages are 34 years at 1,000/s.
 */
export const OFFSETS_MAX: number = 2 ** 40;
const PARTITION_IDS_MAX = 2 ** 13;

/**
 * topic      one row a topic; uuid is new each time it is made
 * partition  next offset to be read and written, bytes held, last append time (never steps back)
 * message    value last, so that the columns before it are read without its overflow pages
 * position   a group's next offset; goes with its topic
 */
const TABLES = `
CREATE TABLE topic (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  uuid TEXT NOT NULL,
  retention_ms INTEGER,
  retention_bytes INTEGER,
  message_bytes_max INTEGER NOT NULL
) STRICT;
CREATE TABLE partition (
  id INTEGER PRIMARY KEY CHECK (id < ${PARTITION_IDS_MAX}),
  topic INTEGER NOT NULL REFERENCES topic (id),
  number INTEGER NOT NULL,
  start_offset INTEGER NOT NULL,
  end_offset INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  last_append_ms INTEGER NOT NULL,
  UNIQUE (topic, number)
) STRICT;
CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  bytes INTEGER NOT NULL,
  append_ms INTEGER NOT NULL,
  key TEXT,
  headers TEXT NOT NULL,
  value BLOB NOT NULL
) STRICT;
CREATE TABLE position (
  consumer_group TEXT NOT NULL,
  partition INTEGER NOT NULL REFERENCES partition (id),
  next_offset INTEGER NOT NULL,
  PRIMARY KEY (consumer_group, partition)
) STRICT, WITHOUT ROWID;
`;

/**
 * Open the file, making it and its folder when there is none. Blocks for at most `busyMsMax` while others hold it.
 * Fails: WEIR_TRANSPORT_VERSION, WEIR_TRANSPORT_CORRUPT (not ours: it is left untouched), WEIR_DATA_RIGHTS,
 * WEIR_TRANSPORT_FULL, WEIR_TRANSPORT_UNAVAILABLE.
 */
export function openDatabase(path: string, busyMsMax: number): DatabaseSync {
  makeFolder(path);
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: Math.max(LOCK_MS, busyMsMax), enableForeignKeyConstraints: true });
    if (!isOurs(database, path)) create(database);
    settle(database);
    return database;
  } catch (error) {
    database?.close();
    throw fromSqlite(error, path);
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    const detail = error instanceof Error ? error.message : String(error);
    throw new WeirError(
      full ? 'WEIR_TRANSPORT_FULL' : 'WEIR_DATA_RIGHTS',
      `the folder of the log cannot be made: ${detail}; ${full ? 'free space' : 'mend the rights or choose another data folder'}`,
      { path },
      error,
    );
  }
}

/** True for a log of this version, false for an empty file. Reads only, so that a foreign file stays as it is. */
function isOurs(database: DatabaseSync, path: string): boolean {
  const application = pragma(database, 'application_id');
  const version = pragma(database, 'user_version');
  if (application === APPLICATION_ID) {
    if (version === DATABASE_VERSION) return true;
    const mend =
      version > DATABASE_VERSION
        ? 'run the newer Weir that wrote it'
        : 'deliver what it holds with the Weir that wrote it (weir run --for 1s, or its stages until nothing is held), then move the file away: the lake goes on';
    throw new WeirError(
      'WEIR_TRANSPORT_VERSION',
      `${path}: the log has version ${version}, this Weir reads version ${DATABASE_VERSION}; ${mend}, or choose another data folder with --data`,
      { path, version, expected: DATABASE_VERSION },
    );
  }
  const tables = database.prepare('SELECT count(*) AS value FROM sqlite_schema').get();
  if (application === 0 && version === 0 && Number(tables?.['value']) === 0) return false;
  throw new WeirError(
    'WEIR_TRANSPORT_CORRUPT',
    `${path}: a database of another application (id ${application}), not a log of Weir; choose another data folder`,
    { path, application },
  );
}

/** Two processes may do this at once: the pragmas agree, and the tables are made under the write lock. */
function create(database: DatabaseSync): void {
  database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL`);
  database.exec('BEGIN IMMEDIATE');
  try {
    if (pragma(database, 'user_version') === 0) {
      database.exec(TABLES);
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${DATABASE_VERSION}`);
    }
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** What holds per connection. FULL: a commit is on the disk when it returns. */
function settle(database: DatabaseSync): void {
  database.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB};` +
      `PRAGMA wal_autocheckpoint = ${CHECKPOINT_BYTES / PAGE_BYTES}; PRAGMA journal_size_limit = ${WAL_BYTES_MAX};` +
      `PRAGMA busy_timeout = ${LOCK_MS}`,
  );
}

/** The value of a pragma that is a number. */
export function pragma(database: DatabaseSync, name: string): number {
  const found = database.prepare(`PRAGMA ${name}`).get();
  return Number(found === undefined ? 0 : Object.values(found)[0]);
}

/** Run `body` on one snapshot of the file. */
export function onSnapshot<T>(database: DatabaseSync, body: () => T): T {
  database.exec('BEGIN');
  try {
    return body();
  } finally {
    // After some errors SQLite has ended the transaction by itself.
    if (database.isTransaction) database.exec('COMMIT');
  }
}

/** Begin a write; false when another process holds the lock. */
export function beginWrite(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN IMMEDIATE');
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

/** Undo a write that failed; SQLite has done so itself after some errors. */
export function rollBack(database: DatabaseSync): void {
  if (database.isTransaction) database.exec('ROLLBACK');
}
