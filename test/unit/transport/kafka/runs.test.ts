import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../../../contract/clock.ts';
import { Runs } from '../../../../transport/kafka/runs.ts';
import type { Assignment } from '../../../../transport/log.ts';

const assignment = (partition: number): Omit<Assignment, 'signal'> => ({ topic: 't', topicId: 'id', partition });
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
const noFailure = (error: unknown): void => assert.fail(String(error));

test('draining aborts, waits for the end of the run, and lets the partition go', async () => {
  let ended = false;
  const runs = new Runs(async ({ signal }) => {
    await aborted(signal);
    await pause(30);
    ended = true;
  }, noFailure);
  runs.start(assignment(3));
  await pause(1);
  assert.ok(runs.has(3));
  assert.equal(await runs.drain([3], 5_000, systemClock), true);
  assert.ok(ended && !runs.has(3));
});

test('a run that does not end in time is let go, and the next one of its partition waits for it', async () => {
  const order: string[] = [];
  const end = Promise.withResolvers<void>();
  let count = 0;
  const runs = new Runs(async ({ signal }) => {
    const name = `run ${++count}`;
    order.push(`${name} begins`);
    await (name === 'run 1' ? end.promise : aborted(signal));
    order.push(`${name} ends`);
  }, noFailure);
  runs.start(assignment(0));
  await pause(1);
  assert.equal(await runs.drain([0], 20, systemClock), false);
  runs.start(assignment(0));
  await pause(10);
  assert.deepEqual(order, ['run 1 begins']);
  end.resolve();
  await pause(1);
  assert.deepEqual(order, ['run 1 begins', 'run 1 ends', 'run 2 begins']);
  assert.equal(await runs.drain([0], 5_000, systemClock), true);
  await runs.ended();
});

test('a run that throws is told of, and its partition stays ours until it is taken', async () => {
  const errors: unknown[] = [];
  const thrown = new Error('on purpose');
  const runs = new Runs(
    () => Promise.reject(thrown),
    (error) => errors.push(error),
  );
  runs.start(assignment(0));
  await runs.ended();
  assert.deepEqual(errors, [thrown]);
  assert.ok(runs.has(0));
});

test('stalled is who asks, is not at the end, and gets nothing; not who is idle, busy, or at the end', async () => {
  const runs = new Runs(({ signal }) => aborted(signal), noFailure);
  for (const partition of [0, 1, 2, 3]) runs.start(assignment(partition));
  // 0 is at the end, 1 gets messages, 2 never asks, 3 asks and gets nothing.
  runs.asked(0);
  runs.answered(0, 0, true);
  runs.asked(3);
  await pause(60);
  runs.asked(0);
  runs.answered(0, 0, true);
  runs.asked(1);
  runs.answered(1, 5, false);
  assert.equal(runs.stalled(50), 3);
  runs.answered(3, null, false);
  assert.equal(runs.stalled(50), null, 'it stopped asking: its work holds it, not the log');
  runs.asked(3);
  assert.equal(runs.stalled(50), 3, 'reads that fail give nothing either');
  runs.answered(3, 1, false);
  assert.equal(runs.stalled(50), null);
  await runs.drain([0, 1, 2, 3], 1_000, systemClock);
});

test('a partition whose run was told to end is let go and begun again, one run after the other', async () => {
  const order: string[] = [];
  const runs = new Runs(async ({ signal }) => {
    order.push('begins');
    await aborted(signal);
    await pause(10);
    order.push('ends');
  }, noFailure);
  runs.start(assignment(0));
  await pause(1);
  assert.equal(runs.isAborted(0), false);
  runs.abort();
  assert.ok(runs.isAborted(0) && runs.hasAborted && runs.has(0));
  runs.letGo(0);
  assert.ok(!runs.isAborted(0) && !runs.hasAborted && !runs.has(0));
  runs.start(assignment(0));
  assert.equal(runs.isAborted(0), false);
  await pause(30);
  assert.deepEqual(order, ['begins', 'ends', 'begins']);
  assert.equal(await runs.drain([0], 5_000, systemClock), true);
});
