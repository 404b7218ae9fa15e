/** Brokers, S3 server, topics: killed, frozen, full, made anew, and what comes between them and their clients. */
import { setTimeout as pause } from 'node:timers/promises';
import { API } from '../../servers/fault-proxy.ts';
import type { StageKind } from './children.ts';
import { between, type Fault } from './fault.ts';
import { HOUR_MS, SESSION_MS } from './pace.ts';
import { ENRICHED, RAW } from './topic-admin.ts';
import type { World } from './world.ts';

const BEFORE_EDGE_MS = 1200;

const killBroker: Fault = {
  name: 'kill a broker and start it again',
  weight: 3,
  run: (world) =>
    world.alone('brokers', async () => {
      const brokers = world.kafka.brokers.filter((broker) => broker.isRunning);
      if (brokers.length < world.kafka.brokers.length) return;
      await stopBroker(world, world.random.below(brokers.length), 'killed');
    }),
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
  run: (world) =>
    world.alone('brokers', async () => {
      if (world.kafka.brokers.some((broker) => !broker.isRunning)) return;
      const partitions = await world.topics.partitions([RAW, ENRICHED][world.random.below(2)]!);
      const { leader } = partitions[world.random.below(partitions.length)]!;
      const index = world.kafka.brokers.findIndex((broker) => broker.node === leader);
      if (index >= 0) await stopBroker(world, index, 'killed as leader');
    }),
};

const freezeBroker: Fault = {
  name: 'freeze a broker',
  weight: 2,
  run: (world) =>
    world.alone('brokers', async () => {
      const broker = world.kafka.brokers[world.random.below(world.kafka.brokers.length)]!;
      if (!broker.isRunning) return;
      broker.freeze();
      world.tally.add('frozen', 'broker');
      await pause(between(world, 1000, 5000));
      if (broker.isRunning) broker.thaw();
    }),
};

const restartS3: Fault = {
  name: 'kill the S3 server and start it again',
  weight: 2,
  run: (world) =>
    world.alone('s3', async () => {
      await world.s3.kill();
      world.tally.add('killed', 's3 server');
      await pause(world.random.below(2500));
      await world.s3.start();
    }),
};

const freezeS3: Fault = {
  name: 'freeze the S3 server',
  weight: 2,
  run: (world) =>
    world.alone('s3', async () => {
      world.s3.freeze();
      world.tally.add('frozen', 's3 server');
      await pause(between(world, 500, 4000));
      world.s3.thaw();
    }),
};

/** A message that is none of Weir's: a dead letter, and a loss of nobody knows how many flows. */
const poison: Fault = {
  name: 'a message that nobody can read',
  weight: 2,
  run: async (world) => {
    await world.topics.write(RAW, world.random.below(2), `poison ${world.random.below(1_000_000)}`);
    world.tally.add('unreadable message', 'raw topic');
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

const untilEdge = (): number => HOUR_MS - (Date.now() % HOUR_MS);

/**
 * Everything that the topic holds goes while those who read it are frozen, with what they hold. They wake in the lake's next
 * hour, the first of them when the others have gone on.
 */
const retention = (topic: string, reader: 'enricher' | 'sink', weight: number): Fault => ({
  name: `retention takes what frozen ${reader}s had not read`,
  weight,
  loses: ['batch_lost'],
  run: async (world) => {
    if (untilEdge() < BEFORE_EDGE_MS) await pause(untilEdge());
    await pause(untilEdge() - BEFORE_EDGE_MS);
    const readers = world.of(reader).filter(({ isTaken, isRunning }) => !isTaken && isRunning);
    for (const child of readers) child.isTaken = true;
    try {
      for (const child of readers)
        if (await child.freeze()) world.tally.add("frozen across retention and an hour's edge", reader);
      // What is left begins in the next hour; what they hold is of the hour before.
      await pause(untilEdge() + 200);
      await world.topics.expire(topic);
      if (topic === RAW) world.rawExpired++;
      world.tally.add('retention', topic === RAW ? 'raw topic' : 'enriched topic');
      await pause(between(world, 300, 800));
      for (const child of readers.slice(1)) child.thaw();
      await pause(between(world, SESSION_MS, 2 * SESSION_MS));
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

export const SERVER_FAULTS: readonly Fault[] = [
  killBroker,
  killLeader,
  freezeBroker,
  restartS3,
  freezeS3,
  poison,
  fullBucket,
  aimed('sidecar', 4),
  aimed('enricher', 4),
  aimed('sink', 2),
  cutAll,
  retention(RAW, 'enricher', 2),
  retention(ENRICHED, 'sink', 3),
  recreate,
];
