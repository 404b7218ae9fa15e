import { readFileSync } from 'node:fs';
import { emitBatch } from './emit-batch.ts';
import { emitCommon } from './emit-common.ts';
import { emitRecordOffsets } from './emit-record-offsets.ts';
import { readSchema } from './model.ts';

/** Each schema, the file made from it, and the bound of its rows. */
const BATCHES = [
  { avsc: 'schemas/flows.raw.v1.avsc', out: 'flows-raw-v1.ts', rowsMax: 'BATCH_FLOWS_MAX' },
  { avsc: 'schemas/flows.enriched.v1.avsc', out: 'flows-enriched-v1.ts', rowsMax: 'ENRICHED_FLOWS_MAX' },
  { avsc: 'schemas/ownership.v1.avsc', out: 'ownership-v1.ts', rowsMax: 'CLAIMS_MAX' },
] as const;

const RECORD_HEADER = 'bpf/flow_record.h';

/** Everything that is generated: path from the root of the project -> text. Pure but for reading the sources. */
export function generateAll(root: string): Map<string, string> {
  const files = new Map<string, string>();
  const schemas = BATCHES.map(({ avsc }) => readSchema(root, avsc));
  files.set('schemas/generated/common.ts', emitCommon(schemas));
  BATCHES.forEach(({ out, rowsMax }, i) => files.set(`schemas/generated/${out}`, emitBatch(schemas[i]!, rowsMax)));
  const record = readFileSync(`${root}/${RECORD_HEADER}`, 'utf8');
  files.set('schemas/generated/record-offsets.ts', emitRecordOffsets(RECORD_HEADER, record));
  return files;
}
