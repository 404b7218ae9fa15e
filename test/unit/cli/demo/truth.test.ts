import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdersWithin, parseTruth, truthLine } from '../../../../cli/demo/truth.ts';
import { end } from './demo-truth.ts';

const head = truthLine({ demo: '1-2', seed: 3, forMs: 20_000, startedUs: 5 });
const holder = { holder: 'blue', address: '10.0.0.1', fromEarliestUs: 0, fromUs: 0, toUs: 100, toLatestUs: 110 };
const next = { holder: 'green', address: '10.0.0.1', fromEarliestUs: 200, fromUs: 210, toUs: 999, toLatestUs: 999 };

test('heads, ends and holders are read in any order', () => {
  const text = `${JSON.stringify(end({}))}\n${truthLine(holder)}${head}`;
  const { head: read, ends, holders } = parseTruth(text);
  assert.deepEqual([read.demo, read.seed, ends.length, holders.length], ['1-2', 3, 1, 1]);
});

test('a line that is cut, or nothing known, or a missing head is refused with its number', () => {
  assert.throws(() => parseTruth(`${head}{"workload":"web","ro`), /line 2 of the truth is no JSON/);
  assert.throws(() => parseTruth(`${head}{"a":1}`), /line 2 of the truth is nothing known/);
  assert.throws(() => parseTruth(JSON.stringify(end({}))), /which demo/);
});

test('who held an address is told for any span, nobody included', () => {
  const within = (fromUs: number, toUs: number): (string | null)[] =>
    [...holdersWithin([next, holder], '10.0.0.1', fromUs, toUs)].sort((a, b) => `${a}`.localeCompare(`${b}`));
  assert.deepEqual(within(10, 20), ['blue']);
  assert.deepEqual(within(120, 190), [null]);
  assert.deepEqual(within(90, 150), ['blue', null]);
  assert.deepEqual(within(150, 300), ['green', null]);
  assert.deepEqual(within(50, 300), ['blue', 'green', null]);
  assert.deepEqual(within(300, 400), ['green']);
  // At the edges it may have been either.
  assert.deepEqual(within(105, 106), ['blue', null]);
  assert.deepEqual(within(205, 206), ['green', null]);
  assert.deepEqual([...holdersWithin([holder], '10.0.0.2', 0, 1)], [null]);
});
