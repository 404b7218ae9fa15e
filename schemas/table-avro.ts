/** The SQL tables as Avro records, for lakes of Avro files: the same columns, names and units. */
import type { Column, ColumnType, Table } from './tables.ts';

const AVRO_TYPES: Readonly<Record<ColumnType, unknown>> = {
  timestamp: { type: 'long', logicalType: 'timestamp-micros' },
  bigint: 'long',
  int: 'int',
  string: 'string',
  boolean: 'boolean',
};

/**
 * The writer's schema of a table. A column that can be null is a union that begins with null and defaults to it, so
 * files from before the column read as null.
 */
export function avroSchemaOf(table: Table): object {
  return { type: 'record', name: table.name, namespace: 'weir.lake', fields: table.columns.map(fieldOf) };
}

function fieldOf({ name, type, nullable }: Column): object {
  const value = AVRO_TYPES[type];
  return nullable ? { name, type: ['null', value], default: null } : { name, type: value };
}
