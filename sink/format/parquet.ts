/**
 * Parquet by DuckDB. A table function hands over chunks of columns and ENUM dictionaries, and COPY writes the file:
 * no table in between, no string per row. Text columns must be ENUMs, because that is the only way to hand DuckDB a
 * dictionary; it writes each whole in every row group, hence large groups.
 */
import { DuckDBInstance, DuckDBTableFunction, BIGINT, BOOLEAN, ENUM, INTEGER, TIMESTAMPTZ } from '@duckdb/node-api';
import type { DuckDBConnection, DuckDBDataChunk, DuckDBType } from '@duckdb/node-api';
import binding from '@duckdb/node-bindings';
import { type ErrorCode, WeirError } from '../../contract/errors.ts';
import type { Store } from '../../contract/store.ts';
import { type Column, type ColumnType, TABLES } from '../../schemas/tables.ts';
import { readParquetMetadata } from '../footer.ts';
import type { ColumnData, TableData, TableFormat } from './columns.ts';
import { beginChunk, CHUNK_ROWS, gather, newScratch, type Scratch } from './gather.ts';

/** A file of at most so many rows is one row group. DuckDB holds a group in memory before it writes it. */
const ROW_GROUP_ROWS = 524_288;
const VALIDITY_BYTES = CHUNK_ROWS / 8;
const FUNCTION = 'weir_rows';

const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
  timestamp: 'TIMESTAMPTZ',
  bigint: 'BIGINT',
  int: 'INTEGER',
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
};

export interface ParquetOptions {
  /** Of DuckDB; 1 keeps the order of rows without cost. */
  readonly threads: number;
  /** DuckDB's own; the columns handed over are beside it. */
  readonly memoryBytes: number;
}

export const PARQUET_OPTIONS: ParquetOptions = { threads: 1, memoryBytes: 1024 * 1024 * 1024 };

export function openParquetFormat(options: ParquetOptions = PARQUET_OPTIONS): TableFormat {
  return new ParquetFormat(options);
}

/** A column of the file that comes from the table function. */
interface Supplied {
  readonly name: string;
  readonly type: DuckDBType;
  readonly data: ColumnData;
}

interface Job {
  readonly supplied: readonly Supplied[];
  readonly order: Int32Array | null;
  readonly rows: number;
  at: number;
}

class ParquetFormat implements TableFormat {
  readonly format = 'parquet';
  readonly #options: ParquetOptions;
  readonly #scratch: Scratch = newScratch();
  #connection: Promise<DuckDBConnection> | null = null;
  #instance: DuckDBInstance | null = null;
  /** One file at a time: the table function reads from here. */
  #job: Job | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ParquetOptions) {
    this.#options = options;
  }

  write(table: TableData, file: string, metadata: Readonly<Record<string, string>>): Promise<void> {
    const done = this.#last.then(() => this.#write(table, file, metadata));
    // The next file waits for this one; whether it failed is the caller's to know.
    this.#last = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  readMetadata(store: Store, name: string): Promise<Record<string, string>> {
    return readParquetMetadata(store, name);
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#reset();
  }

  async #write(table: TableData, file: string, metadata: Readonly<Record<string, string>>): Promise<void> {
    const schema = TABLES.find((entry) => entry.name === table.table);
    if (schema === undefined) throw new WeirError('WEIR_INTERNAL', `no table ${table.table}`);
    const { supplied, select } = plan(schema.columns, table);
    const source = table.rows > 0 && supplied.length > 0 ? `FROM ${FUNCTION}()` : 'WHERE false';
    const pairs = Object.entries(metadata).map(([key, value]) => `${quote(key)}: ${quote(value)}`);
    const sql =
      `COPY (SELECT ${select} ${source}) TO ${quote(file)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ` +
      `ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, USE_TMP_FILE false` +
      `${pairs.length > 0 ? `, KV_METADATA {${pairs.join(', ')}}` : ''})`;
    this.#job = { supplied, order: table.order, rows: table.rows, at: 0 };
    try {
      const connection = await this.#connect();
      await connection.run(sql);
      if (source !== 'WHERE false' && this.#job.at !== table.rows) throw new Error('DuckDB did not take every row');
    } catch (error) {
      // An instance that failed may be invalid for good; the next file gets a new one.
      await this.#reset();
      throw encodeError(error, file);
    } finally {
      this.#job = null;
    }
  }

  #connect(): Promise<DuckDBConnection> {
    this.#connection ??= this.#open();
    return this.#connection;
  }

  async #open(): Promise<DuckDBConnection> {
    const { threads, memoryBytes } = this.#options;
    this.#instance = await DuckDBInstance.create(':memory:', {
      threads: String(threads),
      memory_limit: `${Math.ceil(memoryBytes / 2 ** 20)}MiB`,
      preserve_insertion_order: 'true',
      // Nothing is spilled or fetched: no directory of DuckDB's own, no extension.
      temp_directory: '',
      autoinstall_known_extensions: 'false',
    });
    const connection = await this.#instance.connect();
    connection.registerTableFunction(
      DuckDBTableFunction.create({
        name: FUNCTION,
        bindFunction: (bind) => {
          for (const column of this.#job!.supplied) bind.addResultColumn(column.name, column.type);
        },
        initFunction: (init) => init.setMaxThreads(1),
        mainFunction: (_info, chunk) => this.#fill(chunk),
      }),
    );
    return connection;
  }

  /** One chunk of every supplied column; a row count of zero ends the scan. */
  #fill(chunk: DuckDBDataChunk): void {
    const job = this.#job!;
    const n = Math.min(CHUNK_ROWS, job.rows - job.at);
    chunk.rowCount = n;
    if (n === 0) return;
    const scratch = this.#scratch;
    const bytes = scratch.words.buffer as ArrayBuffer;
    const valid = scratch.valid.buffer as ArrayBuffer;
    beginChunk(job.order, job.at, n, scratch);
    for (let i = 0; i < job.supplied.length; i++) {
      const vector = binding.data_chunk_get_vector(chunk.chunk, i);
      const width = gather(job.supplied[i]!.data, n, scratch);
      binding.copy_data_to_vector(vector, 0, bytes, 0, n * width);
      if (!scratch.nulls) continue;
      binding.vector_ensure_validity_writable(vector);
      binding.copy_data_to_vector_validity(vector, 0, valid, 0, VALIDITY_BYTES);
    }
    job.at += n;
  }

  async #reset(): Promise<void> {
    const connection = this.#connection;
    const instance = this.#instance;
    this.#connection = null;
    this.#instance = null;
    try {
      if (connection !== null) (await connection).closeSync();
    } finally {
      instance?.closeSync();
    }
  }
}

/** What the table function supplies, and the SELECT that adds constants and nulls in the order of the schema. */
function plan(columns: readonly Column[], table: TableData): { supplied: Supplied[]; select: string } {
  const supplied: Supplied[] = [];
  const parts: string[] = [];
  for (const column of columns) {
    const data = table.columns[column.name];
    if (data === undefined) throw new WeirError('WEIR_INTERNAL', `column ${column.name} of ${table.table} has no data`);
    if (data.kind === 'constant') parts.push(`${data.value}::${SQL_TYPES[column.type]} AS ${column.name}`);
    else if (data.kind === 'none' || table.rows === 0) parts.push(`NULL::${SQL_TYPES[column.type]} AS ${column.name}`);
    else {
      parts.push(column.name);
      supplied.push({ name: column.name, type: vectorType(column, data), data });
    }
  }
  return { supplied, select: parts.join(', ') };
}

function vectorType(column: Column, data: ColumnData): DuckDBType {
  if (column.type === 'string' && data.kind === 'texts') return ENUM(data.texts);
  if (column.type === 'int' && data.kind === 'ints') return INTEGER;
  if (column.type === 'boolean' && data.kind === 'flags') return BOOLEAN;
  if (data.kind === 'doubles' || data.kind === 'looked_up') {
    if (column.type === 'timestamp') return TIMESTAMPTZ;
    if (column.type === 'bigint') return BIGINT;
  }
  throw new WeirError('WEIR_INTERNAL', `column ${column.name} is ${column.type}, but its data are ${data.kind}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** DuckDB tells the operating system's reason in words only (strerror). */
function encodeError(error: unknown, file: string): WeirError {
  if (error instanceof WeirError) return error;
  const message = error instanceof Error ? error.message : String(error);
  let code: ErrorCode = 'WEIR_SINK_ENCODE_FAILED';
  if (/No space left on device|Disk quota exceeded/.test(message)) code = 'WEIR_SINK_STORE_FULL';
  else if (/Permission denied|Read-only file system/.test(message)) code = 'WEIR_SINK_STORE_RIGHTS';
  return new WeirError(code, `cannot write ${file}: ${message}`, { file }, error);
}
