import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PoisonRate } from '../../../enricher/poison.ts';

test('some bad messages among good ones are taken for what they are', () => {
  const rate = new PoisonRate();
  for (let i = 0; i < 1000; i += 1) rate.note(i % 2 === 0);
});

test('more than half of the last hundred stop the stage', () => {
  const rate = new PoisonRate();
  for (let i = 0; i < 100; i += 1) rate.note(false);
  for (let i = 0; i < 50; i += 1) rate.note(true);
  assert.throws(() => rate.note(true), { code: 'WEIR_ENRICHER_POISON_RATE' });
});
