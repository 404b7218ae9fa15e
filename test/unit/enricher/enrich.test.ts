import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENRICHED_MESSAGE_BYTES_MAX } from '../../../contract/limits.ts';
import { Enricher, type RawInput } from '../../../enricher/enrich.ts';
import { OwnershipHistory } from '../../../enricher/ownership/history.ts';
import { decodeEnrichedBatch } from '../../../schemas/generated/flows-enriched-v1.ts';
import { ownership, rawOut, type TestBatch, workload } from '../../fixtures/enricher-messages.ts';

const provenance = { rawTopicId: 'raw-id', rawPartition: 3, ownershipTopicId: 'own-id', ownershipNext: 9 };

function history(): OwnershipHistory {
  const made = new OwnershipHistory();
  made.apply(
    ownership({ seq: 0, kind: 'full', asOf: 1000, claims: [{ addr: '10.0.0.2', who: workload('you'), from: 1 }] }),
    1e9,
  );
  return made;
}

const input = (offset: number, batch: TestBatch, force = false): RawInput => {
  const { value, headers } = rawOut(batch);
  return { offset, appendMs: 50, headers, value, force, oversize: false };
};
const flow = { local: '10.0.0.1', remote: '10.0.0.2', start: 100, end: 200, localWorkload: 0 };
const batchOf = (flows: number, first: number, more: Partial<TestBatch> = {}): TestBatch => {
  return { workloads: [workload('me')], flows: Array.from({ length: flows }, () => flow), first, ...more };
};

test('several raw messages become one enriched message that lists them', () => {
  const messages = [input(4, batchOf(2, 0)), input(6, batchOf(0, 2)), input(9, batchOf(3, 2))];
  const { enriched, taken, needs } = new Enricher(history()).enrich(messages, provenance);
  assert.deepEqual([enriched.length, taken, needs], [1, 3, []]);
  const batch = decodeEnrichedBatch(enriched[0]?.bytes ?? new Uint8Array());
  assert.deepEqual(
    [batch.rawTopicId, batch.rawPartition, batch.ownershipTopicId, batch.ownershipNext],
    ['raw-id', 3, 'own-id', 9],
  );
  assert.deepEqual(
    batch.sources.map(({ offset, first, next, flows, rows }) => [offset, first, next, flows, rows]),
    [
      [4, 0, 2, 2, 2],
      [6, 2, 2, 0, 0],
      [9, 2, 5, 3, 3],
    ],
  );
  assert.deepEqual([...batch.flows.flowNumber.subarray(0, batch.flows.length)], [0, 1, 2, 3, 4]);
  assert.deepEqual(
    batch.workloads.map(({ name }) => name),
    ['me', 'you'],
  );
});

test('messages before one that waits go out, those after it do not', () => {
  const late = batchOf(1, 2, { flows: [{ ...flow, end: 5000 }] });
  const enricher = new Enricher(history());
  const held = enricher.enrich([input(0, batchOf(2, 0)), input(1, late), input(2, batchOf(1, 3))], provenance);
  assert.deepEqual([held.taken, held.enriched.length, held.needs.length], [1, 1, 1]);
  const forced = enricher.enrich([input(1, late, true), input(2, batchOf(1, 3))], provenance);
  assert.deepEqual([forced.taken, forced.needs], [2, []]);
  assert.equal(forced.counts.byReason[5], 1);
});

test('the same messages over the same history give the same bytes', () => {
  const bytes = [0, 1].map(
    () => new Enricher(history()).enrich([input(0, batchOf(5, 0))], provenance).enriched[0]?.bytes,
  );
  assert.ok(bytes[0] !== undefined);
  assert.deepEqual(bytes[0], bytes[1]);
});

test('a group too large for one message is divided between its raw messages', () => {
  const wide = (i: number): TestBatch =>
    batchOf(1, i, {
      workloads: Array.from({ length: 60 }, (_, k) => workload(`${i}-${k}`, { labels: 'x'.repeat(16_000) })),
    });
  const messages = Array.from({ length: 9 }, (_, i) => input(i, wide(i)));
  const { enriched, taken, refused } = new Enricher(history()).enrich(messages, provenance);
  assert.deepEqual([taken, refused], [9, []]);
  assert.ok(enriched.length >= 3);
  for (const { bytes } of enriched) assert.ok(bytes.byteLength <= ENRICHED_MESSAGE_BYTES_MAX);
  const sources = enriched.flatMap(({ bytes }) =>
    decodeEnrichedBatch(bytes).sources.map(({ offset, rows }) => [offset, rows]),
  );
  assert.deepEqual(
    sources,
    messages.map((_, i) => [i, 1]),
  );
  assert.equal(
    enriched.reduce((sum, { sources: n }) => sum + n, 0),
    9,
  );
});

test('one raw message that is too large once enriched is refused, and told as a loss', () => {
  const huge = batchOf(1, 0, {
    workloads: Array.from({ length: 300 }, (_, k) => workload(`${k}`, { labels: 'x'.repeat(16_000) })),
  });
  const { enriched, refused } = new Enricher(history()).enrich([input(0, huge), input(1, batchOf(1, 1))], provenance);
  assert.deepEqual(
    refused.map(({ offset, code }) => [offset, code]),
    [[0, 'WEIR_TRANSPORT_MESSAGE_TOO_LARGE']],
  );
  const sources = enriched.flatMap(({ bytes }) => decodeEnrichedBatch(bytes).sources);
  assert.deepEqual(
    sources.map(({ rows, losses }) => [rows, losses.map(({ reason, flows }) => [reason, flows])]),
    [
      [0, [['too_large', 1]]],
      [1, []],
    ],
  );
});

test('a message that never fitted a slot is refused without its bytes', () => {
  const { value: _, ...rest } = input(0, batchOf(1, 0));
  const { refused, enriched } = new Enricher(history()).enrich(
    [{ ...rest, value: new Uint8Array(), oversize: true }],
    provenance,
  );
  assert.equal(refused[0]?.code, 'WEIR_TRANSPORT_MESSAGE_TOO_LARGE');
  assert.deepEqual(enriched[0]?.lost, [{ reason: 'too_large', flows: 1, intentional: false }]);
});
