/**
 * Answers that are lost after the request was applied. Without the idempotent producer the message stands in the log
 * twice and nothing is missing; with kafkajs' one an acknowledged message is missing, which is why it is not used.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { WeirError } from '../../contract/errors.ts';
import { openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import type { Log, Membership } from '../../transport/log.ts';
import { message, offset, readCount, text, topicSpec } from '../integration/transport-contract.ts';
import { API, FaultProxy } from '../servers/fault-proxy.ts';
import { type KafkaCluster, startKafka } from '../servers/kafka.ts';

const { Kafka, logLevel } = kafkajs;

let proxy: FaultProxy;
let kafka: KafkaCluster;
let log: Log;

before(async () => {
  proxy = await FaultProxy.start(7);
  kafka = await startKafka({ advertisedPorts: [proxy.port] });
  proxy.target = kafka.ports[0]?.plain ?? 0;
  log = await openKafkaLog({ brokers: [`127.0.0.1:${proxy.port}`], limits: { answerMs: 2_000, patienceMs: 4_000 } });
});
after(async () => {
  proxy.calm();
  await log.close();
  await kafka.stop();
  await proxy.stop();
});

const newTopic = async (): Promise<string> => {
  const spec = topicSpec({ partitions: 1 });
  await log.ensureTopics([spec]);
  return spec.name;
};

const produce = (topic: string, value: string): Promise<readonly number[]> => log.produce(topic, 0, [message(value)]);

const all = async (topic: string): Promise<string[]> => {
  const end = (await log.describe(topic)).partitions[0]?.end ?? 0;
  return (await readCount(log, topic, 0, 0, end)).map(text);
};

test('a produce whose answer is lost is sent again: twice in the log, in order, nothing missing', async () => {
  const topic = await newTopic();
  await produce(topic, 'm0');
  proxy.loseAnswers(API.produce, 1);
  assert.deepEqual(await produce(topic, 'm1'), [2], 'the second of the two is what it was acknowledged as');
  await produce(topic, 'm2');
  assert.equal(proxy.counts.answerLost, 1);
  assert.deepEqual(await all(topic), ['m0', 'm1', 'm1', 'm2']);
});

test('an answer that never comes is not waited for: another connection, and the message stands there', async () => {
  const topic = await newTopic();
  await produce(topic, 'm0');
  proxy.swallowAnswers(API.produce, 1);
  await produce(topic, 'm1');
  assert.deepEqual(await all(topic), ['m0', 'm1', 'm1']);
});

test('answers lost beyond its patience: the call fails with retry, and the same call again leaves nothing missing', async () => {
  const topic = await newTopic();
  proxy.loseAnswers(API.produce, 1_000_000);
  const failure = await produce(topic, 'm1').then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof WeirError);
  assert.equal(failure.code, 'WEIR_TRANSPORT_UNAVAILABLE');
  assert.equal(failure.disposition, 'retry');
  proxy.calm();
  await produce(topic, 'm1');
  await produce(topic, 'm2');
  const found = await all(topic);
  assert.deepEqual([...new Set(found)], ['m1', 'm2']);
  assert.ok(found.indexOf('m2') === found.length - 1, 'm2 comes after every m1');
});

test('a close while nobody answers ends in bounded time, and every call that waits is told', async () => {
  const topic = await newTopic();
  const limits = { answerMs: 1_000, patienceMs: 2_000, queueBytesMax: 100_000 };
  const closing = await openKafkaLog({ brokers: [`127.0.0.1:${proxy.port}`], limits });
  await closing.produce(topic, 0, [message('landed')]);
  proxy.swallowAnswers(API.produce, 1_000_000);
  const large = { key: null, value: new Uint8Array(60_000), headers: {} };
  const calls = Array.from({ length: 8 }, () => closing.produce(topic, 0, [large]));
  const outcomes = Promise.allSettled(calls);
  const startMs = performance.now();
  await closing.close();
  assert.ok(performance.now() - startMs < 6_000, `${performance.now() - startMs} ms`);
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, 'rejected');
    assert.ok(outcome.reason instanceof WeirError && outcome.reason.code.startsWith('WEIR_TRANSPORT_'));
  }
  proxy.calm();
});

test('control: the idempotent producer of kafkajs acknowledges a message that is not in the log', async () => {
  const topic = await newTopic();
  const retry = { initialRetryTime: 50, retries: 1 };
  const client = new Kafka({ brokers: [`127.0.0.1:${proxy.port}`], logLevel: logLevel.NOTHING, retry });
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1, retry });
  await producer.connect();
  const send = async (value: string): Promise<boolean> => {
    try {
      await producer.send({ topic, acks: -1, messages: [{ partition: 0, value }] });
      return true;
    } catch (error) {
      assert.ok(error instanceof Error);
      return false;
    }
  };
  try {
    assert.ok(await send('m0'));
    proxy.loseAnswers(API.produce, 1_000_000);
    assert.equal(await send('m1'), false);
    proxy.calm();
    const acknowledged = [];
    for (const value of ['m2', 'm3', 'm4']) if (await send(value)) acknowledged.push(value);
    const found = await all(topic);
    assert.ok(
      acknowledged.some((value) => !found.includes(value)),
      `acknowledged ${acknowledged.join()}, in the log ${found.join()}`,
    );
  } finally {
    await producer.disconnect();
  }
});

test('messages spoilt on the way are noticed by their checksum and fetched again', async () => {
  const topic = await newTopic();
  const sent = Array.from({ length: 20 }, (_, index) => `${index} ${'x'.repeat(500)}`);
  for (const value of sent) await produce(topic, value);
  proxy.spoilAnswers(API.fetch, 2);
  const found = await readCount(log, topic, 0, 0, sent.length);
  assert.equal(proxy.counts.answerSpoilt, 2);
  assert.deepEqual(found.map(text), sent);
  assert.deepEqual(
    found.map((each) => each.offset),
    sent.map((_, index) => offset(index)),
  );
});

test('seeded faults on every connection: every acknowledged message once or more, in order, none missing', async () => {
  const topic = await newTopic();
  proxy.delayMsMax = 30;
  proxy.rates = { cut: 30, delayed: 100, answerLost: 30 };
  const sent: string[] = [];
  const before = { ...proxy.counts };
  const endMs = performance.now() + 6_000;
  for (let index = 0; performance.now() < endMs; index++) {
    const value = `s${index}`;
    for (;;) {
      try {
        await produce(topic, value);
        break;
      } catch (error) {
        assert.ok(error instanceof WeirError && error.disposition === 'retry', String(error));
      }
    }
    sent.push(value);
  }
  const faults = proxy.counts.cut + proxy.counts.answerLost - before.cut - before.answerLost;
  proxy.calm();
  assert.ok(faults >= 5, `${faults} connections were cut`);
  const found = await all(topic);
  // The first appearances are what was sent, in order.
  assert.deepEqual([...new Set(found)], sent);
});

test('a member that waits for a silent one longer than its own session goes on with its partitions', async () => {
  const spec = topicSpec({ partitions: 2 });
  await log.ensureTopics([spec]);
  const group = `g.${spec.name}`;
  const brokers = [`127.0.0.1:${proxy.port}`];
  const open = (clientId: string, sessionMs: number): Promise<Log> =>
    openKafkaLog({ brokers, clientId, limits: { sessionMs, heartbeatMs: 200, answerMs: 10_000 } });
  const logs = {
    short: await open('short', 1_500),
    silent: await open('silent', 5_000),
    third: await open('third', 5_000),
  };
  /** Who runs which partition now. */
  const at = new Map<number, string>();
  const lives: string[] = [];
  const join = (name: keyof typeof logs): Promise<Membership> =>
    logs[name].join(group, spec.name, async ({ partition, signal }) => {
      at.set(partition, name);
      lives.push(`${name} ${partition}`);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      if (at.get(partition) === name) at.delete(partition);
    });
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    for (let tries = 0; !holds(); tries++) {
      assert.ok(tries < 400, `${what}: ${[...at].join('; ')}`);
      await pause(50);
    }
  };
  const members = [await join('short'), await join('silent')];
  await until('both have one', () => new Set(at.values()).size === 2);
  const held = await proxy.hold({ apiKey: API.heartbeat, client: 'silent' }, false, 5_000);
  assert.ok(held !== null);
  members.push(await join('third'));
  const begun = (): number => lives.filter((life) => life.startsWith('short')).length;
  const before = begun();
  await until('fenced while it waits', () => ![...at.values()].includes('short'));
  await until('again at work', () => begun() > before && [...at.values()].includes('short'));
  held.drop();
  await Promise.all(members.map((member) => member.leave()));
  await Promise.all(Object.values(logs).map((each) => each.close()));
});
