/** Raw batches through the enricher as a worker would do it. */
import assert from 'node:assert/strict';
import type { Enricher, RawInput } from '../enricher/enrich.ts';
import { encodeRawBatch, type RawBatch } from '../schemas/generated/flows-raw-v1.ts';
import { HEADER } from '../transport/log.ts';
import { FLOWS_US } from './fleet.ts';

const PROVENANCE = {
  rawTopicId: 'AAAAAAAAAAAAAAAAAAAAAA',
  rawPartition: 0,
  ownershipTopicId: 'BBBBBBBBBBBBBBBBBBBBBA',
  ownershipNext: 0,
};

export function rawInput(batch: RawBatch, offset: number): RawInput {
  const headers = {
    [HEADER.node]: batch.node,
    [HEADER.ring]: batch.ring,
    [HEADER.seq]: String(batch.seq),
    [HEADER.first]: String(batch.first),
    [HEADER.next]: String(batch.next),
    [HEADER.flows]: String(batch.flows.length),
  };
  const value = encodeRawBatch(batch);
  return { offset, appendMs: FLOWS_US / 1000, headers, value, force: false, oversize: false };
}

/** One enriched message of these batches, nothing refused and nothing waiting. */
export function enrichedOf(enricher: Enricher, batches: readonly RawBatch[]): Uint8Array {
  const inputs = batches.map(rawInput);
  const { enriched, refused, taken } = enricher.enrich(inputs, PROVENANCE);
  assert.deepEqual(
    [enriched.length, refused.length, taken],
    [1, 0, batches.length],
    'every batch is ready, in one message',
  );
  return enriched[0]!.bytes;
}
