import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { updateLogMemory, UpdateLogReader, UpdateLogWriter } from '../../../enricher/update-log.ts';
import { Random } from '../../property/enricher-world.ts';

const message = (random: Random, bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, () => random.below(256));

test('every reader gets every message whole and in order, around the ring many times', async () => {
  const memory = updateLogMemory(2, 4096);
  const writer = new UpdateLogWriter(memory);
  const readers = [new UpdateLogReader(memory), new UpdateLogReader(memory)];
  const got: string[][] = [[], []];
  const want: string[] = [];
  const random = new Random(3);
  const drain = (reader: number): void =>
    readers[reader]?.applyBelow(Number.POSITIVE_INFINITY, (offset, appendMs, bytes) =>
      got[reader]?.push(`${offset} ${appendMs} ${Buffer.from(bytes).toString('hex')}`),
    );
  for (let offset = 0; offset < 3000; offset += 1) {
    const bytes = message(random, random.below(writer.bytesMax + 1));
    want.push(`${offset} ${offset + 0.5} ${Buffer.from(bytes).toString('hex')}`);
    const appending = writer.append(offset, offset + 0.5, bytes);
    if (random.chance(50)) drain(random.below(2));
    const timer = setInterval(() => [0, 1].forEach(drain), 0);
    await appending;
    clearInterval(timer);
  }
  [0, 1].forEach(drain);
  assert.deepEqual(got[0], want);
  assert.deepEqual(got[1], want);
});

test('a reader applies nothing at or above its limit', async () => {
  const memory = updateLogMemory(1, 4096);
  const writer = new UpdateLogWriter(memory);
  const reader = new UpdateLogReader(memory);
  for (const offset of [3, 5, 9]) await writer.append(offset, 0, new Uint8Array(1));
  const seen: number[] = [];
  const apply = (offset: number): unknown => seen.push(offset);
  reader.applyBelow(5, apply);
  assert.deepEqual(seen, [3]);
  reader.applyAllowed(apply);
  assert.deepEqual(seen, [3]);
  writer.allow(6);
  reader.applyAllowed(apply);
  assert.deepEqual(seen, [3, 5]);
  reader.applyBelow(10, apply);
  assert.deepEqual(seen, [3, 5, 9]);
});

test('the writer waits for the slowest reader, and goes on when it has read', async () => {
  const memory = updateLogMemory(1, 1024);
  const writer = new UpdateLogWriter(memory);
  const reader = new UpdateLogReader(memory);
  await writer.append(0, 0, new Uint8Array(400));
  await writer.append(1, 0, new Uint8Array(400));
  let done = false;
  const waiting = writer.append(2, 0, new Uint8Array(400)).then(() => (done = true));
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(done, false);
  reader.applyBelow(1, () => undefined);
  await waiting;
});

test('a message larger than half the ring is refused, and the ring stays as it was', async () => {
  const memory = updateLogMemory(1, 1024);
  const writer = new UpdateLogWriter(memory);
  const reader = new UpdateLogReader(memory);
  await assert.rejects(writer.append(0, 0, new Uint8Array(writer.bytesMax + 1)), {
    code: 'WEIR_TRANSPORT_MESSAGE_TOO_LARGE',
  });
  await writer.append(1, 0, new Uint8Array(writer.bytesMax));
  const seen: number[] = [];
  reader.applyBelow(9, (offset) => seen.push(offset));
  assert.deepEqual(seen, [1]);
});

test('a reader that replaces a dead one is refused: its history would be empty', () => {
  const memory = updateLogMemory(1, 1024);
  assert.ok(new UpdateLogReader(memory));
  assert.throws(() => new UpdateLogReader(memory), { code: 'WEIR_INTERNAL' });
});

test('a process with nothing else to do stays while its writer waits', () => {
  const module = new URL('../../../enricher/update-log.ts', import.meta.url).href;
  const program = `import { updateLogMemory, UpdateLogReader, UpdateLogWriter } from ${JSON.stringify(module)};
    const memory = updateLogMemory(1, 4096);
    const reader = new UpdateLogReader(memory);
    const writer = new UpdateLogWriter(memory);
    setTimeout(() => reader.applyBelow(Infinity, () => {}), 200).unref();
    for (let offset = 0; offset < 4; offset += 1) await writer.append(offset, 0, new Uint8Array(1500));
    process.stdout.write('through');`;
  const args = [...process.execArgv, '--input-type=module', '--eval', program];
  assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }), 'through');
});
