import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Turns } from '../../../../transport/kafka/turns.ts';

test('calls of one key come one after the other, also past a failure; other keys do not wait', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const call =
    (name: string, ms: number, fails = false) =>
    async (): Promise<void> => {
      order.push(`${name}+`);
      await pause(ms);
      order.push(`${name}-`);
      if (fails) throw new Error(name);
    };
  const settled = await Promise.allSettled([
    turns.take('a', call('a1', 30, true)),
    turns.take('a', call('a2', 1)),
    turns.take('b', call('b1', 1)),
  ]);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
  assert.deepEqual(order, ['a1+', 'b1+', 'b1-', 'a1-', 'a2+', 'a2-']);
  await turns.settled();
});
