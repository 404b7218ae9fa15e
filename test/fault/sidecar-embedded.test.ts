/** weir sidecar, a real process on a real kernel, over an embedded log that takes nothing for a while; partitions are added. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ended, killed, Scene, Stage } from '../bpf/sidecar-scene.ts';
import { foldRaw } from '../fixtures/raw-stream.ts';
import { checkGrowth } from './sidecar-growth.ts';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';

let stage: Stage;
before(() => {
  stage = new Stage();
});
after(() => stage.remove());

/** Another program that holds the write lock of the log's file. */
function lockLog(data: string): () => void {
  const database = new DatabaseSync(join(data, 'log', 'weir.sqlite'));
  database.exec('BEGIN IMMEDIATE');
  return () => {
    database.exec('ROLLBACK');
    database.close();
  };
}

test('a spool and the pinned plan together: killed while the log is away and again while the spool is sent, all is there once', async () => {
  const scene = new Scene(stage, 'spooled');
  const ring = ['--sidecar-ring-bytes', '256KiB', '--sidecar-ring-poll', '20ms'];
  const spool = ['--sidecar-spool', join(scene.data, 'spool'), ...ring];
  await scene.begin();
  let weir = await scene.start(...spool);
  await stage.connect(7601, 20);
  await sleep(400);
  const unlock = lockLog(scene.data);
  // 1,600 ends where the ring holds 992: without a spool some would be in memory alone.
  for (let i = 0; i < 16; i++) {
    await stage.connect(7610 + i, 50);
    await sleep(100); // a busy machine, too, spools meanwhile
  }
  assert.match(weir.log(), /batches wait in the spool/);
  await killed(weir);
  await stage.connect(7602, 30); // in the ring, behind what is in the spool and in the plan
  unlock();
  weir = await scene.start(...spool);
  await killed(weir);
  weir = await scene.start(...spool);
  await stage.connect(7603, 10);
  await sleep(500);
  await ended(weir);

  const folded = foldRaw(await scene.messages());
  assert.deepEqual([folded.missing, folded.lost, folded.next.size], [0, {}, 1]);
  assert.equal(folded.flows, 2 * (20 + 16 * 50 + 30 + 10));
  const connections = folded.batches.flatMap(({ flows }) => [...flows.connectionId.subarray(0, flows.length)]);
  assert.equal(new Set(connections).size, folded.flows, 'every end in a row of its own, once');
  assert.ok(!existsSync(join(scene.pin, 'live')));
});

test('partitions are added to the embedded log while the sidecar runs', async () => {
  const path = join(stage.fleet.folder, 'growing.sqlite');
  await checkGrowth(
    () => openEmbeddedLog({ path }),
    (topic, partitions) => {
      const database = new DatabaseSync(path);
      const { id } = database.prepare('SELECT id FROM topic WHERE name = ?').get(topic) as { id: number };
      const count = database.prepare('SELECT count(*) AS there FROM partition WHERE topic = ?').get(id);
      const insert = database.prepare(
        'INSERT INTO partition (topic, number, start_offset, end_offset, bytes, last_append_ms) VALUES (?, ?, 0, 0, 0, 0)',
      );
      for (let number = Number(count?.['there']); number < partitions; number++) insert.run(id, number);
      database.close();
      return Promise.resolve();
    },
  );
});
