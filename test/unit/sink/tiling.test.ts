import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STREAM_RETIRE_MS } from '../../../contract/limits.ts';
import { type LossEntry, sumLosses } from '../../../schemas/objects.ts';
import { beginFold, foldSource, type FoldSource, JUMP_FLOWS_MAX, retireStreams } from '../../../sink/tiling.ts';

function source(first: number, next: number, more: Partial<FoldSource> = {}): FoldSource {
  const flows = next - first;
  const base = { offset: 0, appendUs: 9_000_000, node: 'n1', ring: 'r', first, next, flows, rows: flows, losses: [] };
  return { ...base, ...more };
}

function newFold(next: number = 0) {
  const state = beginFold(next > 0 ? new Map([['r', { next, lastMs: 1000 }]]) : new Map(), new Map());
  const losses: LossEntry[] = [];
  const fold = (s: FoldSource, rowFlows: number = s.flows) => foldSource(state, s, rowFlows, 'raw-0', 9000, losses);
  return { state, losses, fold };
}

describe('the fold', () => {
  it('takes what goes on from the state', () => {
    const { state, losses, fold } = newFold(10);
    assert.deepEqual(fold(source(10, 15)), { verdict: 'taken', advance: 5 });
    assert.deepEqual([state.streams.get('r'), losses], [{ next: 15, lastMs: 9000 }, []]);
  });

  it('skips what it has seen, whatever it holds', () => {
    const { state, losses, fold } = newFold(10);
    assert.equal(fold(source(5, 10, { losses: [loss(1)] })).verdict, 'repeated');
    assert.equal(fold(source(0, 0)).verdict, 'repeated');
    assert.deepEqual([state.streams.get('r')?.next, losses], [10, []]);
  });

  it('keeps an idle stream alive that repeats its total', () => {
    const { state, fold } = newFold(10);
    fold(source(10, 10));
    assert.deepEqual(state.streams.get('r'), { next: 10, lastMs: 9000 });
  });

  it('tells a gap as lost in the transport, from the last that was seen', () => {
    const { losses, fold } = newFold(10);
    assert.deepEqual(fold(source(14, 15)), { verdict: 'taken', advance: 5 });
    const { stage, reason, flows, startUs, endUs, ring, detectedBy } = losses[0]!;
    assert.deepEqual(
      [stage, reason, flows, startUs, endUs, ring, detectedBy],
      ['transport', 'batch_lost', 4, 1_000_000, 9_000_000, 'r', 'sink'],
    );
  });

  it('tells what came before the first batch of a stream', () => {
    const { losses, fold } = newFold();
    fold(source(7, 9));
    assert.equal(sumLosses(losses), 7);
  });

  it('tells a gap at the end by an empty batch with the total', () => {
    const { losses, fold } = newFold(10);
    assert.deepEqual(fold(source(13, 13)), { verdict: 'taken', advance: 3 });
    assert.equal(sumLosses(losses), 3);
  });

  it('carries the losses of a batch', () => {
    const { losses, fold } = newFold(10);
    fold(source(10, 20, { flows: 7, rows: 7, losses: [loss(3)] }));
    assert.deepEqual([losses[0]?.flows, losses[0]?.detectedBy], [3, 'sidecar']);
  });

  it('takes merged rows, which stand for more flows than rows', () => {
    const { fold } = newFold(10);
    assert.equal(fold(source(10, 20, { rows: 2 }), 10).verdict, 'taken');
  });

  it('refuses a range on both sides of the state', () => {
    const { fold } = newFold(10);
    assert.throws(() => fold(source(8, 12)), { code: 'WEIR_SINK_STRADDLE' });
  });

  it('keeps impossible numbers out and leaves the state alone', () => {
    const { state, losses, fold } = newFold(10);
    const bad: [FoldSource, number][] = [
      [source(10, 10 + JUMP_FLOWS_MAX + 1), 1],
      [source(10, 15, { flows: 4 }), 4],
      [source(10, 15), 4],
      [source(10, 15), Number.NaN],
      [source(10, 15, { flows: 4, rows: 5 }), 4],
      [source(10, 15, { flows: 6, losses: [loss(-1)] }), 6],
      [source(20, 12), -8],
      [source(10.5, 12), 1.5],
    ];
    for (const [s, flows] of bad) assert.equal(fold(s, flows).verdict, 'refused');
    assert.equal(state.streams.get('r')?.next, 10);
    assert.deepEqual([losses.length, sumLosses(losses)], [bad.length, 0]);
    assert.ok(losses.every((entry) => entry.reason === 'range_invalid' && entry.flows === null));
  });

  it('tells a message without a stream once, however often it comes', () => {
    const { state, losses, fold } = newFold();
    const unnamed = source(0, 0, { ring: '', offset: 5, losses: [loss(-1, 'enricher', 'undecodable')] });
    assert.equal(fold(unnamed).verdict, 'taken');
    assert.equal(fold(unnamed).verdict, 'repeated');
    assert.equal(fold({ ...unnamed, offset: 6 }).verdict, 'taken');
    assert.deepEqual([losses.length, state.streams.size], [2, 0]);
  });

  it('forgets streams 30 days after their last append, and no sooner', () => {
    const { state } = newFold(10);
    assert.equal(retireStreams(state, 1000 + STREAM_RETIRE_MS), 0);
    assert.equal(retireStreams(state, 1001 + STREAM_RETIRE_MS), 1);
    assert.equal(state.streams.size, 0);
  });
});

function loss(flows: number, stage: string = 'kernel', reason: string = 'ring_full') {
  return { stage, reason, flows, intervalStartUs: 1, intervalEndUs: 2, intentional: false };
}
