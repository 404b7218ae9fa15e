/** `weir run` as users start it: real connections in, SQL answers out, whatever happens on the way. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer, emptied, makeCgroup, makeTraffic, startWeir, until, weir, type Running } from './weir-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-run-'));
const cgroup = makeCgroup('run');
after(async () => {
  await emptied(cgroup.path);
  cgroup.remove();
  rmSync(folder, { recursive: true });
});

const COUNTS = `SELECT count(*) AS rows, count(DISTINCT ring_id || ':' || flow_number) AS numbers,
  sum(bytes_to_dst) AS out, sum(bytes_to_src) AS back, count(*) FILTER (src_workload IS NULL OR dst_workload IS NULL) AS unnamed
  FROM flows`;

const capture = (data: string, ...more: string[]): Running =>
  startWeir(['run', '--data', data, '--sidecar-cgroup', cgroup.path, '--metrics-listen', 'off', ...more]);

async function started(running: Running): Promise<Running> {
  await until('weir run has started', () => running.stdout().includes('captured 0'));
  return running;
}

test('every connection is in the lake from both ends, with exact bytes and both names, when Ctrl-C ends it', async () => {
  const data = join(folder, 'whole');
  const running = await started(capture(data));
  await Promise.all([makeTraffic(cgroup.path, '127.0.0.1', 120), makeTraffic(cgroup.path, '::1', 80)]);
  running.child.kill('SIGINT');
  const { status, stdout, stderr } = await running.ended;
  assert.equal(status, 0, stderr);
  assert.match(stdout, /400 flows captured, 400 stored in .*, 0 told as lost/);
  assert.deepEqual(await answer(data, COUNTS), [{ rows: 400, numbers: 400, out: 2000, back: 800, unnamed: 0 }]);
  const verified = await weir('verify', '--data', data);
  assert.equal(verified.status, 0, verified.stdout);
});

test('a run that is killed and started again has nothing twice and nothing missing', async () => {
  const data = join(folder, 'killed');
  for (let round = 0; round < 2; round++) {
    const running = await started(capture(data, '--sidecar-batch-age', '100ms'));
    await makeTraffic(cgroup.path, '127.0.0.1', 100);
    await sleep(round * 900);
    running.child.kill('SIGKILL');
    await running.ended;
  }
  const last = await capture(data, '--for', '1s').ended;
  assert.equal(last.status, 0, last.stderr);
  const verified = await weir('verify', '--data', data);
  assert.equal(verified.status, 0, verified.stdout);
  const [counts] = await answer(data, COUNTS);
  assert.equal(counts?.['rows'], counts?.['numbers']);
});

test('a data folder that a run holds is refused to a second one', async () => {
  const data = join(folder, 'held');
  const first = await started(capture(data));
  const second = await capture(data).ended;
  assert.equal(second.status, 2);
  assert.match(second.stderr, new RegExp(`^WEIR_DATA_IN_USE: process ${first.child.pid} holds`, 'm'));
  first.child.kill('SIGTERM');
  assert.equal((await first.ended).status, 0);
});

test('what weir record wrote down plays into the same rows, and a file that was cut is refused before anything is', async () => {
  const file = join(folder, 'traffic.weirrec');
  const recording = startWeir(['record', file, '--sidecar-cgroup', cgroup.path, '--sidecar-scan', '200ms']);
  await until('the recording has begun', () => existsSync(file) && readFileSync(file).length > 0);
  await makeTraffic(cgroup.path, '127.0.0.1', 60);
  recording.child.kill('SIGINT');
  const recorded = await recording.ended;
  assert.equal(recorded.status, 0, recorded.stderr);
  const play = (path: string, data: string) =>
    weir('run', '--source', `recording:${path}`, '--data', data, '--metrics-listen', 'off');
  const played = join(folder, 'played');
  const { status, stderr } = await play(file, played);
  assert.equal(status, 0, stderr);
  assert.deepEqual(await answer(played, COUNTS), [{ rows: 120, numbers: 120, out: 600, back: 240, unnamed: 0 }]);
  const again = join(folder, 'again');
  assert.equal((await play(file, again)).status, 0);
  const rows = 'SELECT * EXCLUDE (arrival_time, dt, hour) FROM flows ORDER BY flow_number';
  assert.deepEqual(await answer(again, rows), await answer(played, rows));
  const cut = join(folder, 'cut.weirrec');
  writeFileSync(cut, readFileSync(file).subarray(0, -20));
  const refused = await play(cut, join(folder, 'cut'));
  assert.equal(refused.status, 3);
  assert.match(refused.stderr, /^WEIR_SIDECAR_RECORDING_INVALID: .* at byte \d+/m);
  assert.equal((await weir('verify', '--data', join(folder, 'cut'))).status, 2);
});

test('without rights it ends with one line that names what is missing', async () => {
  const data = mkdtempSync(join(tmpdir(), 'weir-nobody-'));
  chmodSync(data, 0o777);
  try {
    const args = ['run', '--data', data, '--metrics-listen', 'off'];
    const { status, stderr } = await startWeir(args, { uid: 65534, gid: 65534 }).ended;
    assert.equal(status, 3, stderr);
    assert.match(stderr, /^WEIR_SIDECAR_NO_RIGHTS: .*CAP_BPF/m);
  } finally {
    rmSync(data, { recursive: true });
  }
});
