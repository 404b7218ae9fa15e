import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WeirError } from '../../../contract/errors.ts';
import { encodeEnrichedBatch } from '../../../schemas/generated/flows-enriched-v1.ts';
import { type ChainState, sumLosses } from '../../../schemas/objects.ts';
import { FlowsContent } from '../../../sink/flows-content.ts';
import type { Message, Offset } from '../../../transport/log.ts';
import { enrichedBatch, type SourceSpec } from '../../fixtures/enriched.ts';

const STATE: ChainState = {
  logId: 'abcdefghijklmnopqrstuA',
  nextOffset: 0,
  hour: { dt: '2026-11-24', hour: 5 },
  streams: new Map([['r1', { next: 10, lastMs: 1 }]]),
  marks: new Map(),
};

function message(specs: readonly SourceSpec[]): Message {
  return {
    offset: 3 as Offset,
    appendMs: 1000,
    key: null,
    value: encodeEnrichedBatch(enrichedBatch(specs)),
    headers: {},
  };
}

describe('what is held for an object of flows', () => {
  it('has the rows of new sources only, and proves itself', () => {
    const content = new FlowsContent();
    content.begin(STATE);
    const sources = [
      { ring: 'r1', first: 5, next: 10 },
      { ring: 'r1', first: 12, next: 20, lost: 2 },
      { ring: 'r2', first: 0, next: 3 },
    ];
    content.fold(content.decode(message(sources)));
    assert.deepEqual([content.rows, content.flows, sumLosses(content.losses), content.repeated], [9, 9, 4, 5]);
    const { streams, table } = content.finish(1000);
    assert.deepEqual([streams.get('r1')?.next, streams.get('r2')?.next, table.rows], [20, 3, 9]);
  });

  it('leaves the chain state alone, and begins from it again', () => {
    const content = new FlowsContent();
    content.begin(STATE);
    content.fold(content.decode(message([{ ring: 'r1', first: 10, next: 20 }])));
    assert.equal(STATE.streams.get('r1')?.next, 10);
    content.begin(STATE);
    assert.deepEqual([content.rows, content.flows, content.losses.length], [0, 0, 0]);
    content.fold(content.decode(message([{ ring: 'r1', first: 10, next: 20 }])));
    assert.equal(content.rows, 10);
  });

  it('refuses a batch whose sources name other rows than it has', () => {
    const content = new FlowsContent();
    content.begin(STATE);
    const batch = enrichedBatch([{ ring: 'r1', first: 10, next: 20 }]);
    const forged = { ...batch, sources: batch.sources.map((source) => ({ ...source, rows: 9 })) };
    const value = encodeEnrichedBatch(forged);
    assert.throws(
      () => content.decode({ ...message([]), value }),
      (error: unknown) => error instanceof WeirError && error.disposition === 'drop',
    );
  });
});
