import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ringPauseMs } from '../../../sidecar/ring-pace.ts';

const RECORD_BYTES = 264;

test('a ring that was empty, or nearly, is read as often as was asked', () => {
  assert.equal(ringPauseMs(0, 100, 1000, 100), 100);
  assert.equal(ringPauseMs(50 * RECORD_BYTES, 100, 1000, 100), 100);
  assert.equal(ringPauseMs(1000 * RECORD_BYTES, 100, 1000, 100), 100);
});

test('in a burst the next reading comes when there is about a batch to read', () => {
  assert.equal(ringPauseMs(6000 * RECORD_BYTES, 120, 1000, 100), 20);
  assert.equal(ringPauseMs(1500 * RECORD_BYTES, 30, 1000, 100), 20);
});

test('other work has its turn however much comes', () => {
  assert.equal(ringPauseMs(16_000 * RECORD_BYTES, 10, 1000, 100), 5);
  assert.equal(ringPauseMs(16_000 * RECORD_BYTES, 0, 1000, 100), 5);
});

test('a pause that was asked to be shorter than any of these stays so', () => {
  assert.equal(ringPauseMs(16_000 * RECORD_BYTES, 10, 1000, 2), 2);
});
