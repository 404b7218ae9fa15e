/** Invariant: kill -9 at any moment leaves only whole files visible, and a later start goes on from them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseFileMetadata, sumLosses } from '../../schemas/objects.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';

const CHILD = fileURLToPath(new URL('../fixtures/sink-child.ts', import.meta.url));
const LIVES = 6;

async function start(lake: string, ring: string, batches: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [CHILD, lake, ring, String(batches)], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  child.stdin!.write('go\n');
  return child;
}

test('a sink that is killed while it writes leaves only whole files, each flow once, and no rubbish', async () => {
  const lake = await mkdtemp(join(tmpdir(), 'weir-killed-'));
  try {
    for (let life = 0; life < LIVES; life++) {
      const child = await start(lake, `ring${life}`, 1000);
      const ended = once(child, 'exit');
      await new Promise((resolve) => setTimeout(resolve, 60 + 37 * life));
      child.kill('SIGKILL');
      await ended;
    }
    const last = await start(lake, 'last', 3);
    const [status] = (await once(last, 'exit')) as [number | null];
    assert.equal(status, 0);

    const seen = new Set<string>();
    let told = 0;
    for (const { pairs, rows, metadata } of await readLakeTable(lake, 'flows')) {
      const facts = parseFileMetadata(pairs);
      assert.ok(facts !== null);
      assert.equal(facts.rows, rows.length);
      assert.equal(facts.rows, Number(metadata.num_rows));
      told += facts.flows + sumLosses(facts.losses);
      for (const row of rows) {
        const flow = `${row['ring_id'] as string} ${row['flow_number'] as bigint}`;
        assert.ok(!seen.has(flow), flow);
        seen.add(flow);
      }
    }
    const lost = (await readLakeTable(lake, 'losses')).flatMap(({ rows }) => rows);
    const sum = lost.reduce((total, row) => total + Number(row['flows']), 0);
    assert.equal(seen.size + sum, told);
    assert.ok(seen.size >= 3 * 1995, `${seen.size} rows`);
    assert.deepEqual(await readdir(join(lake, '_tmp')), []);
  } finally {
    await rm(lake, { recursive: true, force: true });
  }
});
