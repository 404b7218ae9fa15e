import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import type { Message } from '../../transport/log.ts';
import { offset, topicSpec } from './transport-contract.ts';

const CHILD = fileURLToPath(new URL('./transport-child.ts', import.meta.url));
const STREAMS = 3;
const MESSAGES = 150;

interface Child {
  readonly ready: Promise<unknown>;
  readonly acknowledged: Promise<string[]>;
  begin(): void;
}

function startChild(path: string, topic: string, tag: string): Child {
  const args = [CHILD, path, topic, tag, String(STREAMS), String(MESSAGES), tag === 'a' ? '1' : '2'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const { stdout } = child;
  assert.ok(stdout !== null);
  const exit = once(child, 'exit');
  const acknowledged = async (): Promise<string[]> => {
    const [out, [status]] = await Promise.all([textOf(stdout), exit]);
    assert.equal(status, 0, `child ${tag} ends well`);
    return out.trim().split('\n');
  };
  return { ready: once(child, 'message'), acknowledged: acknowledged(), begin: () => void child.send('begin') };
}

test('two processes produce into one partition while a third reads: dense, once, atomic, in order, promptly', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-log-'));
  const path = join(folder, 'weir.sqlite');
  const log = await openEmbeddedLog({ path });
  try {
    const spec = topicSpec({ partitions: 1 });
    await log.ensureTopics([spec]);
    const children = ['a', 'b'].map((tag) => startChild(path, spec.name, tag));
    await Promise.all(children.map((child) => child.ready));
    for (const child of children) child.begin();
    const total = 2 * STREAMS * MESSAGES;
    const found: Message[] = [];
    const lateMs: number[] = [];
    while (found.length < total) {
      const options = { messagesMax: 50, bytesMax: 1 << 22, waitMs: 20_000 };
      const { messages } = await log.read(spec.name, 0, offset(found.length), options);
      assert.ok(messages.length > 0, `only ${found.length} of ${total} came`);
      for (const each of messages) lateMs.push(Date.now() - each.appendMs);
      found.push(...messages);
    }
    const acknowledged = (await Promise.all(children.map((child) => child.acknowledged))).flat();

    assert.deepEqual(
      found.map((each) => each.offset),
      Array.from({ length: total }, (_, index) => index),
    );
    const texts = found.map((each) => each.headers['weir-seq'] ?? '');
    assert.deepEqual(acknowledged.toSorted(), texts.map((text, index) => `${text} ${index}`).toSorted());
    for (const tag of ['a', 'b']) {
      for (let stream = 0; stream < STREAMS; stream++) {
        const own = texts.filter((text) => text.startsWith(`${tag}:${stream}:`));
        assert.deepEqual(
          own,
          Array.from({ length: MESSAGES }, (_, n) => `${tag}:${stream}:${n}`),
        );
      }
    }
    const switches = texts.filter((text, index) => index > 0 && text[0] !== texts[index - 1]?.[0]).length;
    assert.ok(switches > 2, `the two interleave: ${switches} switches`);
    lateMs.sort((a, b) => a - b);
    const median = lateMs[total >> 1] ?? 0;
    assert.ok(median < 500, `the median message is noticed within 500 ms: ${median}`);
  } finally {
    await log.close();
    await rm(folder, { recursive: true });
  }
});
