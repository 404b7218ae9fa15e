/** `weir verify` over a month of a folder: by footers alone, every object and every loss. The lake is found complete first. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyLake } from '../explore/verify.ts';
import { readFolderStore } from '../sink/store/folder.ts';
import { type Benchmark, cpuOf, Hash, median, type Outcome, type Size } from './harness.ts';
import { makeMonthLake } from './month-lake.ts';

/** One object a minute and partition: 43,200 a month. Issue 4: a month in minutes. */
const GOAL_CPU_US = (5 * 60 * 1_000_000) / (4 * 43_200);

export const benchmark: Benchmark = {
  name: 'verify',
  what: 'a month of four partitions, 2,880 objects each with 40 streams, verified in a folder by its footers',
  run,
};

async function run(size: Size): Promise<Outcome> {
  const shape = { streams: 40, rows: 200, objectsPerHour: 4, lossEvery: 50 };
  const { partitions, hours, rounds } =
    size === 'full' ? { partitions: 4, hours: 720, rounds: 3 } : { partitions: 2, hours: 3, rounds: 1 };
  const folder = await mkdtemp(join(tmpdir(), 'weir-month-'));
  try {
    const made = await makeMonthLake(folder, { ...shape, partitions, hours });
    const costs: number[] = [];
    let share = 0;
    const hash = new Hash();
    for (let round = 0; round <= rounds; round++) {
      let report = null as Awaited<ReturnType<typeof verifyLake>> | null;
      const us = await cpuOf(async () => (report = await verifyLake({ store: readFolderStore(folder) })));
      const { findings, summary } = report!;
      assert.deepEqual(findings, []);
      assert.deepEqual([summary.flows, summary.losses], [made.flows, made.losses]);
      if (round > 0) costs.push(us / summary.objects);
      else hash.add(summary.objects).add(summary.flows).add(summary.losses);
      share = summary.bytesRead / summary.bytesStored;
    }
    const spread = [Math.min(...costs), Math.max(...costs)] as const;
    const from = 'issue 4: a month in minutes; here 4 partitions, an object a minute, in 5';
    return {
      figures: [
        {
          what: 'an object verified',
          value: median(costs),
          unit: 'CPU-us an object',
          spread,
          goal: { atMost: GOAL_CPU_US, from },
        },
        { what: 'bytes read of those stored (objects of 31 KB)', value: 100 * share, unit: '%' },
      ],
      hash: hash.toString(),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
