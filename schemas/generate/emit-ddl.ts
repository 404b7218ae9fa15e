import type { Column, ColumnType, Table } from '../tables.ts';

export type Engine = 'athena' | 'trino' | 'spark' | 'duckdb';
export const ENGINES: readonly Engine[] = ['athena', 'trino', 'spark', 'duckdb'];

/** Days before this hold nothing; partition projection needs a beginning. */
const FIRST_DAY = '2026-01-01';

/** What `weir ddl` replaces: the lake's URI without a slash at its end. */
export const LOCATION = '${LOCATION}';

const HIVE: Readonly<Record<ColumnType, string>> = {
  timestamp: 'timestamp',
  bigint: 'bigint',
  int: 'int',
  string: 'string',
  boolean: 'boolean',
};
const TRINO: Readonly<Record<ColumnType, string>> = {
  ...HIVE,
  timestamp: 'timestamp(3)',
  int: 'integer',
  string: 'varchar',
};
const DUCKDB: Readonly<Record<ColumnType, string>> = {
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  bigint: 'BIGINT',
  int: 'INTEGER',
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
};

/** The statements that make the tables in one engine. */
export function emitDdl(engine: Engine, tables: readonly Table[], partitions: readonly Column[]): string {
  const one = { athena, trino, spark, duckdb }[engine];
  const notes = NOTES[engine].map((line) => `-- ${line}\n`).join('');
  const head = `-- Generated from schemas/tables.ts by schemas/generate; do not edit.\n${notes}`;
  return [head, ...tables.map((table) => `-- ${table.doc}\n${one(table, partitions)}`)].join('\n');
}

const NOTES: Readonly<Record<Engine, readonly string[]>> = {
  athena: [
    'Partitions are projected: nothing has to be registered. dt and hour are of arrival: filter them with slack.',
  ],
  trino: [
    'For a Hive catalog. Partitions are projected: nothing has to be registered. dt and hour are of arrival: filter them with slack.',
    'timestamp(3) is what hive.timestamp-precision=MILLISECONDS, the default, asks for; with MICROSECONDS write timestamp(6).',
  ],
  spark: [
    'Run the MSCK REPAIR statements again for hours that are new. dt and hour are of arrival: filter them with slack.',
  ],
  duckdb: ['Columns that older files lack are null. dt and hour are of arrival: filter them with slack.'],
};

export function hiveColumns(columns: readonly Column[]): string {
  return columns
    .map((column) => `  \`${column.name}\` ${HIVE[column.type]} COMMENT '${comment(column, "\\'")}'`)
    .join(',\n');
}

/** Glue takes 255 characters. */
function comment(column: Column, quote: string): string {
  const text = column.doc.replaceAll('`', '');
  if (text.length > 255 || /[^ -~]/.test(text)) throw new Error(`${column.name}: a doc must be at most 255 of ASCII`);
  return text.replaceAll("'", quote);
}

function athena(table: Table, partitions: readonly Column[]): string {
  const root = `${LOCATION}/${table.name}`;
  return `CREATE EXTERNAL TABLE IF NOT EXISTS \`${table.name}\` (
${hiveColumns(table.columns)}
)
PARTITIONED BY (
${hiveColumns(partitions)}
)
STORED AS PARQUET
LOCATION '${root}/'
${athenaProjection(root)}`;
}

/** @param root the folder of a table, without a slash at its end. */
export function athenaProjection(root: string): string {
  return `TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '${FIRST_DAY},NOW',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = '${root}/dt=\${dt}/hour=\${hour}/'
);
`;
}

function trino(table: Table, partitions: readonly Column[]): string {
  return trinoTable(table.name, 'PARQUET', table, partitions);
}

/** @param name of the table; its columns are those of `table`. */
export function trinoTable(name: string, format: string, table: Table, partitions: readonly Column[]): string {
  const root = `${LOCATION}/${table.name}`;
  const line = (column: Column): string =>
    `  "${column.name}" ${TRINO[column.type]} COMMENT '${comment(column, "''")}'`;
  const projection: Readonly<Record<string, string>> = {
    dt: `partition_projection_type = 'DATE', partition_projection_format = 'yyyy-MM-dd', partition_projection_range = ARRAY['${FIRST_DAY}', 'NOW'], partition_projection_interval = 1, partition_projection_interval_unit = 'DAYS'`,
    hour: `partition_projection_type = 'INTEGER', partition_projection_range = ARRAY['0', '23'], partition_projection_digits = 2`,
  };
  const folders = partitions.map((column) => `${line(column)} WITH (${projection[column.name]!})`);
  return `CREATE TABLE IF NOT EXISTS ${name} (
${[...table.columns.map(line), ...folders].join(',\n')}
)
WITH (
  format = '${format}',
  external_location = '${root}/',
  partitioned_by = ARRAY[${partitions.map((column) => `'${column.name}'`).join(', ')}],
  partition_projection_enabled = true,
  partition_projection_location_template = '${root}/dt=\${dt}/hour=\${hour}/'
);
`;
}

function spark(table: Table, partitions: readonly Column[]): string {
  return sparkTable('PARQUET', table, partitions);
}

export function sparkTable(format: string, table: Table, partitions: readonly Column[]): string {
  return `CREATE TABLE IF NOT EXISTS ${table.name} (
${hiveColumns([...table.columns, ...partitions])}
)
USING ${format}
PARTITIONED BY (${partitions.map((column) => column.name).join(', ')})
LOCATION '${LOCATION}/${table.name}/';
MSCK REPAIR TABLE ${table.name};
`;
}

function duckdb(table: Table, partitions: readonly Column[]): string {
  const all = [...table.columns, ...partitions];
  const types = partitions.map((column) => `'${column.name}': ${DUCKDB[column.type]}`).join(', ');
  return `CREATE OR REPLACE VIEW ${table.name} AS
SELECT
${all.map((column) => `  CAST(NULL AS ${DUCKDB[column.type]}) AS "${column.name}"`).join(',\n')}
WHERE false
UNION ALL BY NAME
SELECT * FROM read_parquet(
  '${LOCATION}/${table.name}/dt=*/hour=*/*.parquet',
  hive_partitioning = true, hive_types = {${types}}, union_by_name = true
);
`;
}
