/**
 * The lake as a database: the tables `flows`, `losses`, `ownership` over the Parquet objects of one LIST, and the views.
 * DuckDB runs in memory, bounded, and can open nothing but those objects.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import type { Store } from '../contract/store.ts';
import { compareHours, type Hour, type ObjectFormat, parseObjectName, type TableName } from '../schemas/objects.ts';
import { type Column, type ColumnType, PARTITION_COLUMNS, TABLES, type Table } from '../schemas/tables.ts';
import { DUCKDB_MACROS } from './ddl.ts';
import { dialectOf } from './views/dialect.ts';
import { VIEWS } from './views/views.ts';

/** Sorting and joining a day of a small fleet fits; what does not is spilled. */
const MEMORY_BYTES = 1024 * 1024 * 1024;
const THREADS = 2;
/** What does not fit into memory goes to a folder of its own, removed at close. */
const SPILL = '16GiB';
/** Objects of a bucket that are fetched at once. */
const FETCHES = 8;

export interface LakeOptions {
  readonly store: Store;
  readonly memoryBytes?: number;
  readonly threads?: number;
  /** Objects that arrived in an earlier hour are left out, before any is opened. */
  readonly fromHour?: Hour;
  /** What will be asked: objects of tables that it does not name are not fetched. Without it: all. */
  readonly sql?: string;
}

/** One LIST of a lake, to be asked: what is stored later shows in the next one opened. */
export interface Lake {
  /** For `runQuery`. Owned by the lake. */
  readonly connection: DuckDBConnection;
  close(): void;
}

/** Fails: WEIR_EXPLORE_NO_LAKE where there is no chain at all; WEIR_EXPLORE_FORMAT; WEIR_EXPLORE_QUERY when DuckDB cannot be set up. */
export async function openLake(options: LakeOptions): Promise<Lake> {
  const { store } = options;
  if ((await store.list('_chain/')).length === 0) {
    const message = `there is no lake at ${store.where}: run weir run or weir demo first, or name --data`;
    throw new WeirError('WEIR_EXPLORE_NO_LAKE', message, { where: store.where });
  }
  const files = new Map<TableName, string[]>();
  for (const name of tablesOf(options.sql)) files.set(name, await filesOf(store, name, options.fromHour));
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads ?? THREADS),
    memory_limit: `${Math.ceil((options.memoryBytes ?? MEMORY_BYTES) / (1024 * 1024))}MiB`,
  });
  const connection = await instance.connect();
  const spill = mkdtempSync(join(tmpdir(), 'weir-query-'));
  const close = (): void => {
    connection.closeSync();
    instance.closeSync();
    rmSync(spill, { recursive: true, force: true });
  };
  try {
    await connection.run(
      `SET TimeZone = 'UTC'; SET temp_directory = ${quote(spill)}; SET max_temp_directory_size = '${SPILL}'; SET preserve_insertion_order = false; ${confine([...files.values()].flat())}`,
    );
    await connection.run(DUCKDB_MACROS);
    for (const table of TABLES) await connection.run(tableSql(table, files.get(table.name) ?? []));
    for (const view of VIEWS) await connection.run(`CREATE VIEW ${view.name} AS ${view.sql(dialectOf('duckdb'))}`);
  } catch (error) {
    close();
    throw fromUnknown(error, 'WEIR_EXPLORE_QUERY', `the lake at ${store.where} cannot be opened`);
  }
  return { connection, close };
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * Only these files can be opened from here on, and nobody can undo it. Files, not folders: merely preparing an EXPORT makes
 * the folder that it names.
 */
const confine = (files: readonly string[]): string =>
  `SET allowed_paths = [${files.map(quote).join(', ')}]; SET enable_external_access = false; SET lock_configuration = true;`;

/** Tables that the text may read: named in it, or in a view that it names. Rather one too many than one too few. */
export function tablesOf(sql: string | undefined): readonly TableName[] {
  // A statement that makes up its statement may read anything.
  if (sql === undefined || /\bquery(_table)?\b/i.test(sql)) return TABLES.map(({ name }) => name);
  let text = sql;
  const open = new Map(VIEWS.map((view) => [view.name, view.sql(dialectOf('duckdb'))]));
  for (let found = true; found; ) {
    found = false;
    for (const [name, viewSql] of open) {
      if (!isNamed(name, text)) continue;
      open.delete(name);
      text += `\n${viewSql}`;
      found = true;
    }
  }
  return TABLES.map(({ name }) => name).filter((name) => isNamed(name, text));
}

const isNamed = (name: string, text: string): boolean => new RegExp(`\\b${name}\\b`, 'i').test(text);

async function filesOf(store: Store, table: TableName, fromHour: Hour | undefined): Promise<string[]> {
  const names: string[] = [];
  for (const { name } of await store.list(`${table}/`)) {
    const parsed = parseObjectName(name);
    if (parsed === null) continue;
    if (parsed.format !== 'parquet') throw otherFormat(store, name, parsed.format);
    if (fromHour === undefined || compareHours(parsed.hour, fromHour) >= 0) names.push(name);
  }
  const paths: string[] = [];
  let next = 0;
  const fetch = async (): Promise<void> => {
    for (let at = next++; at < names.length; at = next++) paths[at] = await store.localPath(names[at]!);
  };
  await Promise.all(Array.from({ length: FETCHES }, fetch));
  return paths;
}

function otherFormat(store: Store, name: string, format: ObjectFormat): WeirError {
  const message =
    `the lake at ${store.where} holds ${format} files (${name}), and Weir's own queries read parquet only; ` +
    'ask it with Athena, Trino or Spark, or begin another lake with lake.format parquet (weir verify reads both)';
  return new WeirError('WEIR_EXPLORE_FORMAT', message, { where: store.where, format });
}

const DUCKDB_TYPES: Readonly<Record<ColumnType, string>> = {
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  bigint: 'BIGINT',
  int: 'INTEGER',
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
};

/** Every column of the table, null where a file is older than it; the folders' names as the last two. */
function tableSql(table: Table, files: readonly string[]): string {
  const all: readonly Column[] = [...table.columns, ...PARTITION_COLUMNS];
  const empty = `SELECT ${all.map(({ name, type }) => `NULL::${DUCKDB_TYPES[type]} AS "${name}"`).join(', ')} WHERE false`;
  const stored =
    `SELECT * FROM read_parquet([${files.map(quote).join(', ')}], union_by_name = true, ` +
    "hive_partitioning = true, hive_types = {'dt': VARCHAR, 'hour': INTEGER})";
  const rows = files.length === 0 ? empty : `${empty} UNION ALL BY NAME ${stored}`;
  const select = all.map(({ name, type }) => `CAST("${name}" AS ${DUCKDB_TYPES[type]}) AS "${name}"`).join(', ');
  return `CREATE VIEW ${table.name} AS SELECT ${select} FROM (${rows})`;
}
