/**
 * What every `Log` promises, as tests: run against the embedded log and against Kafka. Topics are named anew by each
 * test, so that a log that keeps them between runs is fine.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type ErrorCode, WeirError } from '../../contract/errors.ts';
import type { Assignment, Log, Message, Offset, OutgoingMessage, ReadOptions, TopicSpec } from '../../transport/log.ts';

/** A log under test, and how to end it. */
export interface LogUnderTest {
  readonly log: Log;
  /** A second, independent connection to the same log. */
  open(): Promise<Log>;
  /** Closes `log` and removes what was made for it. */
  end(): Promise<void>;
}

export const message = (text: string, key: string | null = null): OutgoingMessage => ({
  key,
  value: new TextEncoder().encode(text),
  headers: { 'weir-seq': text },
});

export const text = (found: Pick<Message, 'value'>): string => new TextDecoder().decode(found.value);

export const topicSpec = (over: Partial<TopicSpec> = {}): TopicSpec => ({
  name: `contract.${randomUUID()}`,
  partitions: 2,
  retentionMs: null,
  retentionBytes: null,
  messageBytesMax: 256 * 1024,
  ...over,
});

export const offset = (value: number): Offset => value as Offset;

export const rejectsWith = (code: ErrorCode, call: Promise<unknown>): Promise<void> =>
  assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof WeirError, `a WeirError, not ${String(error)}`);
    assert.equal(error.code, code, error.message);
    return true;
  });

const AT_ONCE: ReadOptions = { messagesMax: 1000, bytesMax: 1 << 20, waitMs: 0 };
/** Kafka's fetch answers a little late; what is there must be there within this. */
const SOON: ReadOptions = { ...AT_ONCE, waitMs: 10_000 };

/** Read until `count` messages are there; fails when they do not come. */
export async function readCount(
  log: Log,
  topic: string,
  partition: number,
  from: number,
  count: number,
): Promise<Message[]> {
  const found: Message[] = [];
  let next = from;
  while (found.length < count) {
    const { messages } = await log.read(topic, partition, offset(next), SOON);
    assert.ok(messages.length > 0, `${count} messages of ${topic}/${partition}, but only ${found.length} came`);
    found.push(...messages);
    next = (messages.at(-1)?.offset ?? next) + 1;
  }
  return found;
}

/** Register the tests of the contract. */
export function transportContract(name: string, makeLog: () => Promise<LogUnderTest>): void {
  describe(name, () => {
    let made: LogUnderTest;
    const log = (): Log => made.log;
    const newTopic = async (over: Partial<TopicSpec> = {}): Promise<string> => {
      const spec = topicSpec(over);
      await log().ensureTopics([spec]);
      return spec.name;
    };
    before(async () => {
      made = await makeLog();
    });
    after(() => made.end());
    const context: Context = { log, newTopic, open: () => made.open() };
    topicTests(context);
    produceTests(context);
    readTests(context);
    groupTests(context);
    closeTests(context);
  });
}

interface Context {
  readonly log: () => Log;
  readonly newTopic: (over?: Partial<TopicSpec>) => Promise<string>;
  readonly open: () => Promise<Log>;
}

function topicTests({ log, newTopic }: Context): void {
  test('a topic has an id of 22 base64url characters and empty partitions', async () => {
    const topic = await newTopic({ partitions: 3 });
    const { id, name, partitions } = await log().describe(topic);
    assert.equal(name, topic);
    assert.match(id, /^[A-Za-z0-9_-]{22}$/);
    assert.deepEqual(
      partitions,
      [0, 1, 2].map(() => ({ start: 0, end: 0 })),
    );
  });

  test('ensuring a topic that exists keeps it and its id', async () => {
    const spec = topicSpec();
    await log().ensureTopics([spec]);
    const { id } = await log().describe(spec.name);
    await log().produce(spec.name, 0, [message('kept')]);
    await log().ensureTopics([spec, topicSpec()]);
    const again = await log().describe(spec.name);
    assert.equal(again.id, id);
    assert.deepEqual(again.partitions[0], { start: 0, end: 1 });
  });

  test('ensuring a topic with another partition count is refused', async () => {
    const spec = topicSpec();
    await log().ensureTopics([spec]);
    await rejectsWith('WEIR_TRANSPORT_TOPIC_MISMATCH', log().ensureTopics([{ ...spec, partitions: 5 }]));
    assert.equal((await log().describe(spec.name)).partitions.length, spec.partitions);
  });

  test('a topic or partition that does not exist is refused by every call', async () => {
    const topic = await newTopic();
    const none = 'contract.none';
    await rejectsWith('WEIR_TRANSPORT_UNKNOWN_TOPIC', log().describe(none));
    await rejectsWith('WEIR_TRANSPORT_UNKNOWN_TOPIC', log().produce(none, 0, [message('a')]));
    await rejectsWith('WEIR_TRANSPORT_UNKNOWN_TOPIC', log().produce(topic, 2, [message('a')]));
    await rejectsWith('WEIR_TRANSPORT_UNKNOWN_TOPIC', log().read(none, 0, offset(0), AT_ONCE));
    await rejectsWith('WEIR_TRANSPORT_UNKNOWN_TOPIC', log().read(topic, 2, offset(0), AT_ONCE));
  });
}

function produceTests({ log, newTopic }: Context): void {
  test('messages come back as they were given: key, value, headers, in order', async () => {
    const topic = await newTopic();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index & 0xff);
    const sent: OutgoingMessage[] = [
      { key: 'cluster/node', value: bytes, headers: { 'weir-first': '0', 'weir-next': '12' } },
      { key: null, value: new Uint8Array(0), headers: {} },
      message('third', 'k'),
    ];
    const offsets = await log().produce(topic, 1, sent);
    const found = await readCount(log(), topic, 1, 0, 3);
    assert.deepEqual(
      found.map(({ key, value, headers }) => ({ key, value: new Uint8Array(value), headers })),
      sent,
    );
    assert.deepEqual(
      found.map((each) => each.offset),
      offsets,
    );
    assert.equal((await log().describe(topic)).partitions[0]?.end, 0, 'the other partition stays empty');
  });

  test('a value that is a view of a larger buffer is stored alone, and the buffer stays usable', async () => {
    const topic = await newTopic();
    const buffer = new Uint8Array(1024).fill(1);
    const view = buffer.subarray(100, 104).fill(9);
    await log().produce(topic, 0, [{ key: null, value: view, headers: {} }]);
    assert.equal(buffer.byteLength, 1024);
    buffer.fill(0);
    const [found] = await readCount(log(), topic, 0, 0, 1);
    assert.deepEqual([...(found?.value ?? [])], [9, 9, 9, 9]);
  });

  test('the messages of one produce take consecutive places, whoever else produces', async () => {
    const topic = await newTopic();
    const calls = Array.from({ length: 40 }, (_, call) =>
      log().produce(
        topic,
        0,
        [0, 1, 2].map((index) => message(`${call}:${index}`)),
      ),
    );
    const offsets = await Promise.all(calls);
    for (const [first, second, third] of offsets)
      assert.deepEqual([second, third], [(first ?? 0) + 1, (first ?? 0) + 2]);
    const found = await readCount(log(), topic, 0, 0, 120);
    for (const [call, each] of offsets.entries()) {
      for (const [index, at] of each.entries()) {
        const hit = found.find((candidate) => candidate.offset === at);
        assert.equal(hit === undefined ? null : text(hit), `${call}:${index}`);
      }
    }
  });

  test('append times are the wall clock and never step back without a change of leader', async () => {
    const topic = await newTopic();
    const beforeMs = Date.now();
    for (let index = 0; index < 5; index++) await log().produce(topic, 0, [message(String(index))]);
    const found = await readCount(log(), topic, 0, 0, 5);
    for (const [index, { appendMs }] of found.entries()) {
      assert.ok(appendMs >= beforeMs - 1000 && appendMs <= Date.now() + 1000, `${appendMs} is about now`);
      assert.ok(appendMs >= (found[index - 1]?.appendMs ?? 0), 'not before its predecessor');
    }
  });

  test('a message beyond the limit of its topic is refused, with all that came in the same call', async () => {
    const topic = await newTopic({ messageBytesMax: 64 * 1024 });
    const large: OutgoingMessage = { key: null, value: new Uint8Array(80 * 1024), headers: {} };
    await rejectsWith('WEIR_TRANSPORT_MESSAGE_TOO_LARGE', log().produce(topic, 0, [message('small'), large]));
    assert.equal((await log().describe(topic)).partitions[0]?.end, 0);
    assert.deepEqual(await log().produce(topic, 0, [message('small')]), [0]);
  });
}

function readTests({ log, newTopic, open }: Context): void {
  test('a read names the topic id and the bounds, also when it finds nothing', async () => {
    const topic = await newTopic();
    const { id } = await log().describe(topic);
    const empty = await log().read(topic, 0, offset(0), AT_ONCE);
    assert.deepEqual(empty, { topicId: id, bounds: { start: 0, end: 0 }, messages: [] });
  });

  test('a read keeps to messagesMax and bytesMax, and gives at least one message', async () => {
    const topic = await newTopic();
    const value = new Uint8Array(10_000);
    await log().produce(
      topic,
      0,
      Array.from({ length: 8 }, () => ({ key: null, value, headers: {} })),
    );
    const read = async (over: Partial<ReadOptions>): Promise<number[]> =>
      (await log().read(topic, 0, offset(2), { ...SOON, ...over })).messages.map((each) => each.offset);
    assert.deepEqual(await read({ messagesMax: 3 }), [2, 3, 4]);
    assert.deepEqual(await read({ bytesMax: 1 }), [2]);
    const some = await read({ bytesMax: 35_000 });
    assert.ok(some.length >= 1 && some.length <= 4, `${some.length} messages in 35,000 bytes`);
  });

  test('an offset above the end is out of range, the end itself is not', async () => {
    const topic = await newTopic();
    await log().produce(topic, 0, [message('only')]);
    assert.deepEqual((await log().read(topic, 0, offset(1), AT_ONCE)).messages, []);
    await rejectsWith('WEIR_TRANSPORT_OUT_OF_RANGE', log().read(topic, 0, offset(2), AT_ONCE));
  });

  test('a waiting read is answered by the message that comes, from this connection or another', async () => {
    const topic = await newTopic();
    const other = await open();
    try {
      for (const [index, writer] of [log(), other].entries()) {
        const waiting = log().read(topic, 0, offset(index), SOON);
        await pause(100);
        const sentMs = performance.now();
        await writer.produce(topic, 0, [message(`came ${index}`)]);
        const { messages, bounds } = await waiting;
        assert.deepEqual(messages.map(text), [`came ${index}`]);
        assert.equal(bounds.end, index + 1);
        assert.ok(performance.now() - sentMs < 2_000, 'promptly');
      }
    } finally {
      await other.close();
    }
  });

  test('a waiting read gives up after waitMs', async () => {
    const topic = await newTopic();
    const startMs = performance.now();
    const { messages } = await log().read(topic, 0, offset(0), { ...AT_ONCE, waitMs: 150 });
    assert.deepEqual(messages, []);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs >= 100 && tookMs < 3_000, `${tookMs} ms`);
  });

  test('an aborted read answers with what is there instead of throwing', async () => {
    const topic = await newTopic();
    const abort = new AbortController();
    const startMs = performance.now();
    const waiting = log().read(topic, 0, offset(0), { ...AT_ONCE, waitMs: 60_000, signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    assert.deepEqual((await waiting).messages, []);
    const later = await log().read(topic, 0, offset(0), { ...AT_ONCE, waitMs: 60_000, signal: abort.signal });
    assert.deepEqual(later.messages, []);
    assert.ok(performance.now() - startMs < 5_000);
  });
}

function groupTests({ log, newTopic, open }: Context): void {
  test('a position is null without a commit, is kept for others, and never moves backwards', async () => {
    const topic = await newTopic();
    const group = `g.${randomUUID()}`;
    await log().produce(
      topic,
      1,
      ['a', 'b', 'c'].map((each) => message(each)),
    );
    assert.equal(await log().position(group, topic, 1), null);
    await log().commit(group, topic, 1, offset(2));
    await log().commit(group, topic, 1, offset(1));
    const other = await open();
    try {
      assert.equal(await other.position(group, topic, 1), 2);
      assert.equal(await other.position(group, topic, 0), null);
      assert.equal(await other.position(`${group}.other`, topic, 1), null);
    } finally {
      await other.close();
    }
  });

  test('a member runs every partition, and leave aborts and awaits the runs', async () => {
    const topic = await newTopic({ partitions: 3 });
    const { id } = await log().describe(topic);
    const begun: Assignment[] = [];
    let ended = 0;
    const membership = await log().join(`g.${randomUUID()}`, topic, async (assignment) => {
      begun.push(assignment);
      await new Promise((resolve) => assignment.signal.addEventListener('abort', resolve, { once: true }));
      await pause(50);
      ended++;
    });
    for (let tries = 0; begun.length < 3 && tries < 300; tries++) await pause(100);
    assert.deepEqual(
      begun.map((each) => each.partition).sort((a, b) => a - b),
      [0, 1, 2],
    );
    assert.ok(begun.every((each) => each.topic === topic && each.topicId === id && !each.signal.aborted));
    await membership.leave();
    assert.equal(ended, 3);
    await membership.done;
  });

  test('a run that throws rejects done with its error', async () => {
    const topic = await newTopic({ partitions: 1 });
    const thrown = new WeirError('WEIR_INTERNAL', 'on purpose');
    const membership = await log().join(`g.${randomUUID()}`, topic, () => Promise.reject(thrown));
    await assert.rejects(membership.done, thrown);
    await membership.leave();
  });

  test('a member works through a partition: read, commit, and another goes on from there', async () => {
    const topic = await newTopic({ partitions: 1 });
    const group = `g.${randomUUID()}`;
    await log().produce(
      topic,
      0,
      Array.from({ length: 10 }, (_, index) => message(String(index))),
    );
    const seen: string[] = [];
    const work =
      (until: number) =>
      async (assignment: Assignment): Promise<void> => {
        while (seen.length < until && !assignment.signal.aborted) {
          const from = (await log().position(group, topic, assignment.partition)) ?? offset(0);
          const { messages } = await log().read(topic, assignment.partition, from, { ...SOON, messagesMax: 2 });
          seen.push(...messages.map(text));
          await log().commit(group, topic, assignment.partition, offset((messages.at(-1)?.offset ?? from - 1) + 1));
        }
      };
    for (const until of [4, 10]) {
      const membership = await log().join(group, topic, work(until));
      for (let tries = 0; seen.length < until && tries < 300; tries++) await pause(100);
      await membership.leave();
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 10 }, (_, index) => String(index)),
    );
  });
}

function closeTests({ newTopic, open }: Context): void {
  test('what was produced before close is settled, and calls after it are refused', async () => {
    const topic = await newTopic();
    const other = await open();
    const produced = Array.from({ length: 20 }, (_, index) => other.produce(topic, 0, [message(String(index))]));
    const [settled] = await Promise.all([Promise.allSettled(produced), other.close()]);
    assert.ok(settled.every((each) => each.status === 'fulfilled'));
    await other.close();
    await rejectsWith('WEIR_TRANSPORT_CLOSED', other.produce(topic, 0, [message('late')]));
    await rejectsWith('WEIR_TRANSPORT_CLOSED', other.read(topic, 0, offset(0), AT_ONCE));
    await rejectsWith('WEIR_TRANSPORT_CLOSED', other.describe(topic));
  });

  test('close leaves the groups first, so that runs can commit', async () => {
    const topic = await newTopic({ partitions: 1 });
    const other = await open();
    let committed = false;
    const given = Promise.withResolvers<void>();
    await other.join(`g.${randomUUID()}`, topic, async (assignment) => {
      given.resolve();
      await other.read(topic, 0, offset(0), { ...AT_ONCE, waitMs: 60_000, signal: assignment.signal });
      await other.commit('g', topic, 0, offset(0));
      committed = true;
    });
    await given.promise;
    await pause(50);
    await other.close();
    assert.ok(committed);
  });
}
