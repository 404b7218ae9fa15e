import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectEnds } from '../../../../cli/demo/expectation.ts';
import { MOVED_ADDRESS } from '../../../../cli/demo/fleet-plan.ts';
import type { TruthEnd, TruthHolder } from '../../../../cli/demo/truth.ts';
import { answer, end, truth } from './demo-truth.ts';

const only = (ends: readonly TruthEnd[], holders: readonly TruthHolder[] = []) =>
  [...expectEnds({ ...truth(ends), holders }).values()][0]!;

test('outcomes and bytes turn from the end to src and dst', () => {
  const asked = end({ outcome: 'reset_by_local' });
  const [client, server] = [
    ...expectEnds(truth([asked, { ...answer(asked, 'db'), outcome: 'reset_by_remote' }])).values(),
  ];
  assert.deepEqual([client!.outcome, client!.reporter], ['reset_by_src', 'src']);
  assert.deepEqual([server!.outcome, server!.reporter], ['reset_by_src', 'dst']);
  for (const told of [client!, server!]) assert.deepEqual([told.bytesToDst, told.bytesToSrc], [100, 2000]);
  assert.equal(only([end({ outcome: 'timed_out' })]).outcome, 'timed_out');
});

test('who is outside is not expected to report', () => {
  const asked = end({ workload: 'client', local: '198.51.100.20', remote: '10.77.1.10', remotePort: 80 });
  const expected = [...expectEnds(truth([asked, answer(asked, 'web')])).values()];
  assert.deepEqual(
    expected.map(({ truth: of }) => of.workload),
    ['web'],
  );
  assert.equal(expected[0]!.remote.size, 0);
});

test('the other end is who answered, else who has the address, the one that serves the port where two share it', () => {
  const asked = end({});
  assert.deepEqual([...only([asked, answer(asked, 'db')]).remote], ['db']);
  assert.deepEqual([...only([asked]).remote], ['db']);
  assert.deepEqual([...only([end({ remote: '10.77.2.10', remotePort: 9090 })]).remote], ['payments']);
  assert.deepEqual([...only([end({ remote: '10.77.2.10', remotePort: 1 })]).remote], ['catalog', 'payments']);
  assert.deepEqual([...only([end({ remote: '10.77.9.10' })]).remote], []);
});

test('of the moved address it is who held it during the call', () => {
  const span = (holder: string, fromUs: number, toUs: number): TruthHolder => ({
    holder,
    address: MOVED_ADDRESS,
    fromEarliestUs: fromUs,
    fromUs,
    toUs,
    toLatestUs: toUs,
  });
  const holders = [span('cache-blue', 0, 100), span('cache-green', 200, 900)];
  const during = (openedUs: number, closedUs: number): string[] => [
    ...only([end({ remote: MOVED_ADDRESS, openedUs, closedUs, outcome: 'refused' })], holders).remote,
  ];
  assert.deepEqual(during(10, 20), ['cache-blue']);
  assert.deepEqual(during(120, 130), []);
  assert.deepEqual(during(300, 310), ['cache-green']);
  assert.deepEqual(during(90, 300), ['cache-blue', 'cache-green']);
});

test('two ends with one key are a truth that contradicts itself', () => {
  assert.throws(() => expectEnds(truth([end({}), end({})])), /two ends/);
});
