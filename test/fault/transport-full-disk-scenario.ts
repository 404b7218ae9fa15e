/**
 * Runs on a file system of a few megabytes that is this process's own (argument: its folder). Fills the disk in many
 * ways, and asserts that the log tells so, stays whole, and goes on once there is room.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { WeirError } from '../../contract/errors.ts';
import { type EmbeddedLog, openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import { offset, readCount, rejectsWith, topicSpec } from '../integration/transport-contract.ts';

const VALUE_BYTES = 40_000;

const [folder = ''] = process.argv.slice(2);
const path = join(folder, 'log', 'weir.sqlite');
const ballast = join(folder, 'ballast');

/** Take all room but `leaveBytes`. */
function fill(leaveBytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(ballast, new Uint8Array(Math.max(0, bavail * bsize - leaveBytes)));
}

function message(index: number): { key: null; value: Uint8Array; headers: Record<string, string> } {
  return { key: null, value: new Uint8Array(VALUE_BYTES).fill(index), headers: { 'weir-seq': String(index) } };
}

/** Produce until the disk is full; how many were acknowledged. `widths` calls at once. */
async function produceUntilFull(log: EmbeddedLog, topic: string, first: number, width: number): Promise<number> {
  for (let next = first; ; next += width) {
    const calls = Array.from({ length: width }, (_, index) => log.produce(topic, 0, [message(next + index)]));
    const settled = await Promise.allSettled(calls);
    const failed = settled.filter((each) => each.status === 'rejected');
    for (const { reason } of failed) {
      assert.ok(reason instanceof WeirError, String(reason));
      assert.equal(reason.code, 'WEIR_TRANSPORT_FULL', reason.message);
      assert.equal(reason.disposition, 'retry');
    }
    if (failed.length > 0) return next + width - failed.length;
    assert.ok(next < 10_000, 'the disk becomes full');
  }
}

async function checkWhole(log: EmbeddedLog, topic: string, count: number): Promise<void> {
  assert.deepEqual((await log.describe(topic)).partitions, [{ start: 0, end: count }]);
  const found = await readCount(log, topic, 0, 0, count);
  for (const [index, { value, offset: at }] of found.entries()) {
    assert.equal(at, index);
    assert.equal(value.byteLength, VALUE_BYTES);
    assert.ok(
      value.every((byte) => byte === value[0]),
      'the value is whole',
    );
  }
  const database = new DatabaseSync(path, { readOnly: true });
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
  database.close();
}

/** One way to run out of room: `leaveBytes` at first, `width` calls at once; then room again, then restart. */
async function scenario(leaveBytes: number, width: number): Promise<void> {
  const spec = topicSpec({ partitions: 1 });
  let log = await openEmbeddedLog({ path });
  await log.ensureTopics([spec]);
  fill(leaveBytes);
  let count = await produceUntilFull(log, spec.name, 0, width);
  await checkWhole(log, spec.name, count);
  await rejectsWith('WEIR_TRANSPORT_FULL', log.produce(spec.name, 0, [message(1), message(2)]));
  await checkWhole(log, spec.name, count);
  rmSync(ballast);
  assert.deepEqual(await log.produce(spec.name, 0, [message(count)]), [count], 'goes on by itself');
  await log.commit('g', spec.name, 0, offset(count));
  await checkWhole(log, spec.name, ++count);
  await log.close();
  log = await openEmbeddedLog({ path });
  await checkWhole(log, spec.name, count);
  assert.equal(await log.position('g', spec.name, 0), count - 1);
  await log.close();
  rmSync(join(folder, 'log'), { recursive: true });
}

// A full disk at the start: nothing half-made is left behind.
fill(0);
await rejectsWith('WEIR_TRANSPORT_FULL', openEmbeddedLog({ path }));
rmSync(ballast);

let cases = 0;
for (let leaveBytes = 0; leaveBytes <= 1_200_000; leaveBytes += 110_000) {
  for (const width of [1, 5]) {
    await scenario(leaveBytes, width);
    cases++;
  }
}

// Room for the folder but not for the file.
fill(8192);
await rejectsWith('WEIR_TRANSPORT_FULL', openEmbeddedLog({ path }));
rmSync(ballast);
await (await openEmbeddedLog({ path })).close();

execFileSync('mount', ['-o', 'remount,ro', folder]);
await rejectsWith('WEIR_DATA_RIGHTS', openEmbeddedLog({ path }));
await rejectsWith('WEIR_DATA_RIGHTS', openEmbeddedLog({ path: join(folder, 'other', 'weir.sqlite') }));

process.stdout.write(`${cases} cases\n`);
