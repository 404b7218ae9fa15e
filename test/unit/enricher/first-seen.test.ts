import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstSeen } from '../../../enricher/first-seen.ts';

test('a message is seen since the first look at which the partition had it', () => {
  const seen = new FirstSeen();
  seen.record(3, 100);
  seen.record(3, 200);
  seen.record(7, 300);
  assert.deepEqual(
    [0, 2, 3, 6, 7].map((offset) => seen.of(offset)),
    [100, 100, 300, 300, null],
  );
});

test('what is done is forgotten, the rest is kept', () => {
  const seen = new FirstSeen();
  for (let i = 1; i <= 10; i += 1) seen.record(i * 10, i);
  seen.done(55);
  assert.deepEqual(
    [55, 60, 99].map((offset) => seen.of(offset)),
    [6, 7, 10],
  );
});

test('a long backlog keeps few samples, and errs towards later', () => {
  const seen = new FirstSeen();
  for (let i = 1; i <= 100_000; i += 1) seen.record(i, i);
  for (let offset = 0; offset < 100_000; offset += 997) {
    const at = seen.of(offset);
    assert.ok(at !== null && at > offset);
  }
});
