/** Three brokers that are killed, frozen and stopped under a producer and a member: nothing acknowledged is missing. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { type KafkaLog, openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import { message, offset, topicSpec, transportContract } from '../integration/transport-contract.ts';
import type { BrokerProcess } from '../servers/broker-process.ts';
import { type KafkaCluster, startKafka } from '../servers/kafka.ts';
import { checkLog, Sending, Working } from './kafka-workload.ts';

const { Kafka, logLevel } = kafkajs;

let kafka: KafkaCluster;
let log: KafkaLog;

const open = (): Promise<KafkaLog> =>
  openKafkaLog({
    brokers: kafka.addresses(),
    limits: { connectMs: 1_000, answerMs: 3_000, sessionMs: 4_000, heartbeatMs: 500 },
  });

before(async () => {
  kafka = await startKafka({ brokers: 3 });
  log = await open();
});
after(async () => {
  await log.close();
  await kafka.stop();
});

transportContract('a log on Kafka with three brokers', async () => {
  const own = await open();
  return { log: own, open, end: () => own.close() };
});

/** The broker that leads a partition of a topic. */
async function leaderOf(topic: string, partition: number): Promise<BrokerProcess> {
  const admin = new Kafka({ brokers: kafka.addresses(), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const leader = topics[0]?.partitions.find((each) => each.partitionId === partition)?.leader;
    const broker = kafka.brokers.find(({ node }) => node === leader);
    assert.ok(broker !== undefined, `${topic}/${partition} has a leader`);
    return broker;
  } finally {
    await admin.disconnect();
  }
}

/** Of Kafka's: the partition of __consumer_offsets that holds a group, whose leader is the coordinator. */
function groupPartition(group: string): number {
  let hash = 0;
  for (const char of group) hash = (Math.imul(31, hash) + char.charCodeAt(0)) | 0;
  return (hash & 0x7fffffff) % 4;
}

/** A broker that is frozen as leader, coordinator and controller at once is fenced by each in its turn. */
const FAILOVER_MS = 60_000;

const FAULTS: readonly [string, (broker: BrokerProcess) => Promise<() => Promise<void>>][] = [
  [
    'kill -9',
    async (broker) => {
      await broker.kill();
      return () => broker.start();
    },
  ],
  [
    'SIGSTOP',
    (broker) => {
      broker.freeze();
      return Promise.resolve(() => Promise.resolve(broker.thaw()));
    },
  ],
];

for (const [name, harm] of FAULTS) {
  test(`${name} of the leader, then of the coordinator: producing, reading and committing go on by themselves`, async () => {
    const spec = topicSpec({ partitions: 1 });
    const group = `g.${randomUUID()}`;
    await log.ensureTopics([spec]);
    const sending = new Sending(log, spec.name, 0, 5);
    const working = new Working(log, group, spec.name);
    await working.join();
    await working.more(3, 15_000);
    for (const victim of [await leaderOf(spec.name, 0), await leaderOf('__consumer_offsets', groupPartition(group))]) {
      if (!victim.isRunning) continue;
      const mend = await harm(victim);
      await Promise.all([sending.more(20, FAILOVER_MS), working.more(3, FAILOVER_MS)]);
      await mend();
      await Promise.all([sending.more(20, FAILOVER_MS), working.more(3, FAILOVER_MS)]);
    }
    const sent = await sending.stop();
    await checkLog(log, spec.name, 0, sent);
    const last = sent.at(-1) ?? '';
    for (let tries = 0; !working.seen.some(({ value }) => value === last); tries++) {
      assert.ok(tries < 400, 'the member reads to the end');
      await pause(25);
    }
    await working.leave();
    assert.deepEqual(working.faults, [], 'no offset skipped or out of order within an assignment');
    const seen = new Set(working.seen.map(({ value }) => value));
    assert.deepEqual(
      sent.filter((value) => !seen.has(value)),
      [],
      'every acknowledged message was read',
    );
  });
}

test('all brokers killed at once and started again: it goes on, and nothing acknowledged is missing', async () => {
  const spec = topicSpec({ partitions: 1 });
  await log.ensureTopics([spec]);
  const sending = new Sending(log, spec.name, 0, 5);
  await sending.more(20, 10_000);
  await Promise.all(kafka.brokers.map((broker) => broker.kill()));
  await pause(500);
  await kafka.start();
  await sending.more(20, 40_000);
  await checkLog(log, spec.name, 0, await sending.stop());
});

test('a committed position survives the move of its coordinator, and a commit that fails is told', async () => {
  const spec = topicSpec({ partitions: 1 });
  const group = `g.${randomUUID()}`;
  await log.ensureTopics([spec]);
  await log.produce(spec.name, 0, [message('a'), message('b')]);
  await log.commit(group, spec.name, 0, offset(1));
  const coordinator = await leaderOf('__consumer_offsets', groupPartition(group));
  await coordinator.kill();
  const startMs = performance.now();
  await log.commit(group, spec.name, 0, offset(2));
  assert.ok(performance.now() - startMs < 15_000, 'found the new one');
  assert.equal(await log.position(group, spec.name, 0), 2);
  await coordinator.start();
});
