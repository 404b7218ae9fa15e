/**
 * A sidecar that is killed where it hurts most: between plan and send, between send and acknowledgement, in between. The
 * ring and the page beside it outlive it; every flow arrives once, under one number.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import type { Stage } from '../../contract/stage.ts';
import { partitionOf } from '../../sidecar/partition.ts';
import { startSidecar } from '../../sidecar/run.ts';
import type { Message } from '../../transport/log.ts';
import { FakeHost, FakeRing, FakeSource, namespaceOf } from '../fixtures/fake-machine.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { connectionsOf, foldRaw } from '../fixtures/raw-stream.ts';
import { flowRecord } from '../fixtures/ring-bytes.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

const RAW = 'weir.flows.raw.v1';
const OWNERSHIP = 'weir.ownership.v1';

type Fault = 'none' | 'before send' | 'after send';

interface Life {
  readonly source: FakeSource;
  /** Resolves when the fault was met; never for `none`. */
  readonly met: Promise<void>;
  readonly stage: Stage;
  kill(): void;
}

function brokerOf(partitions: number): MemoryBroker {
  const broker = new MemoryBroker();
  const limits = { retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 };
  broker.ensure([
    { name: RAW, partitions, ...limits },
    { name: OWNERSHIP, partitions: 1, ...limits },
  ]);
  return broker;
}

class World {
  broker: MemoryBroker;
  readonly ring: FakeRing;
  readonly host = new FakeHost('node-a', () => Date.now() * 1000);
  #cookies = 0;

  constructor(records: number) {
    this.ring = new FakeRing('ring0', 264 * records);
    this.host.paths.set(11, '/demo/node-a/checkout');
    this.host.namespaces = [namespaceOf(1, ['10.0.0.1/24'], [11])];
    this.broker = brokerOf(2);
  }

  /** Another log, with so many raw partitions. */
  move(partitions: number): void {
    this.broker = brokerOf(partitions);
  }

  emit(count: number): void {
    for (let i = 0; i < count; i++) {
      this.ring.emit(flowRecord({ cookie: BigInt(++this.#cookies), cgroupId: 11n, netns: 1 }), true);
    }
  }

  /** A sidecar that dies at its `nth` produce request, before the log has it or after. */
  async live(fault: Fault, nth: number): Promise<Life> {
    const source = new FakeSource({}, this.ring, true);
    const dead = new Promise<void>(() => undefined);
    const met = Promise.withResolvers<void>();
    let requests = 0;
    const meet = async (at: Fault, topic: string): Promise<void> => {
      if (source.killed) await dead;
      if (topic !== RAW || at !== fault || ++requests < nth) return;
      source.killed = true;
      met.resolve();
      await dead;
    };
    const log = this.broker.client({
      before: ({ method, topic }) => (method === 'produce' ? meet('before send', topic) : undefined),
      after: ({ method, topic }) => (method === 'produce' ? meet('after send', topic) : undefined),
    });
    const options = { batchFlows: 40, batchAgeMs: 20, intervalMs: 60_000, heartbeatMs: 60_000, scanMs: 60_000 };
    const names = { cluster: 'test', network: 'test', node: 'node-a', rawTopic: RAW, ownershipTopic: OWNERSHIP };
    const parts = { clock: systemClock, logger: silentLogger, meter: silentMeter, log, source, host: this.host };
    const stage = await startSidecar({ ...parts, ...names, ...options, ringPollMs: 2 });
    const kill = (): void => {
      source.killed = true;
      // What is left of it must end with the test; nothing that it does arrives.
      stage.stop().catch(() => undefined);
    };
    return { source, met: met.promise, stage, kill };
  }

  messages(): readonly Message[] {
    const { partitions } = this.broker.topic(RAW);
    return partitions.flatMap((_, partition) => this.broker.messages(RAW, partition));
  }

  fold(): ReturnType<typeof foldRaw> {
    return foldRaw(this.messages());
  }
}

/** Lives that end by faults drawn from `seed`, then one that ends well. */
async function lives(world: World, seed: number, faults: number, records: number): Promise<void> {
  const random = new SeededRandom(seed);
  for (let i = 0; i < faults; i++) {
    const fault = (['none', 'before send', 'after send'] as const)[random.below(3)]!;
    const life = await world.live(fault, 1 + random.below(3));
    world.emit(1 + random.below(records));
    await Promise.race([life.met, systemClock.sleep(random.below(120))]);
    world.emit(random.below(records));
    life.kill();
    world.emit(random.below(records));
  }
  const last = await world.live('none', 0);
  await last.stage.stop();
  assert.ok(last.source.detached && last.source.stopped && !last.source.left);
}

for (const seed of [1, 2, 3, 4]) {
  test(`below the ring's capacity every flow arrives once, in order, and none is missing (seed ${seed})`, async () => {
    const world = new World(10_000);
    await lives(world, seed, 8, 150);
    const folded = world.fold();
    assert.equal(world.ring.dropped, 0);
    const expected = Array.from({ length: world.ring.made }, (_, i) => i + 1);
    assert.deepEqual(connectionsOf(folded.batches), expected);
    assert.deepEqual([folded.missing, folded.lost, folded.next.size], [0, {}, 1]);
  });

  test(`above the ring's capacity what was made is rows and losses, to the unit (seed ${seed})`, async () => {
    const world = new World(120);
    await lives(world, seed, 8, 150);
    const folded = world.fold();
    assert.ok(world.ring.dropped > 0);
    assert.equal(new Set(connectionsOf(folded.batches)).size, folded.flows);
    assert.equal(folded.lost['ring_full'], world.ring.dropped);
    assert.deepEqual([folded.missing, folded.flows + world.ring.dropped], [0, world.ring.made]);
  });
}

test('what was sent and not acknowledged is sent again under the same numbers, and counts once', async () => {
  const world = new World(1000);
  const first = await world.live('after send', 1);
  world.emit(100);
  await first.met;
  first.kill();
  const second = await world.live('none', 0);
  await second.stage.stop();
  const folded = world.fold();
  assert.ok(folded.repeated > 0);
  assert.deepEqual([folded.flows, folded.missing], [100, 0]);
});

test('a stream keeps its partition when others are added, and is refused where it is gone', async () => {
  const world = new World(1000);
  const partition = partitionOf('test/node-a', 2);
  assert.notEqual(partition, partitionOf('test/node-a', 7));
  const first = await world.live('before send', 1);
  world.emit(10);
  await first.met;
  first.kill();
  world.move(7);
  const second = await world.live('before send', 1);
  await second.met;
  second.kill();
  if (partition === 1) {
    world.move(1);
    await assert.rejects(world.live('none', 0), { code: 'WEIR_TRANSPORT_TOPIC_MISMATCH', message: /--detach/ });
    world.move(7);
  }
  const last = await world.live('none', 0);
  await last.stage.stop();
  assert.equal(foldRaw(world.broker.messages(RAW, partition)).flows, 10);
});

test('a clean stop with the log away leaves the ring to the next process', { timeout: 20_000 }, async () => {
  const world = new World(1000);
  const away = await world.live('before send', 1);
  world.emit(50);
  await away.met;
  away.source.killed = false;
  await away.stage.stop();
  assert.ok(away.source.left && !away.source.detached && !away.source.stopped);
  away.source.killed = true;
  world.emit(50);
  const next = await world.live('none', 0);
  await next.stage.stop();
  assert.deepEqual([world.fold().flows, world.fold().missing], [100, 0]);
});
