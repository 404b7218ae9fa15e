import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { WeirError } from '../../contract/errors.ts';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import { message, offset, readCount, rejectsWith, topicSpec } from './transport-contract.ts';

function newPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'weir.sqlite');
}

/** Run SQL on the file as another application would. */
function onFile(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

async function makeLog(path: string): Promise<string> {
  const log = await openEmbeddedLog({ path });
  const { name } = topicSpec();
  await log.ensureTopics([topicSpec({ name })]);
  await log.produce(
    name,
    0,
    Array.from({ length: 50 }, (_, index) => ({ ...message(String(index)), value: new Uint8Array(20_000) })),
  );
  await log.close();
  return name;
}

test('a log survives being closed and opened: topics, messages, positions', async (t) => {
  const path = newPath(t);
  const topic = await makeLog(path);
  const log = await openEmbeddedLog({ path });
  await log.commit('g', topic, 0, offset(7));
  await log.close();
  const again = await openEmbeddedLog({ path });
  assert.equal((await readCount(again, topic, 0, 0, 50)).length, 50);
  assert.equal(await again.position('g', topic, 0), 7);
  await again.close();
});

test('many processes may make the file at once', async (t) => {
  const path = newPath(t);
  const logs = await Promise.all(Array.from({ length: 6 }, () => openEmbeddedLog({ path })));
  const spec = topicSpec({ partitions: 1 });
  await Promise.all(logs.map((log) => log.ensureTopics([spec])));
  const ids = await Promise.all(logs.map(async (log) => (await log.describe(spec.name)).id));
  assert.equal(new Set(ids).size, 1);
  const offsets = (
    await Promise.all(logs.map((log) => log.produce(spec.name, 0, [message('a'), message('b')])))
  ).flat();
  assert.deepEqual(
    offsets.toSorted((a, b) => a - b),
    offsets.map((_, index) => index),
  );
  await Promise.all(logs.map((log) => log.close()));
});

test('a log of another version is refused, naming both and what to do', async (t) => {
  const path = newPath(t);
  await makeLog(path);
  for (const [version, mend] of [
    [0, 'deliver what it holds .*weir run --for 1s.* move the file away'],
    [2, 'run the newer Weir that wrote it'],
  ] as const) {
    onFile(path, `PRAGMA user_version = ${version}`);
    await assert.rejects(openEmbeddedLog({ path }), (error: unknown) => {
      assert.ok(error instanceof WeirError);
      assert.equal(error.code, 'WEIR_TRANSPORT_VERSION');
      assert.match(error.message, new RegExp(`version ${version}, this Weir reads version 1; ${mend}.*--data`));
      return true;
    });
  }
  onFile(path, 'PRAGMA user_version = 1');
  await (await openEmbeddedLog({ path })).close();
});

test('a file that is not a log of Weir is refused and left as it was', async (t) => {
  const path = newPath(t);
  const foreign = newPath(t);
  onFile(foreign, 'CREATE TABLE bookmark (url TEXT); PRAGMA application_id = 7');
  for (const bytes of [Buffer.from('short'), Buffer.alloc(20_000, 'not a database '), readFileSync(foreign)]) {
    writeFileSync(path, bytes);
    await rejectsWith('WEIR_TRANSPORT_CORRUPT', openEmbeddedLog({ path }));
    assert.ok(readFileSync(path).equals(bytes), 'untouched');
  }
});

test('a damaged log is told as such, by open or by the call that meets the damage', async (t) => {
  const path = newPath(t);
  const topic = await makeLog(path);
  const whole = readFileSync(path);
  const damages: [string, (bytes: Buffer) => Buffer][] = [
    ['overwritten', (bytes) => bytes.fill(0xa5, 8192)],
    ['cut', (bytes) => bytes.subarray(0, 8192 * 3)],
  ];
  for (const [damage, apply] of damages) {
    writeFileSync(path, apply(Buffer.from(whole)));
    const meet = async (): Promise<void> => {
      const log = await openEmbeddedLog({ path });
      try {
        await readCount(log, topic, 0, 0, 50);
      } finally {
        await log.close();
      }
    };
    await rejectsWith('WEIR_TRANSPORT_CORRUPT', meet());
    assert.ok(damage);
  }
});

test('a path that cannot be a file is a matter of rights', async (t) => {
  const path = newPath(t);
  writeFileSync(path, '');
  await rejectsWith('WEIR_DATA_RIGHTS', openEmbeddedLog({ path: join(path, 'below', 'weir.sqlite') }));
  await rejectsWith('WEIR_DATA_RIGHTS', openEmbeddedLog({ path: join(path, '..') }));
});

test('while another process holds the file writes wait, then are unavailable; reads go on', async (t) => {
  const path = newPath(t);
  const topic = await makeLog(path);
  const log = await openEmbeddedLog({ path, busyMsMax: 600 });
  t.after(() => log.close());
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  const startMs = performance.now();
  const refused = rejectsWith('WEIR_TRANSPORT_UNAVAILABLE', log.produce(topic, 0, [message('refused')]));
  assert.equal((await readCount(log, topic, 0, 0, 50)).length, 50);
  assert.ok(performance.now() - startMs < 500, 'the read did not wait for the lock');
  await refused;
  const waiting = log.produce(topic, 0, [message('waited')]);
  setTimeout(() => other.exec('ROLLBACK'), 50);
  assert.deepEqual(await waiting, [50], 'what was refused was not written');
  assert.ok((await log.stats()).busyRetries > 0);
  other.close();
});

test('a topic deleted and made anew has another id, offsets from 0 and no positions', async (t) => {
  const path = newPath(t);
  const topic = await makeLog(path);
  const log = await openEmbeddedLog({ path });
  t.after(() => log.close());
  const { id } = await log.describe(topic);
  await log.commit('g', topic, 0, offset(50));
  await log.deleteTopic(topic);
  await rejectsWith('WEIR_TRANSPORT_UNKNOWN_TOPIC', log.describe(topic));
  await rejectsWith('WEIR_TRANSPORT_UNKNOWN_TOPIC', log.deleteTopic(topic));
  await log.ensureTopics([topicSpec({ name: topic })]);
  const anew = await log.describe(topic);
  assert.notEqual(anew.id, id);
  assert.deepEqual(anew.partitions[0], { start: 0, end: 0 });
  assert.equal(await log.position('g', topic, 0), null);
  await rejectsWith('WEIR_TRANSPORT_OUT_OF_RANGE', log.commit('g', topic, 0, offset(50)));
  assert.deepEqual(await log.produce(topic, 0, [message('first')]), [0]);
});
