import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawFlowColumns } from '../../../schemas/generated/flows-raw-v1.ts';
import { CODECS } from '../../fixtures/golden/codecs.ts';

test('columns that grow keep what they hold', () => {
  const columns = new RawFlowColumns(1);
  columns.length = 1;
  columns.startUs[0] = 1_790_000_000_000_001;
  columns.localAddr.fill(7, 0, 16);
  columns.seeded[0] = 1;
  columns.ensure(1000);
  assert.ok(columns.capacity >= 1000);
  assert.equal(columns.startUs[0], 1_790_000_000_000_001);
  assert.deepEqual([...columns.localAddr.subarray(0, 17)], [...Array<number>(16).fill(7), 0]);
  assert.equal(columns.seeded[0], 1);
  assert.equal(columns.length, 1);
});

test('columns that are large enough stay the same arrays', () => {
  const columns = new RawFlowColumns(10);
  const before = columns.startUs;
  columns.ensure(10);
  assert.equal(columns.startUs, before);
});

for (const codec of CODECS) {
  test(`${codec.name}: every array has room for the capacity, also after growing`, () => {
    const columns = codec.columns(3);
    columns.ensure(130);
    for (const field of codec.schema.rows.fields) {
      const array = (columns as unknown as Record<string, { length: number }>)[field.id]!;
      assert.equal(array.length, columns.capacity * (field.type.kind === 'fixed' ? 16 : 1), field.name);
    }
  });
}
