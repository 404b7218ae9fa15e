/** The log is away for long: what the ring has no room for is held in memory, then merged; all of it is told. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { silentLogger } from '../../contract/log.ts';
import { MeterRegistry } from '../../contract/meter-registry.ts';
import type { Stage } from '../../contract/stage.ts';
import { Report } from '../../schemas/generated/common.ts';
import type { SidecarOptions } from '../../sidecar/options.ts';
import { startSidecar } from '../../sidecar/run.ts';
import type { SpoolOptions } from '../../sidecar/spool.ts';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import type { Log } from '../../transport/log.ts';
import { FakeHost, FakeRing, FakeSource, namespaceOf } from '../fixtures/fake-machine.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { foldRaw, type Folded } from '../fixtures/raw-stream.ts';
import { flowRecord } from '../fixtures/ring-bytes.ts';

const RAW = 'weir.flows.raw.v1';
const OWNERSHIP = 'weir.ownership.v1';
const BYTES = 1000;

class World {
  readonly broker = new MemoryBroker();
  ring = new FakeRing('ring0', 264 * 1000);
  readonly meter = new MeterRegistry();
  away = true;
  #cookies = 0;

  constructor() {
    const limits = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 };
    this.broker.ensure([
      { name: RAW, ...limits },
      { name: OWNERSHIP, ...limits },
    ]);
  }

  async start(options: Partial<SidecarOptions> = {}): Promise<{ source: FakeSource; stage: Stage }> {
    const source = new FakeSource({}, this.ring, true);
    const log = this.broker.client({
      before: async ({ method }) => {
        if (source.killed) await new Promise<void>(() => undefined);
        if (method === 'produce' && this.away) throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'away');
      },
    });
    const host = new FakeHost('node-a', () => Date.now() * 1000);
    host.paths.set(11, '/demo/node-a/checkout');
    host.namespaces = [namespaceOf(1, ['10.0.0.1/24'], [11])];
    const names = { cluster: 'test', network: 'test', node: 'node-a', rawTopic: RAW, ownershipTopic: OWNERSHIP };
    const pace = { batchFlows: 100, batchAgeMs: 50, intervalMs: 60_000, heartbeatMs: 60_000, scanMs: 60_000 };
    const parts = { clock: systemClock, logger: silentLogger, meter: this.meter, log, source, host };
    return { source, stage: await startSidecar({ ...parts, ...names, ...pace, ringPollMs: 2, ...options }) };
  }

  /** Connections to `edges` addresses, in steps that the ring has room for. */
  async emit(count: number, edges: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const remote = `10.${1 + ((i % edges) >> 16)}.${((i % edges) >> 8) & 255}.${(i % edges) & 255}`;
      const bytes = { bytesSent: BigInt(BYTES), bytesReceived: 0n };
      this.ring.emit(flowRecord({ cookie: BigInt(++this.#cookies), cgroupId: 11n, netns: 1, remote, ...bytes }), true);
      if (i % 200 === 199) await systemClock.sleep(8);
    }
  }

  fold(): Folded {
    return foldRaw(this.broker.messages(RAW, 0));
  }
}

function sentBytes({ batches }: Folded): number {
  return batches.reduce(
    (sum, { flows }) => sum + flows.bytesSent.subarray(0, flows.length).reduce((a, b) => a + b, 0),
    0,
  );
}

const countOf = ({ batches }: Folded, wanted: Report): number =>
  batches.reduce(
    (sum, { flows }) => sum + flows.report.subarray(0, flows.length).filter((r) => r === wanted).length,
    0,
  );

test('held in memory first, whole', async () => {
  const world = new World();
  const { stage } = await world.start();
  await world.emit(5000, 50);
  world.away = false;
  await stage.stop();
  const folded = world.fold();
  assert.ok(world.ring.dropped === 0 && world.ring.made === 5000);
  assert.deepEqual([folded.flows, folded.missing, folded.lost], [5000, 0, {}]);
  assert.equal(countOf(folded, Report.merged), 0);
});

test('then merged: bytes are exact, numbers tile, and rows before and after stay whole', async () => {
  const world = new World();
  const { stage } = await world.start({ messagesBytesMax: 100_000 });
  await world.emit(10_000, 50);
  world.away = false;
  await systemClock.sleep(400);
  await world.emit(300, 50);
  await stage.stop();
  const folded = world.fold();
  assert.equal(world.ring.dropped, 0);
  assert.deepEqual([folded.flows, folded.missing, folded.lost], [10_300, 0, {}]);
  assert.equal(sentBytes(folded), 10_300 * BYTES);
  assert.ok(countOf(folded, Report.merged) >= 50);
  assert.ok(countOf(folded, Report.final) > 500);
  const { meter } = world;
  const out = meter.total('weir_sidecar_flows_out_total');
  const held = meter.total('weir_sidecar_flows_held');
  assert.deepEqual([meter.total('weir_sidecar_flows_in_total'), out, held], [10_300, 10_300, 0]);
});

test('then dropped as overload where there are more edges than memory has room for', async () => {
  const world = new World();
  const { stage } = await world.start({ messagesBytesMax: 100_000 });
  await world.emit(12_000, 12_000);
  world.away = false;
  await stage.stop();
  const folded = world.fold();
  const lost = (folded.lost['overload'] ?? 0) + (folded.lost['ring_full'] ?? 0);
  assert.ok(folded.lost['overload']! > 1000);
  assert.equal(folded.lost['ring_full'] ?? 0, world.ring.dropped);
  assert.deepEqual([folded.missing, folded.flows + lost], [0, 12_000]);
  assert.equal(sentBytes(folded), folded.flows * BYTES);
  assert.equal(world.meter.total('weir_sidecar_flows_dropped_total'), lost);
  assert.equal(world.meter.total('weir_sidecar_flows_in_total'), 12_000);
});

test('killed while only memory had it: the missing numbers tell how much, and nothing comes twice', async () => {
  for (const messagesBytesMax of [100_000, 8_000_000]) {
    const world = new World();
    const { source, stage } = await world.start({ messagesBytesMax });
    await world.emit(6000, 50);
    source.killed = true;
    stage.stop().catch(() => undefined);
    await world.emit(100, 50);
    world.away = false;
    const next = await world.start();
    await next.stage.stop();
    const folded = world.fold();
    assert.ok(folded.missing > 1000);
    const lost = folded.lost['ring_full'] ?? 0;
    assert.equal(folded.flows + folded.missing + lost, 6100);
    assert.equal(lost, world.ring.dropped);
  }
});

/** A killed process writes no more into its spool either: its calls never answer. */
function cutWhen(isCut: () => boolean, log: Log): Log {
  return new Proxy(log, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...given: unknown[]): unknown =>
        isCut() ? new Promise<never>(() => undefined) : Reflect.apply(member, target, given);
    },
  });
}

/** A log whose disk takes its time. */
function slow(ms: number, log: Log): Log {
  return new Proxy(log, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...given: unknown[]): Promise<unknown> => {
        if (name === 'produce') await systemClock.sleep(ms);
        return Reflect.apply(member, target, given);
      };
    },
  });
}

/** A log that takes nothing while its disk is full. */
function failWhen(isFull: () => boolean, log: Log): Log {
  return new Proxy(log, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...given: unknown[]): unknown => {
        if (name === 'produce' && isFull()) throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'disk full');
        return Reflect.apply(member, target, given);
      };
    },
  });
}

/** A spool on disk, in a folder of the test's own; `isCut` ends the process that opened it. */
async function withSpool(
  bytesMax: number,
  run: (open: (isCut?: () => boolean) => Promise<SpoolOptions>) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-spool-'));
  const logs: Log[] = [];
  const open = async (isCut: () => boolean = () => false): Promise<SpoolOptions> => {
    const log = await openEmbeddedLog({ path: join(folder, 'spool.sqlite') });
    logs.push(log);
    return { log: cutWhen(isCut, log), bytesMax };
  };
  try {
    await run(open);
  } finally {
    for (const log of logs) await log.close();
    rmSync(folder, { recursive: true });
  }
}

test('with a spool everything waits there whole, and comes first when the log is back', async () => {
  await withSpool(64 << 20, async (open) => {
    const world = new World();
    const { stage } = await world.start({ spool: await open(), messagesBytesMax: 100_000 });
    await world.emit(20_000, 5000);
    world.away = false;
    await world.emit(300, 50);
    await systemClock.sleep(300);
    await stage.stop();
    const folded = world.fold();
    const { ring_full: full = 0, ...others } = folded.lost;
    assert.deepEqual([full, others], [world.ring.dropped, {}], 'only what a slow disk kept waiting in so small a ring');
    assert.deepEqual([folded.flows + full, folded.missing], [20_300, 0]);
    assert.equal(countOf(folded, Report.merged), 0);
    const keys = world.broker.messages(RAW, 0).flatMap(({ headers }) => Object.keys(headers));
    assert.ok(!keys.includes('weir-spool-partition'));
  });
});

for (const [disk, slowMs] of [
  ['a quick disk', 0],
  ['a disk that the ring has to wait for', 150],
] as const) {
  test(`kill -9 with a spool on ${disk}: what it has not, the ring has; the spool comes first, and nothing is missing`, async () => {
    await withSpool(64 << 20, async (open) => {
      const world = new World();
      for (let life = 0; life < 3; life++) {
        let killed = false;
        const { log, bytesMax } = await open(() => killed);
        const spool = { log: slow(slowMs, log), bytesMax };
        const { source, stage } = await world.start({ spool, messagesBytesMax: 100_000 });
        await world.emit(3000, 50);
        source.killed = true;
        killed = true;
        stage.stop().catch(() => undefined);
        await world.emit(100, 50);
      }
      world.away = false;
      const last = await world.start({ spool: await open() });
      await systemClock.sleep(500);
      await last.stage.stop();
      const folded = world.fold();
      assert.equal(folded.missing, 0);
      assert.equal(folded.flows + (folded.lost['ring_full'] ?? 0), 9300);
      assert.ok(folded.flows > (slowMs === 0 ? 3000 : 300), `${folded.flows} flows`);
      assert.equal(folded.lost['ring_full'] ?? 0, world.ring.dropped);
      assert.equal(countOf(folded, Report.merged), 0);
    });
  });
}

test('a spool whose disk fails is none: memory holds, then rows are merged, and it goes on when the disk is back', async () => {
  await withSpool(64 << 20, async (open) => {
    const world = new World();
    let isBroken = true;
    const { log, bytesMax } = await open();
    const failing = failWhen(() => isBroken, log);
    const { stage } = await world.start({ spool: { log: failing, bytesMax }, messagesBytesMax: 100_000 });
    await world.emit(6000, 50);
    isBroken = false;
    await world.emit(3000, 50);
    world.away = false;
    await systemClock.sleep(500);
    await stage.stop();
    const folded = world.fold();
    assert.ok(countOf(folded, Report.merged) > 0 && countOf(folded, Report.final) > 2000);
    assert.deepEqual([folded.missing, folded.flows + (folded.lost['ring_full'] ?? 0)], [0, 9000]);
    assert.ok(world.ring.dropped < 1000, `${world.ring.dropped} dropped`);
    assert.equal(sentBytes(folded), folded.flows * BYTES);
  });
});

test('a full spool is followed by memory and merging, and all of it is told', async () => {
  await withSpool(1_000_000, async (open) => {
    const world = new World();
    const { stage } = await world.start({ spool: await open(), messagesBytesMax: 100_000 });
    await world.emit(20_000, 50);
    world.away = false;
    await systemClock.sleep(500);
    await stage.stop();
    const folded = world.fold();
    assert.ok(countOf(folded, Report.merged) > 0 && countOf(folded, Report.final) > 3000);
    assert.deepEqual([folded.missing, folded.flows + (folded.lost['ring_full'] ?? 0)], [0, 20_000]);
    assert.equal(sentBytes(folded), folded.flows * BYTES);
  });
});

test('a stop with the log away leaves what it held in the spool, for the next sidecar', {
  timeout: 20_000,
}, async () => {
  await withSpool(64 << 20, async (open) => {
    const world = new World();
    const { source, stage } = await world.start({ spool: await open() });
    await world.emit(400, 50);
    await stage.stop();
    assert.ok(source.stopped && !source.left, 'the ring is empty, so it ends');
    world.away = false;
    world.ring = new FakeRing('ring1');
    const last = await world.start({ spool: await open() });
    await systemClock.sleep(200);
    await last.stage.stop();
    assert.deepEqual([world.fold().flows, world.fold().missing], [400, 0]);
  });
});
