import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMembership } from '../../../../transport/embedded/membership.ts';
import type { Assignment, Membership } from '../../../../transport/log.ts';

const assignments = [0, 1].map((partition) => ({ topic: 't', topicId: 'id', partition }));
const untilAborted = ({ signal }: Assignment): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

test('leave aborts every run, awaits them, then resolves done', async () => {
  const left: Membership[] = [];
  const ended: number[] = [];
  const failed = (error: unknown): never => assert.fail(String(error));
  const run = async (assignment: Assignment): Promise<void> => {
    await untilAborted(assignment);
    ended.push(assignment.partition);
  };
  const membership = startMembership(assignments, run, failed, (each) => left.push(each));
  await membership.leave();
  assert.deepEqual(ended, [0, 1]);
  assert.deepEqual(left, [membership]);
  await membership.done;
});

test('done rejects with the first error, every error is told, and the other runs go on', async () => {
  const told: unknown[] = [];
  let aborted = false;
  const run = async (assignment: Assignment): Promise<void> => {
    if (assignment.partition === 0) throw new Error('first');
    await untilAborted(assignment);
    aborted = true;
    throw new Error('second');
  };
  const membership = startMembership(
    assignments,
    run,
    (error) => told.push(error),
    () => undefined,
  );
  await assert.rejects(membership.done, /first/);
  assert.equal(aborted, false);
  await membership.leave();
  assert.equal(aborted, true);
  assert.deepEqual(told.map(String), ['Error: first', 'Error: second']);
  await assert.rejects(membership.done, /first/);
});
