import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Loss } from '../../../schemas/generated/common.ts';
import { decodePlan, encodePlan, PLAN_BATCHES_MAX, PLAN_BYTES_MAX, type Plan } from '../../../sidecar/plan.ts';

const loss = (stage: string, reason: string, flows: number): Loss => ({
  stage,
  reason,
  flows,
  intervalStartUs: 1_700_000_000_000_000,
  intervalEndUs: 1_700_000_000_000_999,
  intentional: false,
});
const losses = [loss('kernel', 'ring_full', 7), loss('sidecar', 'record_invalid', 1), loss('sidecar', 'overload', 2)];

const plan: Plan = {
  partition: 3,
  turn: 1,
  seq: 12,
  next: 9_007_199_254_740_000,
  position: 264_000,
  told: 7,
  batches: [
    { end: 528_000, rows: 1000, losses: [] },
    { end: 528_000, rows: 0, losses },
  ],
};

test('a plan is read as it was written, and an empty page holds none', () => {
  assert.deepEqual(decodePlan(encodePlan(plan)), plan);
  assert.deepEqual(decodePlan(encodePlan({ ...plan, batches: [] })), { ...plan, batches: [] });
  assert.equal(decodePlan(new Uint8Array()), null);
});

test('a page that was written before streams had turns is read: it was the first', () => {
  const words = [1, 3, 12, 7, 264_000, 7, 1, 528_000, 1000, 0];
  const batches = [{ end: 528_000, rows: 1000, losses: [] }];
  const read = decodePlan(new Uint8Array(Float64Array.from(words).buffer));
  assert.deepEqual(read, { partition: 3, turn: 0, seq: 12, next: 7, position: 264_000, told: 7, batches });
});

test('the longest plan fits the page beside the ring', () => {
  const batches = Array.from({ length: PLAN_BATCHES_MAX }, (_, i) => ({ end: i, rows: i, losses }));
  const bytes = encodePlan({ ...plan, batches });
  assert.equal(bytes.length, PLAN_BYTES_MAX);
  assert.ok(bytes.length <= 4032);
  assert.throws(() => encodePlan({ ...plan, batches: [...batches, { end: 0, rows: 0, losses }] }), RangeError);
});

test('a page of another version, cut or with anything behind it is refused with what to do', () => {
  const bytes = encodePlan(plan);
  const other = bytes.slice();
  new DataView(other.buffer).setFloat64(0, 3, true);
  const longer = new Uint8Array(bytes.length + 8);
  longer.set(bytes);
  for (const wrong of [other, bytes.slice(0, -8), bytes.slice(0, 9), longer]) {
    assert.throws(() => decodePlan(wrong), { code: 'WEIR_SIDECAR_LOAD_FAILED', message: /--detach/ });
  }
  assert.throws(() => decodePlan(other), { message: /version 3, this Weir reads 2: .*weir sidecar --replace/ });
});

test('a loss that no sidecar tells of has no place in a plan', () => {
  const batches = [{ end: 1, rows: 0, losses: [loss('sink', 'batch_lost', 1)] }];
  assert.throws(() => encodePlan({ ...plan, batches }), RangeError);
});
