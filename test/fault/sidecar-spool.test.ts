/**
 * Spool and plan together, by seed: the log goes and comes back, and the sidecar dies before or after what it writes is
 * there, in the log or in the spool. Every flow that found room in the ring is a row, once, under one number.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import type { Stage } from '../../contract/stage.ts';
import { startSidecar } from '../../sidecar/run.ts';
import { FakeHost, FakeRing, FakeSource, namespaceOf } from '../fixtures/fake-machine.ts';
import { MemoryBroker, type LogCall } from '../fixtures/memory-log.ts';
import { connectionsOf, foldRaw } from '../fixtures/raw-stream.ts';
import { flowRecord } from '../fixtures/ring-bytes.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

const RAW = 'weir.flows.raw.v1';
const OWNERSHIP = 'weir.ownership.v1';
const LIVES = 12;
/** Where a process can die: at a request to the log or to the spool (what it takes or what it has sent). */
const WHERE = ['log', 'spool'] as const;
const WHEN = ['before', 'after'] as const;

interface Death {
  readonly where: (typeof WHERE)[number];
  readonly when: (typeof WHEN)[number];
  readonly nth: number;
}

class World {
  readonly broker = new MemoryBroker();
  readonly disk = new MemoryBroker();
  readonly ring: FakeRing;
  away = false;
  spooled = 0;
  #cookies = 0;

  constructor(records: number) {
    this.ring = new FakeRing('ring0', 264 * records);
    const limits = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 };
    this.broker.ensure([
      { name: RAW, ...limits },
      { name: OWNERSHIP, ...limits },
    ]);
  }

  async emit(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.ring.emit(flowRecord({ cookie: BigInt(++this.#cookies), cgroupId: 11n, netns: 1 }), true);
      if (i % 50 === 49) await systemClock.sleep(5);
    }
  }

  /** A sidecar that dies where `death` says; `met` resolves when it did. */
  async live(death: Death | null): Promise<{ stage: Stage; source: FakeSource; met: Promise<void> }> {
    const source = new FakeSource({}, this.ring, true);
    const never = new Promise<void>(() => undefined);
    const met = Promise.withResolvers<void>();
    let requests = 0;
    const meet = async (where: Death['where'], when: Death['when'], { method }: LogCall): Promise<void> => {
      if (source.killed) await never;
      if (where === 'spool' && when === 'after' && method === 'produce') this.spooled++;
      if (method !== 'produce' && method !== 'commit') return;
      if (where !== death?.where || when !== death.when || ++requests < death.nth) return;
      source.killed = true;
      met.resolve();
      await never;
    };
    const log = this.broker.client({
      before: async (call) => {
        if (call.topic === RAW) await meet('log', 'before', call);
        if (source.killed) await never;
        if (call.method === 'produce' && this.away) throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'away');
      },
      after: (call) => (call.topic === RAW ? meet('log', 'after', call) : undefined),
    });
    const spoolLog = this.disk.client({
      before: (call) => meet('spool', 'before', call),
      after: (call) => meet('spool', 'after', call),
    });
    const host = new FakeHost('node-a', () => Date.now() * 1000);
    host.paths.set(11, '/demo/node-a/checkout');
    host.namespaces = [namespaceOf(1, ['10.0.0.1/24'], [11])];
    const names = { cluster: 'test', network: 'test', node: 'node-a', rawTopic: RAW, ownershipTopic: OWNERSHIP };
    const pace = { batchFlows: 40, batchAgeMs: 20, intervalMs: 60_000, heartbeatMs: 60_000, scanMs: 60_000 };
    const parts = { clock: systemClock, logger: silentLogger, meter: silentMeter, log, source, host };
    const spool = { log: spoolLog, bytesMax: 64 << 20 };
    const stage = await startSidecar({ ...parts, ...names, ...pace, ringPollMs: 2, spool });
    return { stage, source, met: met.promise };
  }
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`spool, plan and ring give every flow once, whatever dies when (seed ${seed})`, async () => {
    const random = new SeededRandom(seed);
    const world = new World(400);
    for (let life = 0; life < LIVES; life++) {
      world.away = random.below(3) > 0;
      const death = { where: WHERE[random.below(2)]!, when: WHEN[random.below(2)]!, nth: 1 + random.below(4) };
      const { stage, source, met } = await world.live(death);
      await world.emit(random.below(500));
      if (random.below(2) === 0) world.away = !world.away;
      await Promise.race([met, systemClock.sleep(random.below(150))]);
      source.killed = true;
      stage.stop().catch(() => undefined);
      await world.emit(random.below(100));
    }
    world.away = false;
    const { stage } = await world.live(null);
    await systemClock.sleep(300);
    await stage.stop();
    const folded = foldRaw(world.broker.messages(RAW, 0));
    const { ring_full: full = 0, ...others } = folded.lost;
    assert.ok(world.spooled > 0, 'something was spooled');
    assert.deepEqual([folded.missing, others, full], [0, {}, world.ring.dropped]);
    const connections = connectionsOf(folded.batches);
    assert.equal(connections.length + full, world.ring.made);
    assert.deepEqual(
      connections,
      connections.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(connections).size, connections.length);
  });
}
