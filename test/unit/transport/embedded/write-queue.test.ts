import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { WeirError } from '../../../../contract/errors.ts';
import { WriteQueue } from '../../../../transport/embedded/write-queue.ts';

interface Queue {
  readonly queue: WriteQueue;
  /** What happened, in order. */
  readonly events: string[];
  /** Insert `value`; `bytes` is what the queue is told. */
  readonly insert: (value: number, bytes?: number, before?: () => void) => Promise<void>;
  readonly values: () => number[];
}

function makeQueue(): Queue {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE t (value INTEGER PRIMARY KEY)');
  const insertion = database.prepare('INSERT INTO t VALUES (?)');
  const events: string[] = [];
  const queue = new WriteQueue(database, 'memory', 100, () => events.push('committed'));
  const insert: Queue['insert'] = (value, bytes = 0, before = () => undefined) =>
    new Promise((resolve, reject) => {
      queue.push({
        bytes,
        apply: () => {
          before();
          insertion.run(value);
        },
        done: () => {
          events.push(`done ${value}`);
          resolve();
        },
        failed: reject,
      });
    });
  const values = (): number[] =>
    database
      .prepare('SELECT value FROM t')
      .all()
      .map((row) => Number(row['value']));
  return { queue, events, insert, values };
}

test('what is queued together commits together, and settles after it, in order', async () => {
  const { queue, events, insert } = makeQueue();
  await Promise.all([insert(1), insert(2), insert(3)]);
  assert.deepEqual(events, ['committed', 'done 1', 'done 2', 'done 3']);
  assert.equal(queue.transactions, 1);
});

test('an operation that refuses fails alone', async () => {
  const { insert, values } = makeQueue();
  const refuse = (): never => {
    throw new WeirError('WEIR_TRANSPORT_MESSAGE_TOO_LARGE', 'too large');
  };
  const settled = await Promise.allSettled([insert(1), insert(2, 0, refuse), insert(3)]);
  assert.deepEqual(
    settled.map((each) => each.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(values(), [1, 3]);
});

test('an operation that breaks the transaction does not take its neighbours with it', async () => {
  const { insert, values } = makeQueue();
  const settled = await Promise.allSettled([insert(1), insert(1), insert(2)]);
  assert.deepEqual(
    settled.map((each) => each.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(values(), [1, 2]);
});

test('a transaction takes a bounded number of bytes, and one operation at least', async () => {
  const { queue, insert } = makeQueue();
  await Promise.all([insert(1, 5_000_000), insert(2, 5_000_000), insert(3, 100_000_000), insert(4, 1), insert(5, 1)]);
  assert.equal(queue.transactions, 4);
});

test('closing settles what is queued, and refuses what comes later', async () => {
  const { queue, events, insert } = makeQueue();
  const queued = insert(1);
  await queue.close();
  assert.deepEqual(events, ['committed', 'done 1']);
  await queued;
  await assert.rejects(
    insert(2),
    (error: unknown) => error instanceof WeirError && error.code === 'WEIR_TRANSPORT_CLOSED',
  );
});
