import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteBudget } from '../../../transport/byte-budget.ts';

test('bytes are taken at once while they fit, and callers beyond wait in order', async () => {
  const budget = new ByteBudget(100);
  const order: string[] = [];
  assert.equal(budget.take(60), null);
  assert.equal(budget.take(40), null);
  const large = budget.take(70)?.then(() => order.push('large'));
  const small = budget.take(10)?.then(() => order.push('small'));
  assert.equal(budget.waitersCount, 2);
  budget.give(60);
  await Promise.resolve();
  assert.deepEqual(order, [], 'a small one does not overtake the large one');
  budget.give(40);
  await Promise.all([large, small]);
  assert.deepEqual(order, ['large', 'small']);
  assert.equal(budget.takenBytes, 80);
});

test('more than the whole bound passes alone', async () => {
  const budget = new ByteBudget(100);
  assert.equal(budget.take(500), null);
  const next = budget.take(1);
  assert.ok(next !== null);
  budget.give(500);
  await next;
  assert.equal(budget.takenBytes, 1);
});

test('who waits when it is closed fails', async () => {
  const budget = new ByteBudget(1);
  assert.equal(budget.take(1), null);
  const waiting = budget.take(1);
  assert.ok(waiting !== null);
  const refused = assert.rejects(waiting, /closed/);
  budget.close(new Error('closed'));
  await refused;
});

test('whatever is taken and given, the bound holds and everybody is served', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(sizes, async (bytes) => {
      const budget = new ByteBudget(100);
      let served = 0;
      await Promise.all(
        bytes.map(async (size) => {
          const room = budget.take(size);
          if (room !== null) await room;
          assert.ok(budget.takenBytes <= 100);
          await Promise.resolve();
          served++;
          budget.give(size);
        }),
      );
      assert.deepEqual([served, budget.takenBytes, budget.waitersCount], [bytes.length, 0, 0]);
    }),
  );
});
