import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text as textOf } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import type { Message } from '../../transport/log.ts';
import { offset, topicSpec } from '../integration/transport-contract.ts';
import { randomFrom } from '../integration/transport-random.ts';

const CHILD = fileURLToPath(new URL('../integration/transport-child.ts', import.meta.url));
const ROUNDS = 20;
const STREAMS = 4;
const RUN_MS_MAX = 250;

/** Start producers, kill them with -9 some time after the first acknowledgement; what they were acknowledged. */
async function produceAndKill(path: string, topic: string, tags: readonly string[], runMs: number): Promise<string[]> {
  const children = tags.map((tag, index) =>
    spawn(process.execPath, [CHILD, path, topic, tag, String(STREAMS), '0', String(index + 1)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const outputs = children.map((child) => textOf(child.stdout));
  await Promise.all(children.map((child) => once(child.stdout, 'readable')));
  await pause(runMs);
  await Promise.all(children.map(kill));
  return (await Promise.all(outputs)).flatMap((output) => output.split('\n').slice(0, -1));
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  const [, signal] = await exit;
  assert.equal(signal, 'SIGKILL', 'it was still producing');
}

async function readFrom(path: string, topic: string, from: number): Promise<Message[]> {
  const log = await openEmbeddedLog({ path });
  const found: Message[] = [];
  try {
    const { end } = (await log.read(topic, 0, offset(from), { messagesMax: 1, bytesMax: 1, waitMs: 0 })).bounds;
    while (from + found.length < end) {
      const options = { messagesMax: 1000, bytesMax: 1 << 24, waitMs: 0 };
      found.push(...(await log.read(topic, 0, offset(from + found.length), options)).messages);
    }
  } finally {
    await log.close();
  }
  return found;
}

/** A stream sends its next call only after the last was acknowledged, so at most one call of 3 messages is unknown. */
function checkRound(
  tags: readonly string[],
  from: number,
  found: readonly Message[],
  acknowledged: readonly string[],
): void {
  assert.deepEqual(
    found.map((each) => each.offset),
    found.map((_, index) => from + index),
    'offsets are dense',
  );
  const texts = found.map((each) => each.headers['weir-seq'] ?? '');
  for (const line of acknowledged) {
    const [text, at] = line.split(' ');
    assert.equal(texts[Number(at) - from], text, `${line} was acknowledged`);
  }
  for (const [index, { value }] of found.entries()) {
    const text = texts[index] ?? '';
    assert.equal(new TextDecoder().decode(value.subarray(0, text.length)), text, 'the value is whole');
  }
  for (const tag of tags) {
    for (let stream = 0; stream < STREAMS; stream++) {
      const prefix = `${tag}:${stream}:`;
      const own = texts.filter((text) => text.startsWith(prefix));
      assert.deepEqual(
        own,
        own.map((_, n) => prefix + n),
        'once, and in order',
      );
      const sure = acknowledged.filter((line) => line.startsWith(prefix)).length;
      assert.ok(own.length - sure <= 3, `${own.length} stored, ${sure} acknowledged`);
    }
  }
}

function checkFile(path: string): void {
  const database = new DatabaseSync(path);
  try {
    assert.deepEqual(
      database
        .prepare('PRAGMA integrity_check')
        .all()
        .map((row) => row['integrity_check']),
      ['ok'],
    );
    assert.deepEqual(database.prepare('PRAGMA foreign_key_check').all(), []);
  } finally {
    database.close();
  }
}

test(`killed with -9 in mid-produce ${ROUNDS} times, the log has what it acknowledged, once and in order`, async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const random = randomFrom(seed);
  const folder = await mkdtemp(join(tmpdir(), 'weir-log-'));
  const path = join(folder, 'weir.sqlite');
  try {
    const log = await openEmbeddedLog({ path });
    const spec = topicSpec({ partitions: 1 });
    await log.ensureTopics([spec]);
    await log.close();
    let end = 0;
    let sure = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // Every third round two processes die in the same moment.
      const tags = (round % 3 === 2 ? ['a', 'b'] : ['a']).map((tag) => `${tag}${round}`);
      const acknowledged = await produceAndKill(path, spec.name, tags, random(RUN_MS_MAX));
      assert.ok(acknowledged.length > 0, 'something was acknowledged');
      const found = await readFrom(path, spec.name, end);
      checkRound(tags, end, found, acknowledged);
      checkFile(path);
      end += found.length;
      sure += acknowledged.length;
    }
    t.diagnostic(`${sure} messages acknowledged, ${end} stored`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
