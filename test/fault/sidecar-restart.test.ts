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
import type { SidecarOptions } from '../../sidecar/options.ts';
import { partitionOf } from '../../transport/key-partition.ts';
import { decodePlan } from '../../sidecar/plan.ts';
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

  /** Partitions are added; what the log holds stays. */
  grow(partitions: number): void {
    const { partitions: there } = this.broker.topic(RAW);
    while (there.length < partitions) there.push({ start: 0, end: 0, messages: [] });
  }

  /** A sidecar that dies at its `nth` produce request, before the log has it or after. */
  async live(fault: Fault, nth: number, more: Partial<SidecarOptions> = {}): Promise<Life> {
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
    const stage = await startSidecar({ ...parts, ...names, ...options, ringPollMs: 2, ...more });
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

for (const fault of ['before send', 'after send'] as const) {
  for (let nth = 1; nth <= 4; nth++) {
    test(`killed at request ${nth} of a clean stop (${fault}) nothing is lost, and the total is there`, async () => {
      const world = new World(1000);
      const dying = await world.live(fault, nth, { batchAgeMs: 60_000, batchFlows: 30 });
      world.emit(45);
      const { source, ring } = { source: dying.source, ring: world.ring };
      // One more, too late for the last look before the capture ends.
      const detach = source.detach.bind(source);
      source.detach = (): Promise<void> => {
        if (!source.detached) world.emit(5);
        return detach();
      };
      dying.stage.stop().catch(() => undefined);
      await Promise.race([dying.met, systemClock.sleep(1000)]);
      dying.kill();
      const isOver = ring.journal.length === 0;
      if (isOver) assert.ok(source.stopped, 'the fault was met after the end');
      else {
        const last = await world.live('none', 0);
        await last.stage.stop();
      }
      const folded = world.fold();
      assert.deepEqual([folded.missing, folded.lost, folded.next.size], [0, {}, 1]);
      assert.deepEqual([folded.flows, [...folded.next.values()]], [ring.made, [ring.made]]);
      const totals = folded.batches.filter(({ first, next }) => first === next);
      assert.ok(totals.length > 0, 'an empty batch with the total');
    });
  }
}

/** Partition counts whose hashes of the key differ, the last one again the first's. */
function counts(): readonly [from: number, more: number, back: number] {
  const of = (partitions: number): number => partitionOf('test/node-a', partitions);
  const more = Array.from({ length: 20 }, (_, i) => 3 + i).find((n) => of(n) !== of(2))!;
  const back = Array.from({ length: 40 }, (_, i) => more + 1 + i).find((n) => of(n) === of(2))!;
  return [2, more, back];
}

test('partitions are added: the stream ends with its total and a new one begins where the key goes now, also back again', async () => {
  const world = new World(1000);
  const [from, more, back] = counts();
  const { stage } = await world.live('none', 0, { partitionsMs: 10 });
  const made: number[] = [];
  for (const partitions of [from, more, back]) {
    world.grow(partitions);
    await systemClock.sleep(250);
    world.emit(100);
    made.push(world.ring.made);
    await systemClock.sleep(80);
  }
  await stage.stop();
  const homes = [from, more, back].map((partitions) => partitionOf('test/node-a', partitions));
  const folds = homes.map((partition) => foldRaw(world.broker.messages(RAW, partition)));
  assert.deepEqual(
    [...folds[0]!.next.entries()],
    [
      [`ring0-p${homes[0]}`, 100],
      [`ring0-p${homes[0]}-2`, 100],
    ],
  );
  assert.deepEqual([...folds[1]!.next.entries()], [[`ring0-p${homes[1]}-1`, 100]]);
  const folded = world.fold();
  assert.deepEqual([folded.flows, folded.missing, folded.lost], [300, 0, {}]);
  assert.equal(new Set(connectionsOf(folded.batches)).size, 300);
  const totals = folded.batches.filter(({ first, next }) => first === next).map(({ ring }) => ring);
  assert.equal(new Set(totals).size, 3, 'every stream says its total');
});

for (const fault of ['before send', 'after send'] as const) {
  for (let nth = 1; nth <= 5; nth++) {
    test(`killed at request ${nth} (${fault}) while partitions are added with unacknowledged batches`, async () => {
      const world = new World(1000);
      const [, more] = counts();
      const dying = await world.live(fault, nth, { partitionsMs: 30 });
      world.emit(50);
      await systemClock.sleep(25);
      world.grow(more);
      world.emit(50);
      await Promise.race([dying.met, systemClock.sleep(250)]);
      dying.kill();
      world.emit(50);
      const last = await world.live('none', 0, { partitionsMs: 10 });
      await systemClock.sleep(100);
      world.emit(50);
      await systemClock.sleep(40);
      assert.equal(decodePlan(world.ring.journal)?.partition, partitionOf('test/node-a', more));
      await last.stage.stop();
      const folded = world.fold();
      assert.deepEqual([folded.flows, folded.missing, folded.lost], [200, 0, {}]);
      assert.equal(new Set(connectionsOf(folded.batches)).size, 200);
    });
  }
}
