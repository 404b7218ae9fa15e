/** kill -9 of `weir run` at any moment, then start again: what the log acknowledged is in the lake, once. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkRows } from '../../cli/demo/check.ts';
import { cgroupName, ownDemoId } from '../../cli/demo/demo-id.ts';
import { buildFleet, describeFleet } from '../../cli/demo/fleet.ts';
import { nodeName, WATCHED_NODES } from '../../cli/demo/fleet-plan.ts';
import { type LakeRow, readLakeRows } from '../../cli/demo/lake-rows.ts';
import { removeDemo } from '../../cli/demo/leftovers.ts';
import { planTraffic } from '../../cli/demo/traffic-plan.ts';
import { endKey, parseTruth, truthLine } from '../../cli/demo/truth.ts';
import { startWorkloads } from '../../cli/demo/workloads.ts';
import { openLake } from '../../explore/lake.ts';
import { resolveCgroup } from '../../sidecar/capture-host.ts';
import { openRecording } from '../../sidecar/recording/recording.ts';
import { readFolderStore } from '../../sink/store/folder.ts';
import { root, weir, WeirProcess } from './weir-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-killed-'));
after(() => rmSync(folder, { recursive: true }));

async function rowsOf(data: string, nodes: readonly string[]): Promise<readonly LakeRow[]> {
  const lake = await openLake({ store: readFolderStore(join(data, 'lake')) });
  try {
    return await readLakeRows(lake, nodes);
  } finally {
    lake.close();
  }
}

test('a playback that is killed again and again tells each flow once in the end', async () => {
  const file = join(root, 'cli', 'demo', 'fleet.weirrec');
  const data = join(folder, 'playback');
  const play = ['run', '--data', data, '--source', `recording:${file}`, '--metrics-listen', 'off'];
  let killed = 0;
  for (const afterMs of [350, 500, 650, 800, 950]) {
    const run = new WeirProcess(play);
    await sleep(afterMs);
    if (run.child.kill('SIGKILL')) killed++;
    await run.end();
  }
  assert.ok(killed >= 3, `${killed} were still running`);
  const { status, out } = await weir(play);
  assert.equal(status, 0, out);
  const verify = await weir(['verify', '--data', data]);
  assert.equal(verify.status, 0, verify.out);
  const recording = openRecording(file);
  recording.bytes.close();
  const truth = parseTruth(new TextDecoder().decode(recording.truth));
  const nodes = WATCHED_NODES.map((node) => nodeName(truth.head.demo, node));
  const report = checkRows(truth, await rowsOf(data, nodes));
  assert.deepEqual(report.findings, []);
  assert.deepEqual([report.rows.lost, report.rows.twice, report.bytes.off], [0, 0, 0]);
});

/** What a killed capture had read and not yet sent: sidecar.ringPoll, sidecar.batchAge, and what sending takes. */
const UNSENT_US = 3_000_000;
const FOR_MS = 12_000;
const KILL_AT_MS = [3000, 6500];

test('a capture that is killed twice has what it was there for, once', async () => {
  const mount = resolveCgroup();
  const fleet = describeFleet(ownDemoId(), mount);
  const data = join(folder, 'capture');
  const truthFile = join(folder, 'truth.jsonl');
  const flags = [
    '--sidecar-cgroup',
    join(mount, cgroupName(fleet.id)),
    '--sidecar-node',
    'whole',
    '--metrics-listen',
    'off',
  ];
  const nowUs = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);
  const blind: { fromUs: number; toUs: number }[] = [];
  const start = async (): Promise<WeirProcess> => {
    const run = new WeirProcess(['run', '--data', data, ...flags]);
    await run.says(/captured/);
    return run;
  };
  try {
    await buildFleet(fleet);
    const plan = planTraffic(31, FOR_MS);
    const workloads = await startWorkloads(fleet, plan.lines, truthFile);
    let run = await start();
    workloads.begin();
    const begun = performance.now();
    for (const atMs of KILL_AT_MS) {
      await sleep(begun + atMs - performance.now());
      const fromUs = nowUs() - UNSENT_US;
      run.child.kill('SIGKILL');
      await run.end();
      run = await start();
      blind.push({ fromUs, toUs: nowUs() });
    }
    await workloads.called(30_000);
    await sleep(500);
    run.child.kill('SIGTERM');
    assert.equal(await run.end(), 0, run.out);
    await workloads.stop();
  } finally {
    await removeDemo(mount, fleet.id);
  }
  const verify = await weir(['verify', '--data', data]);
  assert.equal(verify.status, 0, verify.out);
  const head = truthLine({ demo: fleet.id, seed: 31, forMs: FOR_MS, startedUs: 0 });
  const { ends } = parseTruth(head + readFileSync(truthFile, 'utf8'));
  const finals = new Map<string, number>();
  for (const row of await rowsOf(data, ['whole'])) {
    if (row.report === 'interim') continue;
    const fromSrc = row.reporter === 'src';
    const key = fromSrc
      ? endKey(row.srcAddr, row.srcPort, row.dstAddr, row.dstPort)
      : endKey(row.dstAddr, row.dstPort, row.srcAddr, row.srcPort);
    finals.set(key, (finals.get(key) ?? 0) + 1);
  }
  let judged = 0;
  for (const end of ends) {
    const found = finals.get(endKey(end.local, end.localPort, end.remote, end.remotePort)) ?? 0;
    assert.ok(found <= 1, `${JSON.stringify(end)} is there ${found} times`);
    if (blind.some(({ fromUs, toUs }) => end.openedUs <= toUs && end.closedUs >= fromUs)) continue;
    judged++;
    assert.equal(found, 1, JSON.stringify(end));
  }
  assert.ok(judged > 500, `${judged} ends judged`);
});
