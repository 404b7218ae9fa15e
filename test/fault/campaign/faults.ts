/** The faults of a campaign. Each does its worst, counts itself once it was seen, and leaves everything running. */
import { setTimeout as pause } from 'node:timers/promises';
import { API } from '../../servers/fault-proxy.ts';
import type { StageChild, StageKind } from './children.ts';
import { HOUR_MS, SESSION_MS } from './pace.ts';
import { ENRICHED, RAW } from './topic-admin.ts';
import type { World } from './world.ts';

export interface Fault {
  readonly name: string;
  /** How often among the others. */
  readonly weight: number;
  /** Reasons for which it makes flows be lost, to be told. */
  readonly loses?: readonly string[];
  /** Only where there are so many brokers. */
  readonly brokers?: 1 | 3;
  run(world: World): Promise<void>;
}

const HOLD_MS = 4000;
const PARTITIONS_MAX = 6;
const OVERRUN_CONNECTIONS = 3000;

const between = (world: World, from: number, to: number): number => from + world.random.below(to - from);

/** With a free child of that kind; nothing happens where there is none. */
async function withOne(world: World, kind: StageKind, work: (child: StageChild) => Promise<void>): Promise<void> {
  const child = world.take(kind);
  if (child === null) return;
  try {
    await work(child);
  } finally {
    child.isTaken = false;
  }
}

async function killed(world: World, child: StageChild, how: string): Promise<void> {
  if (await child.kill()) world.tally.add(how, child.kind);
  await pause(world.random.below(1200));
  child.start();
}

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

const killBroker: Fault = {
  name: 'kill a broker and start it again',
  weight: 3,
  run: async (world) => {
    const brokers = world.kafka.brokers.filter((broker) => broker.isRunning);
    if (brokers.length < world.kafka.brokers.length) return;
    await stopBroker(world, world.random.below(brokers.length), 'killed');
  },
};

async function stopBroker(world: World, index: number, how: string): Promise<void> {
  const broker = world.kafka.brokers[index]!;
  await broker.kill();
  if (!broker.isRunning) world.tally.add(how, 'broker');
  await pause(between(world, 300, 3000));
  await broker.start();
}

const killLeader: Fault = {
  name: 'kill the leader of a partition',
  weight: 8,
  brokers: 3,
  run: async (world) => {
    if (world.kafka.brokers.some((broker) => !broker.isRunning)) return;
    const partitions = await world.topics.partitions([RAW, ENRICHED][world.random.below(2)]!);
    const { leader } = partitions[world.random.below(partitions.length)]!;
    const index = world.kafka.brokers.findIndex((broker) => broker.node === leader);
    if (index >= 0) await stopBroker(world, index, 'killed as leader');
  },
};

const freezeBroker: Fault = {
  name: 'freeze a broker',
  weight: 2,
  run: async (world) => {
    const broker = world.kafka.brokers[world.random.below(world.kafka.brokers.length)]!;
    if (!broker.isRunning) return;
    broker.freeze();
    world.tally.add('frozen', 'broker');
    await pause(between(world, 1000, 5000));
    if (broker.isRunning) broker.thaw();
  },
};

const restartS3: Fault = {
  name: 'kill the S3 server and start it again',
  weight: 2,
  run: async (world) => {
    await world.s3.kill();
    world.tally.add('killed', 's3 server');
    await pause(world.random.below(2500));
    await world.s3.start();
  },
};

const fullBucket: Fault = {
  name: 'the bucket is full for a while',
  weight: 3,
  run: async (world) => {
    for (const proxy of world.s3Proxies.values()) proxy.isFull = true;
    await pause(between(world, 1000, 3500));
    for (const proxy of world.s3Proxies.values()) proxy.isFull = false;
  },
};

/** Requests of one client that are applied and not answered, or arrive long after it gave up. */
const aimed = (kind: StageKind, weight: number): Fault => ({
  name: `answers of ${kind} lost and late`,
  weight,
  run: async (world) => {
    for (const proxy of world.proxies) {
      proxy.loseAnswers(API.produce, 2 + world.random.below(3), kind);
      proxy.delayRequests(kind === 'sink' ? API.offsetCommit : API.produce, 1 + world.random.below(2), kind);
      proxy.swallowAnswers(API.produce, world.random.below(2), kind);
    }
    await pause(3000);
  },
});

const cutAll: Fault = {
  name: 'all connections to a broker are cut',
  weight: 4,
  run: async (world) => {
    const proxy = world.proxies[world.random.below(world.proxies.length)]!;
    const before = proxy.counts.cut;
    proxy.cutAll();
    world.tally.add('kafka connections cut', 'all', proxy.counts.cut - before);
    await pause(100);
  },
};

/** Partitions are added while a batch stands in a plan, then its sidecar is killed. */
const addPartitions: Fault = {
  name: 'partitions added with an unacknowledged batch',
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

/** Everything that the topic holds goes while those who read it are frozen, one of the sinks long past an hour's edge. */
const retention = (topic: string, reader: 'enricher' | 'sink', weight: number): Fault => ({
  name: `retention takes what frozen ${reader}s had not read`,
  weight,
  loses: ['batch_lost'],
  run: async (world) => {
    const readers = world.of(reader).filter(({ isTaken, isRunning }) => !isTaken && isRunning);
    for (const child of readers) child.isTaken = true;
    try {
      for (const child of readers) if (await child.freeze()) world.tally.add('frozen across retention', reader);
      await pause(between(world, 1200, 2500));
      await world.topics.expire(topic);
      world.tally.add('retention', topic === RAW ? 'raw topic' : 'enriched topic');
      await pause(200);
      for (const child of readers.slice(1)) child.thaw();
      await pause(reader === 'sink' ? HOUR_MS - 4000 : 1000);
      for (const child of readers) child.thaw();
    } finally {
      for (const child of readers) child.isTaken = false;
    }
  },
});

const recreate: Fault = {
  name: 'both topics are made anew',
  weight: 2,
  loses: ['batch_lost'],
  run: async (world) => {
    const count = (await world.topics.partitions(RAW)).length;
    await world.topics.remove([RAW, ENRICHED]);
    await world.makeTopics(count);
    world.tally.add('made anew', 'topics', 2);
  },
};

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

export const FAULTS: readonly Fault[] = [
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
  killBroker,
  killLeader,
  freezeBroker,
  restartS3,
  fullBucket,
  aimed('sidecar', 4),
  aimed('enricher', 4),
  aimed('sink', 2),
  cutAll,
  addPartitions,
  replaceRing,
  retention(RAW, 'enricher', 2),
  retention(ENRICHED, 'sink', 3),
  recreate,
  overrun,
];
