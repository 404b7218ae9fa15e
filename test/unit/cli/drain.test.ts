import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awaitCommitted, watchReads } from '../../../cli/drain.ts';
import type { Clock, UnixMs } from '../../../contract/clock.ts';
import type { Log, Offset } from '../../../transport/log.ts';

/** Time that passes as it is slept. */
const clock: Clock = { nowMs: () => 0 as UnixMs, sleep: () => new Promise((resolve) => setImmediate(resolve)) };

/** A log whose topic has two partitions that end at 3 and 0, and positions that the test moves. */
function fakeLog(positions: (number | null)[]): Log {
  const bounds = [3, 0].map((end) => ({ start: 0 as Offset, end: end as Offset }));
  const refuse = (): Promise<never> => Promise.reject(new Error('not part of this test'));
  return {
    ensureTopics: refuse,
    produce: refuse,
    commit: refuse,
    join: refuse,
    close: refuse,
    describe: (name) => Promise.resolve({ name, id: 'id', partitions: bounds }),
    position: (_group, _topic, partition) => Promise.resolve((positions[partition] ?? null) as Offset | null),
    read: (_topic, partition) =>
      Promise.resolve({
        topicId: 'id',
        bounds: bounds[partition] ?? { start: 0 as Offset, end: 0 as Offset },
        messages: [],
      }),
  };
}

test('a group is done when it has committed every end; an empty partition needs no commit', async () => {
  const positions: (number | null)[] = [2, null];
  const log = fakeLog(positions);
  assert.equal(await awaitCommitted(log, clock, 'g', 't', 100), false);
  const waiting = awaitCommitted(log, clock, 'g', 't', 1e6);
  positions[0] = 3;
  assert.equal(await waiting, true);
});

test('a reader has taken what lies below the highest offset that it asked for', async () => {
  const watched = watchReads(fakeLog([]));
  const options = { messagesMax: 1, bytesMax: 1, waitMs: 0 };
  await watched.log.read('t', 0, 2 as Offset, options);
  assert.equal(await watched.awaitTaken(clock, 't', 100), false);
  const waiting = watched.awaitTaken(clock, 't', 1e6);
  await watched.log.read('t', 0, 3 as Offset, options);
  await watched.log.read('t', 0, 0 as Offset, options);
  assert.equal(await waiting, true);
});
