import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Joiner } from '../../../enricher/join.ts';
import { OwnershipHistory } from '../../../enricher/ownership/history.ts';
import { isWorthALook } from '../../../enricher/ready.ts';
import { ownership, rawBatch, type TestOwnership, workload } from '../../fixtures/enricher-messages.ts';

const S = 1_000_000;
const said = (reporter: string, seq: number, asOf: number, addr?: string): TestOwnership => {
  const claims = addr === undefined ? [] : [{ addr, who: workload(reporter), from: S }];
  return { reporter, seq, kind: seq === 0 ? 'full' : 'asOf', asOf: asOf * S, claims };
};
const flow = (remote: string, end: number) => ({
  local: '10.0.0.1',
  remote,
  start: end * S - 5,
  end: end * S,
  localWorkload: 0,
});

test('a batch names each reporter once, with the latest time that it needs', () => {
  const history = new OwnershipHistory();
  history.apply(ownership(said('n1', 0, 10, '10.0.0.2')), 1e9);
  history.apply(ownership(said('n2', 0, 10, '10.0.0.3')), 1e9);
  const batch = rawBatch({
    workloads: [workload('me')],
    flows: [flow('10.0.0.2', 12), flow('10.0.0.2', 14), flow('10.0.0.3', 11), flow('10.0.0.3', 9)],
  });
  const needs = new Joiner(history).look(batch);
  assert.deepEqual(
    needs.map(({ reporter, untilUs, live }) => [reporter, untilUs, live]),
    [
      [0, 14 * S, true],
      [1, 11 * S, true],
    ],
  );
  assert.equal(isWorthALook(history, needs), false);
  history.apply(ownership(said('n1', 1, 15)), 1e9);
  assert.equal(isWorthALook(history, needs), false);
  history.apply(ownership(said('n2', 1, 12)), 1e9);
  assert.equal(isWorthALook(history, needs), true);
});

test('a reporter that falls silent is worth another look', () => {
  const history = new OwnershipHistory();
  history.apply(ownership(said('n1', 0, 10, '10.0.0.2')), 1e9);
  history.apply(ownership(said('n2', 0, 10)), 1e9);
  const needs = new Joiner(history).look(rawBatch({ workloads: [workload('me')], flows: [flow('10.0.0.2', 12)] }));
  history.apply(ownership(said('n2', 1, 26)), 1e9);
  assert.equal(isWorthALook(history, needs), true);
});
