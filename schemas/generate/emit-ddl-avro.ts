/**
 * The tables over a lake of Avro files. Hive's and Trino's readers of Avro know no microseconds, so there a table with
 * another name has times as they stand in the files, and a view with the table's name makes timestamps of them.
 */
import { avroSchemaOf } from '../table-avro.ts';
import type { Column, Table } from '../tables.ts';
import { athenaProjection, hiveColumns, LOCATION, sparkTable, trinoTable } from './emit-ddl.ts';

export type AvroEngine = 'athena' | 'trino' | 'spark';
export const AVRO_ENGINES: readonly AvroEngine[] = ['athena', 'trino', 'spark'];

const NOTES: Readonly<Record<AvroEngine, readonly string[]>> = {
  athena: [
    'A lake of Avro files (lake.format avro). Run the statements one by one.',
    'The tables <name>_avro have times as microseconds since 1970; the views with the plain names make timestamps of them.',
  ],
  trino: [
    'A lake of Avro files (lake.format avro), for a Hive catalog.',
    'The tables <name>_avro have times as microseconds since 1970; the views with the plain names make timestamps of them.',
  ],
  spark: [
    'A lake of Avro files (lake.format avro): start Spark with --packages org.apache.spark:spark-avro_2.13:<its version>.',
    'Run the MSCK REPAIR statements again for hours that are new. dt and hour are of arrival: filter them with slack.',
  ],
};

/** The statements that make the tables in one engine. */
export function emitAvroDdl(engine: AvroEngine, tables: readonly Table[], partitions: readonly Column[]): string {
  const notes = NOTES[engine].map((line) => `-- ${line}\n`).join('');
  const head = `-- Generated from schemas/tables.ts by schemas/generate; do not edit.\n${notes}`;
  const one = { athena, trino, spark: (table: Table) => sparkTable('AVRO', table, partitions) }[engine];
  return [head, ...tables.map((table) => `-- ${table.doc}\n${one(table, partitions)}`)].join('\n');
}

/** Times are numbers. */
const untimed = (table: Table): Table => ({
  ...table,
  columns: table.columns.map((column) => (column.type === 'timestamp' ? { ...column, type: 'bigint' } : column)),
});

const baseName = (table: Table): string => `${table.name}_avro`;

function athena(table: Table, partitions: readonly Column[]): string {
  const root = `${LOCATION}/${table.name}`;
  const plain = untimed(table);
  return `CREATE EXTERNAL TABLE IF NOT EXISTS \`${baseName(table)}\` (
${hiveColumns(plain.columns)}
)
PARTITIONED BY (
${hiveColumns(partitions)}
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.avro.AvroSerDe'
WITH SERDEPROPERTIES ('avro.schema.literal' = '${JSON.stringify(avroSchemaOf(plain))}')
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat'
LOCATION '${root}/'
${athenaProjection(root)}
${view(table, partitions, 'timestamp(3)')}`;
}

const trino = (table: Table, partitions: readonly Column[]): string =>
  `${trinoTable(baseName(table), 'AVRO', untimed(table), partitions)}
${view(table, partitions, 'timestamp(6)')}`;

function view(table: Table, partitions: readonly Column[], timestamp: string): string {
  const column = ({ name, type }: Column): string =>
    type === 'timestamp'
      ? `  CAST(from_unixtime_nanos("${name}" * 1000) AT TIME ZONE 'UTC' AS ${timestamp}) AS "${name}"`
      : `  "${name}"`;
  return `CREATE OR REPLACE VIEW ${table.name} AS
SELECT
${[...table.columns, ...partitions].map(column).join(',\n')}
FROM ${baseName(table)};
`;
}
