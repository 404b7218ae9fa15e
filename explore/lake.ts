/**
 * The lake as a database: the tables `flows`, `losses`, `ownership` over the Parquet objects of one LIST, and the views.
 * DuckDB runs in memory, bounded, and can open nothing but the lake's own tables.
 */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import type { Store } from '../contract/store.ts';
import { compareHours, type Hour, parseObjectName, type TableName } from '../schemas/objects.ts';
import { type Column, type ColumnType, PARTITION_COLUMNS, TABLES, type Table } from '../schemas/tables.ts';
import { DUCKDB_MACROS } from './ddl.ts';
import { dialectOf } from './views/dialect.ts';
import { VIEWS } from './views/views.ts';

/** Sorting and joining a day of a small fleet fits; what does not ends with DuckDB's own out-of-memory message. */
const MEMORY_BYTES = 1024 * 1024 * 1024;
const THREADS = 2;

export interface LakeOptions {
  readonly store: Store;
  readonly memoryBytes?: number;
  readonly threads?: number;
  /** Objects that arrived in an earlier hour are left out, before any is opened. */
  readonly fromHour?: Hour;
}

export interface Lake {
  /** For `runQuery`. Owned by the lake. */
  readonly connection: DuckDBConnection;
  /** List again: what was stored since becomes visible. */
  refresh(): Promise<void>;
  close(): void;
}

/** Fails: WEIR_EXPLORE_NO_LAKE where there is no chain at all; WEIR_EXPLORE_QUERY when DuckDB cannot be set up. */
export async function openLake(options: LakeOptions): Promise<Lake> {
  const { store } = options;
  const root = await rootOf(store);
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads ?? THREADS),
    memory_limit: `${Math.ceil((options.memoryBytes ?? MEMORY_BYTES) / (1024 * 1024))}MiB`,
  });
  const connection = await instance.connect();
  const close = (): void => {
    connection.closeSync();
    instance.closeSync();
  };
  const refresh = async (): Promise<void> => {
    for (const table of TABLES)
      await connection.run(tableSql(table, await filesOf(store, table.name, options.fromHour)));
  };
  try {
    await connection.run(`SET TimeZone = 'UTC'; SET temp_directory = ''; ${DUCKDB_MACROS}`);
    await refresh();
    for (const view of VIEWS) await connection.run(`CREATE VIEW ${view.name} AS ${view.sql(dialectOf('duckdb'))}`);
    await connection.run(confine(root));
  } catch (error) {
    close();
    throw fromUnknown(error, 'WEIR_EXPLORE_QUERY', `the lake at ${store.where} cannot be opened`);
  }
  return { connection, refresh, close };
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Only the tables' folders can be opened from here on, and nobody can undo it. */
const confine = (root: string): string =>
  `SET allowed_directories = [${TABLES.map((table) => quote(`${root}${table.name}/`)).join(', ')}]; ` +
  'SET enable_external_access = false; SET lock_configuration = true;';

/** The folder that the store's names are relative to, with `/` at its end. */
async function rootOf(store: Store): Promise<string> {
  const [genesis] = await store.list('_chain/');
  if (genesis === undefined) {
    const message = `there is no lake at ${store.where}: run weir run or weir demo first, or name --data`;
    throw new WeirError('WEIR_EXPLORE_NO_LAKE', message, { where: store.where });
  }
  const path = await store.localPath(genesis.name);
  return path.slice(0, path.length - genesis.name.length);
}

async function filesOf(store: Store, table: TableName, fromHour: Hour | undefined): Promise<string[]> {
  const paths: string[] = [];
  for (const { name } of await store.list(`${table}/`)) {
    const parsed = parseObjectName(name);
    if (parsed === null || parsed.format !== 'parquet') continue;
    if (fromHour !== undefined && compareHours(parsed.hour, fromHour) < 0) continue;
    paths.push(await store.localPath(name));
  }
  return paths;
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
  return `CREATE OR REPLACE VIEW ${table.name} AS SELECT ${select} FROM (${rows})`;
}
