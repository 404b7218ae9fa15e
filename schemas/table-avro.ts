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

/** A row of `flows` as a message of its own: schemas/flows.v1.avsc, whose columns say what they mean. */
export function flowMessageSchema(table: Table): object {
  const { fields, ...record } = avroSchemaOf(table) as { readonly fields: readonly object[] };
  const told = table.columns.map((column, i) => {
    const { name, ...rest } = fields[i] as { readonly name: string };
    return { name, doc: `${column.doc} Kind: ${column.kind}.`, ...rest };
  });
  return { ...record, name: 'Flow', namespace: 'io.weir', doc: FLOW_DOC, fields: told };
}

const FLOW_DOC =
  "One end's report of one connection over one interval: a row of the table flows. Delivered at least once; " +
  '(ring_id, flow_number) tells a repeat.';

function fieldOf({ name, type, nullable }: Column): object {
  const value = AVRO_TYPES[type];
  return nullable ? { name, type: ['null', value], default: null } : { name, type: value };
}
