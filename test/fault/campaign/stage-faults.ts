/** Stages killed, frozen, replaced, joined by others: at any moment, and at the ones that hurt. */
import { setTimeout as pause } from 'node:timers/promises';
import { API } from '../../servers/fault-proxy.ts';
import type { StageKind } from './children.ts';
import { between, type Fault, HOLD_MS, killed, withOne } from './fault.ts';
import { SESSION_MS } from './pace.ts';
import { ENRICHED, RAW } from './topic-admin.ts';

const PARTITIONS_MAX = 6;
const OVERRUN_CONNECTIONS = 3000;

const kill = (kind: StageKind, weight: number): Fault => ({
  name: `kill ${kind}`,
  weight,
  run: (world) => withOne(world, kind, (child) => killed(world, child, 'killed')),
});

const freeze = (kind: StageKind, weight: number, fromMs: number, toMs: number): Fault => ({
  name: `freeze ${kind}${fromMs > SESSION_MS ? ' past its session' : ''}`,
  weight,
  run: (world) =>
    withOne(world, kind, async (child) => {
      const how = fromMs > SESSION_MS ? 'frozen past its session' : 'frozen';
      if (await child.freeze()) world.tally.add(how, kind);
      await pause(between(world, fromMs, toMs));
      child.thaw();
    }),
});

/** kill -9 while its request is on the way, or when it is applied and the answer is not there yet. */
const killMidway = (kind: StageKind, api: 'produce' | 'offsetCommit', isAnswer: boolean, weight: number): Fault => ({
  name: `kill ${kind}, ${api} ${isAnswer ? 'applied and not answered' : 'not arrived'}`,
  weight,
  run: (world) =>
    withOne(world, kind, async (child) => {
      const held = await world.hold({ apiKey: API[api], client: child.name }, isAnswer, HOLD_MS);
      if (held === null) return;
      await killed(world, child, `killed, ${api} ${isAnswer ? 'applied and not answered' : 'not arrived'}`);
      held.drop();
    }),
});

/** A PUT that leaves the sink and reaches the bucket when others have gone on, its sink frozen or dead meanwhile. */
const latePut = (dies: boolean, weight: number): Fault => ({
  name: `sink ${dies ? 'dead' : 'frozen'} while its PUT is on the way`,
  weight,
  run: (world) =>
    withOne(world, 'sink', async (child) => {
      const held = await world.s3ProxyOf(child).hold('PUT', /flows/, HOLD_MS);
      if (held === null) return;
      if (dies) await child.kill();
      else await child.freeze();
      await pause(between(world, SESSION_MS + 500, SESSION_MS + 3000));
      await held.release();
      world.tally.add(dies ? 'PUT landed after its sink was killed' : 'PUT landed while its sink was frozen', 'sink');
      if (dies) child.start();
      else child.thaw();
    }),
});

/** As above, and it lands just before another sink's PUT of the same name: that one meets an object of other content. */
const overtaken: Fault = {
  name: 'PUT of a dead sink lands before its successor’s',
  weight: 4,
  run: (world) =>
    withOne(world, 'sink', async (child) => {
      const first = await world.s3ProxyOf(child).hold('PUT', /flows/, HOLD_MS);
      if (first === null) return;
      await child.kill();
      const { pathname } = new URL(first.path, world.s3.endpoint);
      const name = new RegExp(pathname.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      const successor = await world.successorPut(child, name, 3 * SESSION_MS);
      await first.release();
      if (successor !== null) world.tally.add('PUT landed just before its successor’s', 'sink');
      await successor?.release();
      child.start();
    }),
};

/** The object stands, its losses object does not. */
const killBeforeLosses: Fault = {
  name: 'kill sink between object and losses object',
  weight: 0,
  run: (world) =>
    withOne(world, 'sink', async (child) => {
      const held = await world.s3ProxyOf(child).hold('PUT', /losses/, 3 * HOLD_MS, 'cut_request');
      if (held === null) return;
      await child.kill();
      await held.release();
      world.tally.add('killed between object and losses object', 'sink');
      child.start();
    }),
};

const leave = (kind: 'enricher' | 'sink', weight: number): Fault => ({
  name: `${kind} leaves and comes back`,
  weight,
  run: (world) =>
    withOne(world, kind, async (child) => {
      const status = await child.stop(25_000);
      world.tally.add(status === 0 ? 'left' : 'left, not cleanly', kind);
      await pause(world.random.below(1500));
      child.start();
    }),
});

let joined = 0;
const join = (kind: 'enricher' | 'sink', weight: number): Fault => ({
  name: `another ${kind} joins for a while`,
  weight,
  run: async (world) => {
    const child = await world.add(kind, `${kind}-more${++joined}`);
    await child.ready();
    world.tally.add('joined', kind);
    await pause(between(world, 500, 4000));
    if (world.random.below(2) === 0) await child.stop(25_000);
    else if (await child.kill()) world.tally.add('killed', kind);
    world.drop(child);
  },
});

/** Partitions are added while a batch stands in a plan, then its sidecar is killed. */
const addPartitions: Fault = {
  name: 'partitions added with an unacknowledged batch',
  endsStream: true,
  weight: 2,
  run: (world) =>
    withOne(world, 'sidecar', async (child) => {
      const count = (await world.topics.partitions(RAW)).length + 1;
      if (count > PARTITIONS_MAX) return;
      const isAnswer = world.random.below(2) === 0;
      const held = await world.hold({ apiKey: API.produce, client: child.name }, isAnswer, HOLD_MS);
      await world.topics.grow(ENRICHED, count);
      await world.topics.grow(RAW, count);
      world.tally.add('partitions added', 'topics');
      if (held === null) return;
      await killed(world, child, 'killed, partitions added meanwhile');
      held.drop();
    }),
};

const replaceRing: Fault = {
  name: 'the ring is given up for a new one',
  endsStream: true,
  weight: 2,
  run: (world) =>
    withOne(world, 'sidecar', async (child) => {
      const node = world.nodes.find(({ sidecar }) => sidecar === child)!;
      // Between the captures nobody looks: no connection may end there.
      node.traffic.suspend();
      await node.traffic.settled();
      const status = await child.stop(25_000);
      if (status === 0) world.tally.add('stopped, and a new ring', 'sidecar');
      child.start();
      await child.ready();
      node.traffic.resume();
    }),
};

/** kill -9 in the middle of a clean end: what it had not delivered stays pinned, and the next one ends that ring. */
const killWhileStopping: Fault = {
  name: 'kill sidecar while it stops',
  endsStream: true,
  weight: 3,
  run: (world) =>
    withOne(world, 'sidecar', async (child) => {
      const node = world.nodes.find(({ sidecar }) => sidecar === child)!;
      node.traffic.suspend();
      await node.traffic.settled();
      if ((await child.stop(world.random.below(1200))) === null) world.tally.add('killed while it stopped', 'sidecar');
      child.start();
      await child.ready();
      node.traffic.resume();
    }),
};

const killLeaving = (kind: 'enricher' | 'sink', weight: number): Fault => ({
  name: `kill ${kind} while it leaves`,
  weight,
  run: (world) =>
    withOne(world, kind, async (child) => {
      if ((await child.stop(world.random.below(800))) === null) world.tally.add('killed while it left', kind);
      child.start();
    }),
});

const overrun: Fault = {
  name: 'the ring overruns',
  weight: 2,
  loses: ['ring_full', 'overload'],
  run: (world) =>
    withOne(world, 'sidecar', async (child) => {
      const node = world.nodes.find(({ sidecar }) => sidecar === child)!;
      if (!(await child.freeze())) return;
      await node.traffic.make(OVERRUN_CONNECTIONS);
      world.tally.add('ring overrun', 'sidecar');
      child.thaw();
    }),
};

export const STAGE_FAULTS: readonly Fault[] = [
  kill('sidecar', 4),
  kill('enricher', 4),
  kill('sink', 4),
  freeze('sidecar', 2, 500, 3000),
  freeze('enricher', 2, 500, 3000),
  freeze('sink', 2, 500, 3000),
  freeze('enricher', 3, SESSION_MS + 500, SESSION_MS + 3500),
  freeze('sink', 3, SESSION_MS + 500, SESSION_MS + 3500),
  killMidway('sidecar', 'produce', false, 4),
  killMidway('sidecar', 'produce', true, 4),
  killMidway('enricher', 'produce', false, 3),
  killMidway('enricher', 'produce', true, 3),
  killMidway('enricher', 'offsetCommit', false, 2),
  killMidway('sink', 'offsetCommit', true, 2),
  latePut(true, 3),
  latePut(false, 4),
  overtaken,
  killBeforeLosses,
  leave('enricher', 2),
  leave('sink', 2),
  join('enricher', 2),
  join('sink', 2),
  addPartitions,
  replaceRing,
  killWhileStopping,
  killLeaving('enricher', 2),
  killLeaving('sink', 2),
  overrun,
];
