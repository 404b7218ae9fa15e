import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock, UnixMs } from '../../../contract/clock.ts';
import { WeirError } from '../../../contract/errors.ts';
import { silentLogger } from '../../../contract/log.ts';
import { Sender } from '../../../sidecar/sender.ts';
import type { Log, OutgoingMessage } from '../../../transport/log.ts';
import { MemoryBroker, type LogFaults } from '../../fixtures/memory-log.ts';

const message = (text: string): OutgoingMessage => ({ key: 'k', value: new TextEncoder().encode(text), headers: {} });

/** Pauses pass at once and are noted; time goes on by them alone. */
class NotedClock implements Clock {
  readonly pauses: number[] = [];
  #nowMs = 0;
  nowMs(): UnixMs {
    return this.#nowMs as UnixMs;
  }
  sleep(ms: number): Promise<void> {
    this.pauses.push(ms);
    this.#nowMs += ms;
    return Promise.resolve();
  }
}

async function senderOn(faults: LogFaults): Promise<{ sender: Sender; log: Log; clock: NotedClock; acked: number[] }> {
  const log = new MemoryBroker().client(faults);
  const spec = { name: 't', partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1000 };
  await log.ensureTopics([spec]);
  const clock = new NotedClock();
  const acked: number[] = [];
  const sender = new Sender({
    log,
    clock,
    logger: silentLogger,
    topic: 't',
    partition: 0,
    requestBytesMax: 10,
    acknowledged: (count) => acked.push(count),
  });
  return { sender, log, clock, acked };
}

test('messages go in order, several in a request as far as they fit, one request in flight', async () => {
  const requests: string[][] = [];
  let inFlight = 0;
  const { sender, acked } = await senderOn({
    before: async ({ method, messages }) => {
      if (method !== 'produce') return;
      assert.equal(++inFlight, 1);
      requests.push(messages.map(({ value }) => Buffer.from(value).toString()));
      await new Promise((resolve) => setImmediate(resolve));
    },
    after: ({ method }) => {
      if (method === 'produce') inFlight--;
    },
  });
  sender.enqueue([message('aaaa'), message('bbbb'), message('cccc'), message('much longer than a request')]);
  sender.enqueue([message('d')]);
  await sender.idle();
  assert.deepEqual(requests, [['aaaa', 'bbbb'], ['cccc'], ['much longer than a request'], ['d']]);
  assert.deepEqual(acked, [2, 1, 1, 1]);
  assert.equal(sender.waiting, 0);
});

test('an unknown outcome sends the same request again, with a growing pause', async () => {
  let tries = 0;
  const requests: number[] = [];
  const { sender, clock, acked } = await senderOn({
    after: ({ method, messages }) => {
      if (method !== 'produce') return;
      requests.push(messages.length);
      if (++tries < 10) throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'lost answer');
    },
  });
  sender.enqueue([message('a')]);
  sender.enqueue([message('b')]);
  await sender.idle();
  assert.equal(tries, 11);
  assert.equal(new Set(requests.slice(0, 10)).size, 1);
  assert.deepEqual(clock.pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  assert.deepEqual(acked, [1, 1]);
});

test('an error that is not one to try again stops the sender and is told once', async () => {
  const { sender, acked } = await senderOn({
    before: ({ method }) => {
      if (method === 'produce') throw new WeirError('WEIR_TRANSPORT_MESSAGE_TOO_LARGE', 'too large');
    },
  });
  const failures: string[] = [];
  sender.onFailure(({ code }) => failures.push(code));
  sender.enqueue([message('a')]);
  await sender.idle();
  assert.deepEqual(failures, ['WEIR_TRANSPORT_MESSAGE_TOO_LARGE']);
  assert.equal(sender.failure?.code, 'WEIR_TRANSPORT_MESSAGE_TOO_LARGE');
  assert.deepEqual([acked, sender.waiting], [[], 1]);
});

test('draining gives up after its time, and stopping ends the tries', async () => {
  const { sender } = await senderOn({
    before: async ({ method }) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (method === 'produce') throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'away');
    },
  });
  sender.enqueue([message('a')]);
  assert.equal(await sender.drained(10), false);
  sender.stop();
  await sender.idle();
  assert.equal(sender.waiting, 1);
});
