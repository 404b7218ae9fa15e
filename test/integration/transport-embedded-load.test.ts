import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, systemClock, type UnixMs } from '../../contract/clock.ts';
import { type EmbeddedLog, type EmbeddedLogOptions, openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import type { OutgoingMessage, TopicSpec } from '../../transport/log.ts';
import { message, offset, readCount, text, topicSpec } from './transport-contract.ts';

interface Opened {
  readonly log: EmbeddedLog;
  readonly path: string;
  readonly topic: string;
}

async function open(
  t: TestContext,
  spec: Partial<TopicSpec> = {},
  options: Partial<EmbeddedLogOptions> = {},
): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-log-'));
  const path = join(folder, 'weir.sqlite');
  const log = await openEmbeddedLog({ path, ...options });
  t.after(async () => {
    await log.close();
    rmSync(folder, { recursive: true });
  });
  const made = topicSpec({ partitions: 1, ...spec });
  await log.ensureTopics([made]);
  return { log, path, topic: made.name };
}

/** A clock that the test moves. */
function movableClock(): { clock: Clock; nowMs: number } {
  const movable = { nowMs: 1_800_000_000_000, clock: systemClock };
  movable.clock = { ...systemClock, nowMs: () => movable.nowMs as UnixMs };
  return movable;
}

const large = (bytes: number): OutgoingMessage => ({ key: null, value: new Uint8Array(bytes), headers: {} });

test('produces that come together share transactions', async (t) => {
  const { log, topic } = await open(t);
  const before = await log.stats();
  const offsets = await Promise.all(
    Array.from({ length: 2000 }, (_, i) => log.produce(topic, 0, [message(String(i))])),
  );
  const after = await log.stats();
  assert.deepEqual(
    offsets.flat(),
    offsets.map((_, index) => index),
  );
  assert.equal(after.produces - before.produces, 2000);
  const transactions = after.transactions - before.transactions;
  assert.ok(transactions <= 200, `${transactions} transactions for 2000 produces`);
  await log.produce(topic, 0, [message('alone')]);
  assert.equal((await log.stats()).transactions, after.transactions + 1, 'one alone has its own');
});

test('nobody polls the file while nobody waits', async (t) => {
  const { log, topic } = await open(t);
  const { polls } = await log.stats();
  await pause(100);
  assert.equal((await log.stats()).polls, polls);
  await log.read(topic, 0, offset(0), { messagesMax: 1, bytesMax: 1, waitMs: 200 });
  const after = await log.stats();
  assert.ok(after.polls > polls && after.polls - polls <= 20, `${after.polls - polls} polls in 200 ms`);
  assert.equal(after.readsWaiting, 0);
});

test('beyond the bound of the queue produces wait, and all are written in the end, in order', async (t) => {
  const queueBytesMax = 300_000;
  const { log, topic } = await open(t, {}, { queueBytesMax });
  const value = new Uint8Array(100_000);
  const produced = Array.from({ length: 40 }, (_, index) =>
    log.produce(topic, 0, [{ ...message(String(index)), value }]),
  );
  const during = await log.stats();
  assert.ok(during.queuedBytes <= queueBytesMax, `${during.queuedBytes} bytes queued`);
  assert.ok(during.producesWaiting > 0);
  assert.deepEqual(
    (await Promise.all(produced)).flat(),
    produced.map((_, index) => index),
  );
  const { queuedBytes, producesWaiting } = await log.stats();
  assert.deepEqual({ queuedBytes, producesWaiting }, { queuedBytes: 0, producesWaiting: 0 });
  const tooLarge = await log.produce(
    topic,
    0,
    Array.from({ length: 5 }, () => ({ ...message(''), value })),
  );
  assert.equal(tooLarge.length, 5, 'a call beyond the whole bound passes alone');
});

test('append times stay in order when the clock steps back', async (t) => {
  const movable = movableClock();
  const { log, topic } = await open(t, {}, { clock: movable.clock });
  for (const stepMs of [0, 5000, -9000, 20_000]) {
    movable.nowMs += stepMs;
    await log.produce(topic, 0, [message('m')]);
  }
  const found = await readCount(log, topic, 0, 0, 4);
  assert.deepEqual(
    found.map((each) => each.appendMs - 1_800_000_000_000),
    [0, 5000, 5000, 16_000],
  );
});

test('messages go by age, all of them too, and the end stays', async (t) => {
  const movable = movableClock();
  const { log, topic } = await open(t, { retentionMs: 60_000 }, { clock: movable.clock });
  await log.produce(
    topic,
    0,
    Array.from({ length: 1500 }, (_, index) => message(`old ${index}`)),
  );
  movable.nowMs += 50_000;
  await log.produce(topic, 0, [message('young')]);
  movable.nowMs += 10_000;
  await log.applyRetention();
  assert.deepEqual((await log.describe(topic)).partitions, [{ start: 0, end: 1501 }], 'exactly the age is kept');
  movable.nowMs += 1;
  await log.applyRetention();
  const { bounds, messages } = await log.read(topic, 0, offset(3), { messagesMax: 9, bytesMax: 9999, waitMs: 0 });
  assert.deepEqual(bounds, { start: 1500, end: 1501 });
  assert.deepEqual(
    messages.map((each) => [each.offset, text(each)]),
    [[1500, 'young']],
  );
  movable.nowMs += 60_000;
  await log.applyRetention();
  assert.deepEqual((await log.describe(topic)).partitions, [{ start: 1501, end: 1501 }]);
  assert.equal((await log.stats()).messagesTrimmed, 1501);

  const waiting = log.read(topic, 0, offset(3), { messagesMax: 9, bytesMax: 9999, waitMs: 20_000 });
  assert.deepEqual(await log.produce(topic, 0, [message('next')]), [1501]);
  assert.deepEqual((await waiting).messages.map(text), ['next'], 'a read from below the start waits for the next one');
});

test('a partition is kept near its bound in bytes while it is written, and its room is given back', async (t) => {
  const retentionBytes = 4_000_000;
  const { log, path, topic } = await open(t, { retentionBytes }, { retentionEveryMs: 3_600_000 });
  for (let index = 0; index < 60; index++) await log.produce(topic, 0, [large(200_000), large(100)]);
  const { partitions } = await log.describe(topic);
  assert.equal(partitions[0]?.end, 120);
  const { databaseBytes } = await log.stats();
  assert.ok(databaseBytes < retentionBytes * 1.5, `${databaseBytes} bytes for a bound of ${retentionBytes}`);

  await log.applyRetention();
  const start = (await log.describe(topic)).partitions[0]?.start ?? 0;
  const kept = await readCount(log, topic, 0, start, 120 - start);
  const bytes = kept.reduce((sum, each) => sum + each.value.byteLength, 0);
  assert.ok(bytes <= retentionBytes && bytes > retentionBytes - 300_000, `${bytes} bytes kept`);

  const grownBytes = statSync(path).size;
  await log.ensureTopics([topicSpec({ name: topic, partitions: 1, retentionBytes: 300_000 })]);
  await log.applyRetention();
  assert.ok(statSync(path).size < grownBytes / 2, `${statSync(path).size} of ${grownBytes} bytes left on the disk`);
  assert.equal((await readCount(log, topic, 0, 117, 3)).length, 3);
});

test('retention happens by itself', async (t) => {
  const movable = movableClock();
  const { log, topic } = await open(t, { retentionMs: 1000 }, { clock: movable.clock, retentionEveryMs: 20 });
  await log.produce(topic, 0, [message('old')]);
  movable.nowMs += 2000;
  for (let tries = 0; tries < 200 && (await log.describe(topic)).partitions[0]?.start === 0; tries++) await pause(20);
  assert.deepEqual((await log.describe(topic)).partitions, [{ start: 1, end: 1 }]);
});

test('the write-ahead log stays bounded under a steady stream with readers', async (t) => {
  const { log, path, topic } = await open(t, { retentionBytes: 8_000_000 });
  let next = 0;
  for (let round = 0; round < 40; round++) {
    const calls = Array.from({ length: 16 }, () => log.produce(topic, 0, [large(64 * 1024)]));
    const { messages } = await log.read(topic, 0, offset(next), { messagesMax: 16, bytesMax: 1 << 21, waitMs: 5000 });
    next = (messages.at(-1)?.offset ?? next - 1) + 1;
    await Promise.all(calls);
  }
  const walBytes = statSync(`${path}-wal`).size;
  assert.ok(walBytes <= 48 * 1024 * 1024, `${walBytes} bytes`);
});
