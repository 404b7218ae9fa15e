import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCH_FLOWS_MAX } from '../../../../contract/limits.ts';
import { AvroWriter } from '../../../../schemas/avro-writer.ts';
import {
  decodeRawBatch,
  encodeRawBatch,
  RAW_BATCH_HEADER,
  type RawBatch,
  RawFlowColumns,
} from '../../../../schemas/generated/flows-raw-v1.ts';
import { CODECS } from '../../../fixtures/golden/codecs.ts';

function batch(rows: number): RawBatch {
  const flows = new RawFlowColumns(rows);
  flows.length = rows;
  for (const column of [flows.localWorkload, flows.remoteWorkload, flows.process]) column.fill(-1);
  return {
    cluster: 'c',
    network: 'n',
    node: 'n',
    ring: 'r',
    seq: 0,
    first: 0,
    next: 0,
    losses: [],
    workloads: [],
    processes: [],
    natAddresses: [],
    translations: [],
    flows,
  };
}

test('as many rows as a batch may have are encoded and decoded, one more is not encoded', () => {
  assert.equal(decodeRawBatch(encodeRawBatch(batch(BATCH_FLOWS_MAX))).flows.length, BATCH_FLOWS_MAX);
  assert.throws(() => encodeRawBatch(batch(BATCH_FLOWS_MAX + 1)), { code: 'WEIR_SCHEMA_TOO_LARGE' });
});

test('a hostile row count allocates nothing', () => {
  for (const [count, code] of [
    [BATCH_FLOWS_MAX, 'WEIR_SCHEMA_TRUNCATED'],
    [BATCH_FLOWS_MAX + 1, 'WEIR_SCHEMA_TOO_LARGE'],
    [Number.MAX_SAFE_INTEGER, 'WEIR_SCHEMA_TOO_LARGE'],
  ] as const) {
    const writer = new AvroWriter();
    writer.begin(encodeRawBatch(batch(0)).subarray(0, -1));
    writer.writeLong(count);
    const into = new RawFlowColumns(0);
    assert.throws(() => decodeRawBatch(writer.take(), into), { code });
    assert.equal(into.capacity, 0);
  }
});

test('more rows than the columns have room for are not encoded', () => {
  const raw = batch(2);
  raw.flows.length = 3;
  assert.throws(() => encodeRawBatch(raw), { code: 'WEIR_SCHEMA_INVALID' });
});

for (const codec of CODECS) {
  const indexed = codec.schema.rows.fields.filter((field) => field.index !== null);
  const enums = codec.schema.rows.fields.filter((field) => field.type.kind === 'enum');

  test(`${codec.name}: an index or enum outside its range is refused by the encoder and the decoder`, () => {
    assert.ok(indexed.length > 0 && enums.length > 0);
    for (const field of [...indexed, ...enums]) {
      const bytes = oneRow(codec, null);
      codec.decode(bytes);
      const least = field.index === null ? -1 : -2;
      const most = field.type.kind === 'enum' ? field.type.symbols.length : 0;
      for (const value of [least, most]) {
        const broken = oneRow(codec, [field.name, value]);
        assert.throws(() => codec.decode(broken), { code: 'WEIR_SCHEMA_INVALID' }, `${field.name} = ${value}`);
      }
    }
  });
}

/** One row, every value 0 or no index, written by hand so that one field can be wrong. */
function oneRow(codec: (typeof CODECS)[number], wrong: readonly [string, number] | null): Uint8Array {
  const writer = new AvroWriter();
  writer.begin(Buffer.from(codec.header, 'hex'));
  for (const field of codec.schema.batch.fields) if (field !== codec.schema.rowsField) writer.writeLong(0);
  writer.writeLong(1);
  for (const field of codec.schema.rows.fields) {
    if (field.type.kind === 'fixed') for (let i = 0; i < 16; i += 1) writer.writeLong(0);
    else writer.writeLong(field.name === wrong?.[0] ? wrong[1] : field.index === null ? 0 : -1);
  }
  writer.writeLong(0);
  return writer.take();
}

test('the encoder refuses an index or enum that the decoder would', () => {
  for (const [column, value] of [
    ['localWorkload', 0],
    ['process', -2],
    ['report', 4],
    ['role', -1],
  ] as const) {
    const raw = batch(1);
    raw.flows[column][0] = value;
    assert.throws(() => encodeRawBatch(raw), { code: 'WEIR_SCHEMA_INVALID' }, column);
  }
  assert.equal(Buffer.from(encodeRawBatch(batch(1))).toString('hex', 0, 10), RAW_BATCH_HEADER);
});
