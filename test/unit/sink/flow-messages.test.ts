import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import avsc from 'avsc';
import { WeirError } from '../../../contract/errors.ts';
import { encodeEnrichedBatch } from '../../../schemas/generated/flows-enriched-v1.ts';
import { TABLES } from '../../../schemas/tables.ts';
import { FlowMessages } from '../../../sink/flow-messages.ts';
import { hiderOf } from '../../../sink/format/private-format.ts';
import { schemaOfTopic } from '../../../transport/registry/known-schemas.ts';
import { enrichedBatch } from '../../fixtures/enriched.ts';

const published = readFileSync(new URL('../../../schemas/flows.v1.avsc', import.meta.url), 'utf8');
const type = avsc.Type.forSchema(JSON.parse(published) as avsc.Schema);
const VALUE = encodeEnrichedBatch(enrichedBatch([{ ring: 'r', first: 10, next: 22, lost: 2 }]));

const rowsOf = (messages: FlowMessages) =>
  [...messages.of(VALUE)].map(({ key, value }): Record<string, unknown> => {
    return { key, ...(type.fromBuffer(Buffer.from(value.subarray(10))) as object) };
  });

test('each row is a message that the published schema reads, under the header of that schema', () => {
  const rows = rowsOf(new FlowMessages(null));
  assert.deepEqual(
    rows.map((row) => [row['ring_id'], row['flow_number']]),
    Array.from({ length: 10 }, (_, i) => ['r', 10 + i]),
  );
  const [message] = [...new FlowMessages(null).of(VALUE)];
  assert.equal(Buffer.from(message!.value.subarray(0, 10)).toString('hex'), schemaOfTopic('weir.flows.v1')?.header);
  const { key, src_workload: src, dst_workload: dst, dst_reason: reason, rtt_us: rtt, start_time: start } = rows[2]!;
  assert.equal(src, 'web');
  assert.equal(key, 'c1/shop/web');
  assert.deepEqual([dst, reason, rtt], [null, 'no_claim', null]);
  assert.equal(start, 1_700_000_000_000_000 + ((12 * 7919) % 1000) * 1000 - 5000);
  const columns = TABLES.find(({ name }) => name === 'flows')!.columns.map(({ name }) => name);
  assert.deepEqual(Object.keys(rows[0]!).sort(), [...columns, 'key'].sort());
});

test('what privacy leaves out is not in the messages either', () => {
  const hide = hiderOf({ externalAddresses: 'keep', dropColumns: ['process_name', 'src_workload'] });
  for (const row of rowsOf(new FlowMessages(hide))) {
    assert.deepEqual([row['process_name'], row['src_workload']], [null, null]);
    assert.match(String(row['key']), /^net\/10\.0\.\d+\.\d+$/);
  }
});

test('bytes that are no enriched batch are refused', () => {
  assert.throws(
    () => [...new FlowMessages(null).of(VALUE.subarray(0, 40))],
    (error: unknown) => error instanceof WeirError && error.disposition === 'drop',
  );
});
