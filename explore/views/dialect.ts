/**
 * The views are written once, in the SQL that DuckDB, Trino (Athena) and Spark share. What they do not share stands here:
 * rows within a row, and milliseconds since 1970. Everything else is kept out of the views, on purpose:
 * `greatest`/`least` treat null differently, and so do `max_by` over nulls and integer division.
 */
export type Engine = 'athena' | 'trino' | 'spark' | 'duckdb';

export const ENGINES: readonly Engine[] = ['athena', 'trino', 'spark', 'duckdb'];

export type FieldType = 'string' | 'int' | 'bigint' | 'boolean';

/** One field of a row within a row: an SQL expression and its type, or a row again. */
export type Field =
  | readonly [name: string, expression: string, type: FieldType]
  | readonly [name: string, fields: readonly Field[]];

export interface Dialect {
  readonly engine: Engine;
  /** A name that is a keyword. */
  quote(name: string): string;
  /** A row within a row; null inside stays null. */
  struct(fields: readonly Field[]): string;
  /** Whole milliseconds since 1970 of a timestamp. */
  epochMs(expression: string): string;
  /** Whole seconds since 1970 of a timestamp. */
  epochSeconds(expression: string): string;
  /** A type's name in this engine. */
  type(type: FieldType): string;
}

const TRINO_TYPES: Readonly<Record<FieldType, string>> = {
  string: 'varchar',
  int: 'integer',
  bigint: 'bigint',
  boolean: 'boolean',
};
const SPARK_TYPES: Readonly<Record<FieldType, string>> = {
  string: 'string',
  int: 'int',
  bigint: 'bigint',
  boolean: 'boolean',
};

const trinoRowType = (fields: readonly Field[]): string =>
  `ROW(${fields.map((f) => `${f[0]} ${f.length === 3 ? TRINO_TYPES[f[2]] : trinoRowType(f[1])}`).join(', ')})`;
const trinoRow = (fields: readonly Field[]): string =>
  `ROW(${fields.map((f) => (f.length === 3 ? f[1] : trinoRow(f[1]))).join(', ')})`;

const trino = (engine: 'athena' | 'trino'): Dialect => ({
  engine,
  quote: (name) => `"${name}"`,
  struct: (fields) => `CAST(${trinoRow(fields)} AS ${trinoRowType(fields)})`,
  epochMs: (e) => `CAST(floor(to_unixtime(${e}) * 1000) AS bigint)`,
  epochSeconds: (e) => `CAST(floor(to_unixtime(${e})) AS bigint)`,
  type: (type) => TRINO_TYPES[type],
});

const spark: Dialect = {
  engine: 'spark',
  quote: (name) => `\`${name}\``,
  struct: (fields) =>
    `named_struct(${fields
      .map((f) => `'${f[0]}', ${f.length === 3 ? `CAST(${f[1]} AS ${SPARK_TYPES[f[2]]})` : spark.struct(f[1])}`)
      .join(', ')})`,
  epochMs: (e) => `unix_millis(${e})`,
  epochSeconds: (e) => `unix_seconds(${e})`,
  type: (type) => SPARK_TYPES[type],
};

const duckdb: Dialect = {
  engine: 'duckdb',
  quote: (name) => `"${name}"`,
  struct: (fields) =>
    `struct_pack(${fields
      .map((f) => `${f[0]} := ${f.length === 3 ? `CAST(${f[1]} AS ${TRINO_TYPES[f[2]]})` : duckdb.struct(f[1])}`)
      .join(', ')})`,
  epochMs: (e) => `epoch_ms(${e})`,
  epochSeconds: (e) => `(epoch_ms(${e}) // 1000)`,
  type: (type) => TRINO_TYPES[type],
};

/** The dialect of an engine; Athena's is Trino's. */
export function dialectOf(engine: Engine): Dialect {
  if (engine === 'spark') return spark;
  if (engine === 'duckdb') return duckdb;
  return trino(engine);
}
