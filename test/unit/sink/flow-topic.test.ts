import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type Clock, systemClock } from '../../../contract/clock.ts';
import { WeirError } from '../../../contract/errors.ts';
import { ENRICHED_MESSAGE_BYTES_MAX, RAW_MESSAGE_BYTES_MAX } from '../../../contract/limits.ts';
import { silentLogger } from '../../../contract/log.ts';
import { silentMeter } from '../../../contract/meter.ts';
import { encodeEnrichedBatch } from '../../../schemas/generated/flows-enriched-v1.ts';
import { joinFlowTopic } from '../../../sink/flow-topic.ts';
import type { Membership, OutgoingMessage } from '../../../transport/log.ts';
import { partitionOf } from '../../../transport/key-partition.ts';
import { enrichedBatch } from '../../fixtures/enriched.ts';
import { type LogFaults, MemoryBroker } from '../../fixtures/memory-log.ts';

const SPEC = { retentionMs: null, retentionBytes: null, messageBytesMax: ENRICHED_MESSAGE_BYTES_MAX };
/** Pauses are short. */
const clock: Clock = { nowMs: () => systemClock.nowMs(), sleep: (_ms, signal) => systemClock.sleep(5, signal) };

function fleet(): MemoryBroker {
  const broker = new MemoryBroker();
  broker.ensure([
    { ...SPEC, name: 'rich', partitions: 1 },
    { ...SPEC, name: 'flows', partitions: 3, messageBytesMax: RAW_MESSAGE_BYTES_MAX },
  ]);
  return broker;
}

const rich = (first: number, next: number, names?: readonly string[]): OutgoingMessage => {
  return { key: null, value: encodeEnrichedBatch(enrichedBatch([{ ring: 'r', first, next }], names)), headers: {} };
};

const all = (broker: MemoryBroker) => [0, 1, 2].flatMap((partition) => broker.messages('flows', partition));

async function start(t: TestContext, broker: MemoryBroker, faults: LogFaults = {}): Promise<Membership> {
  const context = {
    log: broker.client(faults),
    clock,
    logger: silentLogger,
    meter: silentMeter,
    group: 'g',
  };
  const membership = await joinFlowTopic(context, 'rich', { topic: 'flows', hide: null });
  t.after(() => membership.leave());
  return membership;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    assert.ok(tries < 500);
    await systemClock.sleep(10);
  }
}

test('every row is written where its key belongs, and a second life goes on at the commit', async (t) => {
  const broker = fleet();
  await broker
    .client()
    .produce('rich', 0, [rich(0, 5000), { key: null, value: Uint8Array.of(1), headers: {} }, rich(5000, 5010)]);
  const first = await start(t, broker);
  await until(() => broker.committed('g', 'rich', 0) === 3);
  await first.leave();
  assert.equal(all(broker).length, 5010);
  for (const partition of [0, 1, 2]) {
    for (const { key } of broker.messages('flows', partition)) assert.equal(partitionOf(key ?? '', 3), partition);
  }
  await broker.client().produce('rich', 0, [rich(5010, 5020)]);
  await start(t, broker);
  await until(() => broker.committed('g', 'rich', 0) === 4);
  assert.equal(all(broker).length, 5020);
});

test('long rows of one key are written in requests that the topic takes', async (t) => {
  const broker = fleet();
  await broker.client().produce('rich', 0, [rich(0, 5000, ['w'.repeat(40)])]);
  const requests: number[] = [];
  const membership = await start(t, broker, {
    before: ({ method, topic, messages }) => {
      if (method !== 'produce' || topic !== 'flows') return;
      const bytes = messages.reduce((sum, { value }) => sum + value.byteLength, 0);
      requests.push(bytes);
      // As Kafka's producer does: its limit is of one call's values.
      if (bytes > RAW_MESSAGE_BYTES_MAX) throw new WeirError('WEIR_TRANSPORT_MESSAGE_TOO_LARGE', `${bytes} bytes`);
    },
  });
  await Promise.race([membership.done, until(() => broker.committed('g', 'rich', 0) === 1)]);
  const bytes = requests.reduce((sum, request) => sum + request, 0);
  assert.equal(all(broker).length, 5000);
  assert.ok(bytes / 5000 > 600, `${bytes / 5000} bytes a row`);
  assert.ok(requests.length < (2 * bytes) / (512 * 1024), `${requests.length} requests`);
});

test('a request that the topic refuses ends the run, and its message is not committed', async (t) => {
  const broker = fleet();
  await broker.client().produce('rich', 0, [rich(0, 2500)]);
  const membership = await start(t, broker, {
    before: ({ method, topic }) => {
      if (method === 'produce' && topic === 'flows') throw new WeirError('WEIR_TRANSPORT_MESSAGE_TOO_LARGE', 'no');
    },
  });
  await assert.rejects(membership.done, { code: 'WEIR_TRANSPORT_MESSAGE_TOO_LARGE' });
  assert.equal(broker.committed('g', 'rich', 0), null);
});

test('a topic that is made anew is left alone until the partition is given anew', async (t) => {
  const broker = fleet();
  await broker.client().produce('rich', 0, [rich(0, 10), rich(10, 20), rich(20, 30)]);
  let reads = 0;
  const first = await start(t, broker, { before: ({ method }) => void (method === 'read' && reads++) });
  let problem: unknown = null;
  first.done.catch((error: unknown) => (problem = error));
  const readAgain = async (): Promise<void> => {
    const seen = reads;
    await until(() => reads > seen + 2 || problem !== null);
  };
  await until(() => broker.committed('g', 'rich', 0) === 3);
  broker.recreate('rich');
  // Wakes who waits for messages: the position lies beyond the end now.
  await broker.client().produce('rich', 0, [rich(0, 10)]);
  await readAgain();
  await broker.client().produce('rich', 0, [rich(10, 20), rich(20, 30), rich(30, 40), rich(40, 50)]);
  await readAgain();
  assert.equal(problem, null);
  assert.equal(all(broker).length, 30);
  assert.equal(broker.committed('g', 'rich', 0), null);
  await first.leave();
  await start(t, broker);
  await until(() => broker.committed('g', 'rich', 0) === 5);
  assert.equal(all(broker).length, 80);
});

test('an answer that is lost brings messages twice, and none is missing', async (t) => {
  const broker = fleet();
  await broker.client().produce('rich', 0, [rich(0, 50)]);
  let lost = 0;
  await start(t, broker, {
    after: ({ method, topic }) => {
      if (method === 'produce' && topic === 'flows' && lost++ === 0)
        throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'the answer is lost');
    },
  });
  await until(() => broker.committed('g', 'rich', 0) === 1);
  const bytes = all(broker).map(({ value }) => Buffer.from(value).toString('base64'));
  assert.equal(new Set(bytes).size, 50);
  assert.ok(bytes.length > 50);
});

test('without the topic the sink does not start', async () => {
  const broker = new MemoryBroker();
  broker.ensure([{ ...SPEC, name: 'rich', partitions: 1 }]);
  const context = { log: broker.client(), clock, logger: silentLogger, meter: silentMeter, group: 'g' };
  await assert.rejects(
    joinFlowTopic(context, 'rich', { topic: 'flows', hide: null }),
    (error: unknown) => error instanceof WeirError && error.code === 'WEIR_TRANSPORT_UNKNOWN_TOPIC',
  );
});
