import type { Column, Table } from '../tables.ts';
import { headerHex } from './fingerprint.ts';
import type { Field, RecordType, Schema, Type } from './model.ts';
import { namedTypes } from './model.ts';

/** docs/reference/tables.md. */
export function emitTablesReference(
  tables: readonly Table[],
  partitions: readonly Column[],
  kinds: readonly (readonly [kind: string, doc: string])[],
): string {
  return [
    '<!-- Generated from schemas/tables.ts by schemas/generate; do not edit. -->\n',
    '# Tables\n',
    `Files lie under \`<table>/dt=YYYY-MM-DD/hour=HH/\`, by arrival, UTC: ${partitions.map((column) => `\`${column.name}\` ${column.type}`).join(', ')}. An event can arrive hours after it happened, so give a filter on dt and hour some slack. \`weir ddl\` prints the statements that make these tables.\n`,
    'Types: timestamp is INT64 microseconds adjusted to UTC; counts are bigint; nothing is unsigned.\n',
    "Kinds: *delta* since the connection's last row (`sum` is right), *gauge* at the row's end, *once* in the connection's first row only, *id* the rest.\n",
    ...tables.map((table) => tableSection(table)),
    '## workload_kind\n',
    markdown(
      ['kind', 'meaning'],
      kinds.map(([kind, doc]) => [`\`${kind}\``, doc]),
    ),
  ].join('\n');
}

function tableSection(table: Table): string {
  const rows = table.columns.map((column) => [
    `\`${column.name}\``,
    column.type,
    column.kind,
    column.nullable ? 'yes' : 'no',
    column.doc,
  ]);
  return `## ${table.name}\n\n${table.doc}\n\n${markdown(['column', 'type', 'kind', 'null', 'meaning'], rows)}`;
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

/** What a topic carries; `suffix` follows the prefix. */
export interface Topic {
  readonly suffix: string;
  readonly key: string;
  readonly schema: Schema;
  /** As hex: C3 01 and the fingerprint. */
  readonly header: string;
  /** Of the versions before, oldest first. */
  readonly earlier: readonly Schema[];
}

/** docs/reference/topics.md. */
export function emitTopicsReference(topics: readonly Topic[]): string {
  const sources = topics.map((topic) => topic.schema.path).join(', ');
  return [
    `<!-- Generated from ${sources} by schemas/generate; do not edit. -->\n`,
    '# Topics\n',
    "Values are Avro in single-object encoding: `C3 01`, the CRC-64-AVRO fingerprint of the schema (little endian), then the body. Any Avro library reads them with the `.avsc` file that is named. With `transport.registry` they are in Confluent wire format: `00`, the schema's id in the registry (4 bytes, big endian), then the body. Every name below is preceded by `transport.topicPrefix` (`weir.`).\n",
    "Kinds: *delta* since the connection's last row, *gauge* at the row's end, *once* in the connection's first row only, *id* the rest. -1 and the empty string stand for what is not known, where the field says so.\n",
    ...topics.map((topic) => topicSection(topic)),
    ...OTHERS,
    ...shared(topics),
  ].join('\n');
}

const OTHERS: readonly string[] = [
  '## flows.v1\n',
  'Only with `transport.flowTopic`. Key: cluster/namespace/workload of src, else network/address. Schema: `schemas/flows.v1.avsc`: one flow a message, with the columns of the table [flows](tables.md); times are `timestamp-micros`, what may be null is a union with null. Delivered at least once; (`ring_id`, `flow_number`) tells a repeat.\n',
  '## dead-letters.v1\n',
  "What a stage refused: key, value and headers as they came, and Kafka Connect's headers `__connect.errors.topic`, `.partition`, `.offset`, `.stage`, `.exception.class.name` (the error's code) and `.exception.message`. `weir dead-letters` lists them and brings them back.\n",
];

function topicSection(topic: Topic): string {
  const { schema } = topic;
  const earlier = topic.earlier.map(({ path, json }) => ` Also read: \`${path}\`, header \`${headerHex(json)}\`.`);
  return [
    `## ${topic.suffix}\n`,
    `Key: ${topic.key}. Schema: \`${schema.path}\`, header \`${topic.header}\`.${earlier.join('')} ${schema.batch.doc}\n`,
    recordSection(schema.batch),
    recordSection(schema.rows),
  ].join('\n');
}

/** Dictionaries and enums, each once. */
function shared(topics: readonly Topic[]): string[] {
  const own = new Set(topics.flatMap(({ schema }) => [schema.batch.name, schema.rows.name]));
  const all = new Map<string, Type>();
  for (const { schema } of topics) namedTypes(schema.batch, all);
  const types = [...all.values()].filter((type) => 'name' in type && !own.has(type.name));
  const records = types.filter((type) => type.kind === 'record').map((type) => recordSection(type));
  const enums = types
    .filter((type) => type.kind === 'enum')
    .map((type) => [type.name, type.symbols.map((symbol, index) => `${index} \`${symbol}\``).join(', ')]);
  return ['## Records\n', ...records, '## Enums\n', markdown(['enum', 'symbols'], enums)];
}

function recordSection(record: RecordType): string {
  const rows = record.fields.map((field) => [`\`${field.name}\``, typeName(field), field.doc]);
  return `### ${record.name}\n\n${record.doc}\n\n${markdown(['field', 'type', 'meaning'], rows)}`;
}

function typeName(field: Field): string {
  const { type } = field;
  if (type.kind === 'array') return `array of ${type.items.name}`;
  if (type.kind === 'enum') return type.name;
  return type.kind === 'fixed' ? `fixed(${type.size})` : type.kind;
}
