import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../../contract/clock.ts';
import { WeirError } from '../../../contract/errors.ts';
import { silentLogger } from '../../../contract/log.ts';
import { silentMeter } from '../../../contract/meter.ts';
import { encodeEnrichedBatch } from '../../../schemas/generated/flows-enriched-v1.ts';
import { joinFlowTopic } from '../../../sink/flow-topic.ts';
import type { Membership, OutgoingMessage } from '../../../transport/log.ts';
import { partitionOf } from '../../../transport/key-partition.ts';
import { enrichedBatch } from '../../fixtures/enriched.ts';
import { type LogFaults, MemoryBroker } from '../../fixtures/memory-log.ts';

const SPEC = { retentionMs: null, retentionBytes: null, messageBytesMax: 4_000_000 };

function fleet(): MemoryBroker {
  const broker = new MemoryBroker();
  broker.ensure([
    { ...SPEC, name: 'rich', partitions: 1 },
    { ...SPEC, name: 'flows', partitions: 3 },
  ]);
  return broker;
}

const rich = (first: number, next: number): OutgoingMessage => {
  return { key: null, value: encodeEnrichedBatch(enrichedBatch([{ ring: 'r', first, next }])), headers: {} };
};

const all = (broker: MemoryBroker) => [0, 1, 2].flatMap((partition) => broker.messages('flows', partition));

async function start(t: TestContext, broker: MemoryBroker, faults: LogFaults = {}): Promise<Membership> {
  const context = {
    log: broker.client(faults),
    clock: systemClock,
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
  const context = { log: broker.client(), clock: systemClock, logger: silentLogger, meter: silentMeter, group: 'g' };
  await assert.rejects(
    joinFlowTopic(context, 'rich', { topic: 'flows', hide: null }),
    (error: unknown) => error instanceof WeirError && error.code === 'WEIR_TRANSPORT_UNKNOWN_TOPIC',
  );
});
