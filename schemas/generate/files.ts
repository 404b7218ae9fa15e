import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { PARTITION_COLUMNS, TABLES, WORKLOAD_KINDS } from '../tables.ts';
import { flowMessageSchema } from '../table-avro.ts';
import { emitBatch } from './emit-batch.ts';
import { emitCommon } from './emit-common.ts';
import { ENGINES, emitDdl } from './emit-ddl.ts';
import { AVRO_ENGINES, emitAvroDdl } from './emit-ddl-avro.ts';
import { emitRecordOffsets } from './emit-record-offsets.ts';
import { emitTablesReference, emitTopicsReference } from './emit-reference.ts';
import { headerHex } from './fingerprint.ts';
import { readSchema, type Schema } from './model.ts';

/** Each schema, the file made from it, the bound of its rows, and the topic that carries it. */
const BATCHES = [
  { name: 'flows.raw.v1', out: 'flows-raw-v1.ts', rowsMax: 'BATCH_FLOWS_MAX', key: 'cluster/node' },
  { name: 'ownership.v1', out: 'ownership-v1.ts', rowsMax: 'CLAIMS_MAX', key: 'cluster/reporter' },
  { name: 'flows.enriched.v1', out: 'flows-enriched-v1.ts', rowsMax: 'ENRICHED_FLOWS_MAX', key: 'as the raw topic' },
] as const;

const RECORD_HEADER = 'bpf/flow_record.h';

/** Everything that is generated: path from the root of the project -> text. Only the sources are read. */
export function generateAll(root: string): Map<string, string> {
  const files = new Map<string, string>();
  const batches = BATCHES.map((batch) => ({ ...batch, schema: readSchema(root, `schemas/${batch.name}.avsc`) }));
  files.set('schemas/generated/common.ts', emitCommon(batches.map(({ schema }) => schema)));
  for (const { name, schema, out, rowsMax } of batches) {
    files.set(`schemas/generated/${out}`, emitBatch(schema, rowsMax, earlierVersions(root, name)));
  }
  const record = readFileSync(`${root}/${RECORD_HEADER}`, 'utf8');
  files.set('schemas/generated/record-offsets.ts', emitRecordOffsets(RECORD_HEADER, record));
  for (const engine of ENGINES) {
    files.set(`schemas/generated/ddl/${engine}.sql`, emitDdl(engine, TABLES, PARTITION_COLUMNS));
  }
  for (const engine of AVRO_ENGINES) {
    files.set(`schemas/generated/ddl/${engine}.avro.sql`, emitAvroDdl(engine, TABLES, PARTITION_COLUMNS));
  }
  const topics = batches.map(({ name, key, schema }) => ({
    suffix: name,
    key,
    schema,
    header: headerHex(schema.json),
    earlier: earlierVersions(root, name),
  }));
  const flows = TABLES.find(({ name }) => name === 'flows')!;
  files.set('schemas/flows.v1.avsc', `${JSON.stringify(flowMessageSchema(flows), null, 2)}\n`);
  files.set('docs/reference/tables.md', emitTablesReference(TABLES, PARTITION_COLUMNS, WORKLOAD_KINDS));
  files.set('docs/reference/topics.md', emitTopicsReference(topics));
  return files;
}

/** What was published of a schema before, oldest first: schemas/versions/<name>/1.avsc, 2.avsc, … */
export function earlierVersions(root: string, name: string): Schema[] {
  const folder = `schemas/versions/${name}`;
  if (!existsSync(`${root}/${folder}`)) return [];
  const numbers = readdirSync(`${root}/${folder}`).map((file) => Number.parseInt(file, 10));
  return numbers.sort((a, b) => a - b).map((number) => readSchema(root, `${folder}/${number}.avsc`));
}
