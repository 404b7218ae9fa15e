/** Dead letters, re-driven any number of times, in any order, across objects and retirement: once at most, and never a row twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { STREAM_RETIRE_MS } from '../../contract/limits.ts';
import { letterMark, type LossEntry, RECOVERED, type StreamMap, sumLosses } from '../../schemas/objects.ts';
import { beginFold, foldSource, type FoldLoss, type FoldSource, retireStreams, sumAdvance } from '../../sink/tiling.ts';

const DAY_MS = 24 * 3_600_000;

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      flows: fc.integer({ min: 1, max: 9 }),
      lost: fc.nat(3),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('refused' as const),
      flows: fc.integer({ min: 1, max: 9 }),
      lost: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('missing' as const), flows: fc.integer({ min: 1, max: 9 }) }) },
  // Any batch so far, by its place: also one that came as rows, or that never came.
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('redrive' as const), which: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), which: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('days' as const), days: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('object' as const) }) },
);

const loss = (stage: string, reason: string, flows: number): FoldLoss => {
  return { stage, reason, flows, intervalStartUs: 1, intervalEndUs: 2, intentional: false };
};

interface Batch {
  readonly sent: FoldSource;
  /** As the enricher would have said it, and as a redrive says it. */
  readonly whole: FoldSource;
  readonly redriven: FoldSource;
}

function batchOf(first: number, flows: number, lost: number, isRefused: boolean): Batch {
  const next = first + flows + lost;
  const own = lost > 0 ? [loss('kernel', 'ring_full', lost)] : [];
  const whole = { offset: 0, appendUs: 1, node: 'n', ring: 'r', first, next, flows, rows: flows, losses: own };
  const refused = { ...whole, flows: 0, rows: 0, losses: [loss('enricher', 'undecodable', next - first)] };
  const redriven = { ...whole, losses: [...own, loss('enricher', RECOVERED, next - first)] };
  return { sent: isRefused ? refused : whole, whole, redriven };
}

class Lake {
  before: StreamMap = new Map();
  state = beginFold(new Map(), new Map());
  losses: LossEntry[] = [];
  flows = 0;
  readonly taken = new Map<number, number>();
  ledger = 0;
  readonly recoveredOf = new Map<number, number>();

  fold(source: FoldSource, nowMs: number): void {
    const { verdict } = foldSource(this.state, source, source.flows, 'raw-0', nowMs, this.losses);
    assert.notEqual(verdict, 'refused');
    if (verdict !== 'taken') return;
    this.flows += source.flows;
    if (source.losses.some(({ reason }) => reason === RECOVERED)) {
      this.recoveredOf.set(source.first, (this.recoveredOf.get(source.first) ?? 0) + 1);
    }
    for (let n = source.first; n < source.first + source.flows; n++) this.taken.set(n, (this.taken.get(n) ?? 0) + 1);
  }

  close(nowMs: number): void {
    retireStreams(this.state, nowMs);
    assert.equal(this.flows + sumLosses(this.losses), sumAdvance(this.before, this.state.streams));
    this.ledger += sumLosses(this.losses);
    this.before = this.state.streams;
    this.state = beginFold(this.before, this.state.marks);
    this.losses = [];
    this.flows = 0;
  }
}

test('a dead letter comes back at most once, and rows and losses tell what was made', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
      const lake = new Lake();
      const batches: Batch[] = [];
      let next = 0;
      let nowMs = 1_000_000;
      for (const one of steps) {
        if (one.kind === 'batch' || one.kind === 'refused' || one.kind === 'missing') {
          const batch = batchOf(next, one.flows, one.kind === 'missing' ? 0 : one.lost, one.kind === 'refused');
          next = batch.sent.next;
          batches.push(batch);
          if (one.kind !== 'missing') lake.fold(batch.sent, nowMs);
        } else if (one.kind === 'redrive') {
          const batch = batches[one.which % Math.max(1, batches.length)];
          if (batch !== undefined) lake.fold(batch.redriven, nowMs);
        } else if (one.kind === 'repeat') {
          const batch = batches[one.which % Math.max(1, batches.length)];
          // What never came must not come here as new, and a stream that lives repeats within its month.
          const at = lake.state.streams.get('r')?.next ?? 0;
          if (batch !== undefined && batch.sent.next <= at) lake.fold(batch.whole, nowMs);
        } else if (one.kind === 'days') {
          nowMs += one.days * DAY_MS;
          // The stream lives: only what is remembered of letters grows old.
          const live = lake.state.streams.get('r');
          if (live !== undefined) lake.state.streams.set('r', { ...live, lastMs: nowMs });
        } else lake.close(nowMs);
      }
      lake.fold({ ...batchOf(next, 0, 0, false).whole, first: next, next }, nowMs);
      lake.close(nowMs);
      assert.ok([...lake.taken.values()].every((times) => times === 1));
      assert.ok([...lake.recoveredOf.values()].every((times) => times === 1));
      for (const { sent, whole } of batches) {
        // Only what was told as a dead letter comes back.
        if (lake.recoveredOf.has(whole.first)) assert.notEqual(sent.rows, whole.rows);
      }
      assert.equal(lake.taken.size + lake.ledger, next);
    }),
    { numRuns: 1000 },
  );
});

test('a letter is recovered while it is remembered, and left alone after', () => {
  const lake = new Lake();
  const { sent, redriven } = batchOf(0, 5, 2, true);
  lake.fold(sent, 1000);
  lake.close(1000);
  assert.deepEqual(lake.state.marks.get(letterMark('r', 0)), { next: 7, lastMs: 1000 });
  lake.fold(redriven, 2000);
  assert.deepEqual(lake.state.marks.get(letterMark('r', 0)), { next: 0, lastMs: 2000 });
  assert.deepEqual(
    lake.losses.map(({ reason, flows }) => [reason, flows]),
    [
      ['ring_full', 2],
      ['recovered', -7],
    ],
  );
  lake.close(2000 + STREAM_RETIRE_MS + 1);
  assert.equal(lake.state.marks.size, 0);
  lake.fold(redriven, 2000 + STREAM_RETIRE_MS + 1);
  assert.equal(lake.taken.size, 5);
});
