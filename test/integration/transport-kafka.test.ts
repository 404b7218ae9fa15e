/** The log on a real Apache Kafka of one broker: the contract, what only Kafka has, and what is foreign to it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { compileFunction } from 'node:vm';
import kafkajs from 'kafkajs';
import { type KafkaLog, openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import { UNREADABLE_HEADER } from '../../transport/kafka/record-batch.ts';
import type { Assignment, OutgoingMessage } from '../../transport/log.ts';
import { type KafkaCluster, startKafka } from '../servers/kafka.ts';
import { message, offset, readCount, rejectsWith, text, topicSpec, transportContract } from './transport-contract.ts';

const require = createRequire(import.meta.url);
const { Kafka, logLevel, CompressionTypes } = kafkajs;

let kafka: KafkaCluster;
let log: KafkaLog;
let client: InstanceType<typeof Kafka>;

const open = (): Promise<KafkaLog> =>
  openKafkaLog({ brokers: kafka.addresses(), limits: { sessionMs: 3_000, heartbeatMs: 200, metadataMs: 1_000 } });

before(async () => {
  kafka = await startKafka();
  log = await open();
  client = new Kafka({ brokers: kafka.addresses(), logLevel: logLevel.NOTHING });
});
after(async () => {
  await log.close();
  await kafka.stop();
});

transportContract('a log on Kafka with one broker', async () => {
  const own = await open();
  return { log: own, open, end: () => own.close() };
});

const newTopic = async (partitions = 1): Promise<string> => {
  const spec = topicSpec({ partitions });
  await log.ensureTopics([spec]);
  return spec.name;
};

async function withAdmin<T>(use: (admin: ReturnType<typeof client.admin>) => Promise<T>): Promise<T> {
  const admin = client.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

const until = async (what: string, isSo: () => boolean): Promise<void> => {
  for (let tries = 0; !isSo(); tries++) {
    assert.ok(tries < 600, what);
    await pause(25);
  }
};

const TOPIC_RESOURCE = 2;

test("a foreign client reads what we wrote, and we read a foreign client's messages, gzip too", async () => {
  const topic = await newTopic();
  const value = 'flow '.repeat(1000);
  await log.produce(topic, 0, [{ key: 'cluster/ä', value: Buffer.from(value), headers: { 'weir-seq': '1' } }]);
  const producer = client.producer();
  await producer.connect();
  const compression = CompressionTypes.GZIP;
  await producer.send({ topic, compression, messages: [{ key: null, value, headers: { 'weir-seq': '2' } }] });
  await producer.disconnect();
  const found = await readCount(log, topic, 0, 0, 2);
  assert.deepEqual(
    found.map((each) => [text(each), each.key, each.headers]),
    [
      [value, 'cluster/ä', { 'weir-seq': '1' }],
      [value, null, { 'weir-seq': '2' }],
    ],
  );
});

test('a batch by a codec that is not there comes as one message of its bytes, and the stream goes on', async () => {
  const topic = await newTopic();
  const compressible = Buffer.from('flow '.repeat(1000));
  const produce = (): Promise<unknown> => log.produce(topic, 0, [{ key: null, value: compressible, headers: {} }]);
  await produce();
  const codec = (value: string): Promise<unknown> =>
    withAdmin((admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: TOPIC_RESOURCE,
            name: topic,
            configEntries: [
              { name: 'compression.type', value },
              { name: 'message.timestamp.type', value: 'LogAppendTime' },
            ],
          },
        ],
      }),
    );
  await codec('lz4');
  await produce();
  await codec('zstd');
  await produce();
  const found = await readCount(log, topic, 0, 0, 3);
  assert.deepEqual(
    found.map((each) => each.headers[UNREADABLE_HEADER] ?? 'read'),
    ['read', 'compressed by lz4', 'read'],
  );
  assert.equal(text(found[2] ?? message('')), compressible.toString());
});

test('a batch of 130,000 messages is read whole', async () => {
  const spec = topicSpec({ partitions: 1, messageBytesMax: 8 << 20 });
  await log.ensureTopics([spec]);
  const count = 130_000;
  const tiny: OutgoingMessage = { key: null, value: new Uint8Array(1), headers: {} };
  await log.produce(
    spec.name,
    0,
    Array.from({ length: count }, () => tiny),
  );
  const options = { messagesMax: count, bytesMax: 16 << 20, waitMs: 10_000 };
  const { messages } = await log.read(spec.name, 0, offset(0), options);
  assert.equal(messages.length, count);
  assert.equal(messages.at(-1)?.offset, count - 1);
});

test('a topic made anew has another id, its old positions are gone, and an old offset is out of range', async () => {
  const spec = topicSpec({ partitions: 1 });
  const group = `g.${randomUUID()}`;
  await log.ensureTopics([spec]);
  await log.produce(spec.name, 0, [message('a'), message('b')]);
  const before = await log.read(spec.name, 0, offset(0), { messagesMax: 9, bytesMax: 9999, waitMs: 5_000 });
  await log.commit(group, spec.name, 0, offset(2));
  await withAdmin((admin) => admin.deleteTopics({ topics: [spec.name] }));
  await pause(300);
  await log.ensureTopics([spec]);
  await rejectsWith(
    'WEIR_TRANSPORT_OUT_OF_RANGE',
    log.read(spec.name, 0, offset(2), { messagesMax: 9, bytesMax: 9999, waitMs: 0 }),
  );
  await log.produce(spec.name, 0, [message('new')]);
  const now = await log.read(spec.name, 0, offset(0), { messagesMax: 9, bytesMax: 9999, waitMs: 5_000 });
  assert.notEqual(now.topicId, before.topicId);
  assert.equal(now.topicId, (await log.describe(spec.name)).id);
  assert.deepEqual(now.messages.map(text), ['new']);
  assert.equal(await log.position(group, spec.name, 0), null);
});

test('a position that is committed while the topic is made anew is none of the new topic', async () => {
  const spec = topicSpec({ partitions: 1 });
  const group = `g.${randomUUID()}`;
  const late = await openKafkaLog({ brokers: kafka.addresses(), limits: { metadataMs: 60_000 } });
  try {
    await late.ensureTopics([spec]);
    await late.produce(spec.name, 0, [message('a'), message('b'), message('c')]);
    await withAdmin((admin) => admin.deleteTopics({ topics: [spec.name] }));
    await pause(300);
    await log.ensureTopics([spec]);
    // It believes that the topic is the one that it wrote to.
    await late.commit(group, spec.name, 0, offset(3));
    assert.equal(await log.position(group, spec.name, 0), null);
    await log.produce(spec.name, 0, [message('new')]);
    await log.commit(group, spec.name, 0, offset(1));
    assert.equal(await log.position(group, spec.name, 0), 1);
    await withAdmin((admin) =>
      admin.setOffsets({ groupId: group, topic: spec.name, partitions: [{ partition: 0, offset: '0' }] }),
    );
    assert.equal(await log.position(group, spec.name, 0), 0, 'an operator sets positions without an id');
  } finally {
    await late.close();
  }
});

test('an offset that retention has passed is read from the first that is left', async () => {
  const topic = await newTopic();
  for (const value of ['a', 'b', 'c']) await log.produce(topic, 0, [message(value)]);
  await withAdmin(async (admin) => {
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
  });
  const { messages, bounds } = await log.read(topic, 0, offset(0), { messagesMax: 9, bytesMax: 9999, waitMs: 5_000 });
  assert.deepEqual(messages.map(text), ['c']);
  assert.deepEqual(bounds, { start: 2, end: 3 });
});

test('a topic that is compacted, keeps the times of senders, or takes too small messages is refused', async () => {
  for (const [name, value] of [
    ['cleanup.policy', 'compact'],
    ['message.timestamp.type', 'CreateTime'],
    ['max.message.bytes', '1000'],
  ] as const) {
    const spec = topicSpec({ partitions: 1 });
    const right = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }].filter((each) => each.name !== name);
    await withAdmin((admin) =>
      admin.createTopics({
        topics: [{ topic: spec.name, numPartitions: 1, configEntries: [...right, { name, value }] }],
      }),
    );
    await rejectsWith('WEIR_TRANSPORT_TOPIC_MISMATCH', log.ensureTopics([spec]));
  }
});

test('a process that is not a member cannot commit for a group that has members', async () => {
  const topic = await newTopic();
  const group = `g.${randomUUID()}`;
  const other = await open();
  const membership = await log.join(group, topic, ({ signal }) => aborted(signal));
  try {
    await log.produce(topic, 0, [message('a')]);
    await committedBy(log, group, topic);
    await rejectsWith('WEIR_TRANSPORT_FENCED', other.commit(group, topic, 0, offset(9)));
    assert.equal(await other.position(group, topic, 0), 1);
  } finally {
    await membership.leave();
    await other.close();
  }
});

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** A member is fenced until it was given the partition. */
async function committedBy(member: KafkaLog, group: string, topic: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await member.commit(group, topic, 0, offset(1));
    } catch (error) {
      if (tries > 200) throw error;
      await pause(25);
    }
  }
}

/** Members of one group in this process, each with a log of its own, and a check that no partition is run twice at once. */
class Members {
  readonly running = new Map<number, string>();
  readonly starts: string[] = [];
  readonly faults: string[] = [];
  readonly #group = `g.${randomUUID()}`;
  readonly #topic: string;

  constructor(topic: string) {
    this.#topic = topic;
  }

  async join(name: string, drainMs: number): Promise<{ leave(): Promise<void> }> {
    const own = await open();
    const run = async ({ partition, signal }: Assignment): Promise<void> => {
      const owner = this.running.get(partition);
      if (owner !== undefined) this.faults.push(`${name} was given ${partition} while ${owner} is at it`);
      this.running.set(partition, name);
      this.starts.push(`${name}:${partition}`);
      await aborted(signal);
      await pause(drainMs);
      await own.commit(this.#group, this.#topic, partition, offset(this.starts.length));
      this.running.delete(partition);
    };
    await own.join(this.#group, this.#topic, run);
    return { leave: () => own.close() };
  }

  countOf(name: string): number {
    return [...this.running.values()].filter((owner) => owner === name).length;
  }
}

test('partitions spread over members as they come and go; what moves is drained and committed first', async () => {
  const topic = await newTopic(6);
  const members = new Members(topic);
  const a = await members.join('a', 300);
  await until('a has all', () => members.countOf('a') === 6);
  const b = await members.join('b', 300);
  await until('b has its half', () => members.countOf('b') === 3 && members.countOf('a') === 3);
  assert.equal(members.starts.filter((start) => start.startsWith('a:')).length, 6, 'what stays with a was not stopped');
  const c = await members.join('c', 0);
  await until('each has two', () => ['a', 'b', 'c'].every((name) => members.countOf(name) === 2));
  await a.leave();
  await until('b and c have it all', () => members.countOf('b') + members.countOf('c') === 6);
  await b.leave();
  await until('c has all', () => members.countOf('c') === 6);
  await c.leave();
  assert.deepEqual(members.faults, []);
  assert.equal(members.running.size, 0);
});

test('partitions that are added are given to the members', async () => {
  const topic = await newTopic(1);
  const given = new Set<number>();
  const membership = await log.join(`g.${randomUUID()}`, topic, ({ partition, signal }) => {
    given.add(partition);
    return aborted(signal);
  });
  try {
    await until('the first partition', () => given.has(0));
    await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }));
    await until('the added ones', () => given.size === 3);
  } finally {
    await membership.leave();
  }
});

/** Body of an async function: how many timers are armed within a second. */
const COUNT_TIMERS = `
  const original = globalThis.setTimeout;
  let armed = 0;
  globalThis.setTimeout = (...args) => { armed++; return original(...args); };
  await new Promise((resolve) => original(resolve, 1000));
  globalThis.setTimeout = original;
  return armed;`;

test('an idle log arms next to no timers, where a bare kafkajs client arms them by the hundred', async () => {
  const topic = await newTopic();
  await log.produce(topic, 0, [message('a')]);
  const ours = await (compileFunction(`return (async () => {${COUNT_TIMERS}})()`)() as Promise<number>);
  assert.ok(ours < 50, `${ours} timers in a second`);
  const script = `
    const { Kafka } = require(${JSON.stringify(require.resolve('kafkajs'))});
    (async () => {
      const admin = new Kafka({ brokers: ${JSON.stringify(kafka.addresses())}, logLevel: 0 }).admin();
      await admin.connect();
      await admin.describeCluster();
      process.stdout.write(String(await (async () => {${COUNT_TIMERS}})()), () => process.exit(0));
    })();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', '-e', script]);
  assert.ok(Number(stdout) > 300, `${stdout.trim()} timers of kafkajs: is the remedy still needed?`);
});
