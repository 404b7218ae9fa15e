import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanPauseMs } from '../../../sidecar/scan-pace.ts';

test('a quick scan is made as often as was asked', () => {
  assert.equal(scanPauseMs(3, 250, 5000), 250);
});

test('a slow one takes a twentieth of the time', () => {
  assert.equal(scanPauseMs(50, 250, 5000), 1000);
});

test('one that was held up by a busy machine never silences its reporter', () => {
  assert.equal(scanPauseMs(600, 250, 1000), 1000);
  assert.equal(scanPauseMs(60_000, 1000, 5000), 5000);
  assert.equal(scanPauseMs(600, 2000, 1000), 2000);
});
