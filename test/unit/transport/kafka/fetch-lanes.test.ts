import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FetchLanes } from '../../../../transport/kafka/fetch-lanes.ts';
import type { Lane } from '../../../../transport/kafka/lane.ts';

class FakeLane {
  isOpen = true;
  close(): void {
    this.isOpen = false;
  }
}

function fakeLanes(lanesMax: number): { lanes: FetchLanes; opened: FakeLane[] } {
  const opened: FakeLane[] = [];
  const open = (): Promise<Lane> => {
    const lane = new FakeLane();
    opened.push(lane);
    return Promise.resolve(lane as unknown as Lane);
  };
  return { lanes: new FetchLanes(open, lanesMax), opened };
}

test('lanes are used again, one user at a time, and at most so many are opened', async () => {
  const { lanes, opened } = fakeLanes(2);
  const order: number[] = [];
  let atOnce = 0;
  const users = Array.from({ length: 6 }, (_, index) =>
    lanes.with(async () => {
      assert.ok(++atOnce <= 2);
      order.push(index);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
    }),
  );
  assert.equal(lanes.waitersCount, 4);
  await Promise.all(users);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
  assert.equal(opened.length, 2);
});

test('a lane that its user closed is not given to the next; a failure frees its place', async () => {
  const { lanes, opened } = fakeLanes(1);
  await assert.rejects(
    lanes.with((lane) => {
      lane.close();
      return Promise.reject(new Error('on purpose'));
    }),
    /on purpose/,
  );
  await lanes.with((lane) => {
    assert.ok(lane.isOpen);
    return Promise.resolve();
  });
  assert.equal(opened.length, 2);
});

test('an open that fails frees its place', async () => {
  let tries = 0;
  const lanes = new FetchLanes(() => Promise.reject(new Error(`try ${++tries}`)), 1);
  for (const expected of [/try 1/, /try 2/])
    await assert.rejects(
      lanes.with(() => Promise.resolve()),
      expected,
    );
});

test('close ends the lanes in use too', async () => {
  const { lanes, opened } = fakeLanes(4);
  await lanes.with(() => {
    lanes.close();
    return Promise.resolve();
  });
  assert.deepEqual(
    opened.map(({ isOpen }) => isOpen),
    [false],
  );
});
