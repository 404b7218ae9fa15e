/**
 * `weir run` on a disk of its own that becomes full: nothing is damaged, it goes on once there is room, and what the log
 * acknowledged is in the lake. The disk is a tmpfs of a mount namespace that a sleeping process holds.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Fleet, type Running as Program, follow } from '../bpf/harness.ts';
import { readFlows, readLosses, sum } from '../e2e/lake-rows.ts';
import { type Ended, type Running, startWeir, until } from '../e2e/weir-command.ts';
import { readRawTopic } from './raw-topic.ts';

const DISK = 'size=8m';

let fleet: Fleet;
let load: string;
let here: string;
let holder: Program;
/** As the holder sees it, and as everybody else does. */
let inside: string;
let outside: string;

before(async () => {
  fleet = new Fleet();
  load = fleet.compile('load');
  here = fleet.namespace('here');
  inside = join(fleet.folder, 'disk');
  mkdirSync(inside);
  const script = 'mount -t tmpfs -o "$0" weir "$1" && echo ready && exec sleep 600';
  holder = follow(spawn('unshare', ['-m', 'sh', '-c', script, DISK, inside]));
  await holder.saw(/ready/);
  outside = join(`/proc/${holder.pid}/root`, inside);
});
after(async () => {
  holder.child.kill('SIGKILL');
  await fleet.remove();
});

let data: string;
let serial = 0;
beforeEach(() => {
  data = `data${serial++}`;
});

function start(...args: string[]): Running {
  const through = ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`];
  return startWeir([...args, '--data', join(inside, data)], {}, through);
}

const capture = async (...more: string[]): Promise<Running> => {
  const quick = ['--sidecar-batch-age', '60ms', '--lake-flush-age', '250ms', '--metrics-listen', 'off'];
  const run = start('run', '--sidecar-cgroup', fleet.cgroupPath, ...quick, ...more);
  await until('weir run captures', () => /captured \d/.test(run.stdout()) || run.child.exitCode !== null);
  return run;
};

async function connections(port: number, count: number): Promise<void> {
  const words = ['127.0.0.1', String(port), String(count), '10', '20', 'server'];
  const server = fleet.spawn(here, load, 'serve', ...words);
  await server.saw(/ready/);
  await fleet.spawn(here, load, 'connect', ...words).ended;
  await server.ended;
}

const ballast = (): string => join(outside, 'ballast');
/** Take all room, while others write too. */
function fill(): void {
  const piece = new Uint8Array(4096);
  for (;;) {
    try {
      appendFileSync(ballast(), piece);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      return;
    }
  }
}

/** The lake is whole, and holds what the log acknowledged and the flows of `made` that it did not lose. */
async function expectWhole(made: number | null): Promise<void> {
  const verified = await start('verify').ended;
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  const copy = join(fleet.folder, data); // SQLite does not open a path through /proc
  cpSync(join(outside, data), copy, { recursive: true });
  const raw = await readRawTopic(copy);
  const rows = await readFlows(copy);
  const keys = new Set(rows.map((row) => `${String(row['ring_id'])} ${String(row['flow_number'])}`));
  assert.equal(keys.size, rows.length, 'no flow is there twice');
  assert.deepEqual(keys, new Set(raw?.flows.keys()));
  if (made !== null) assert.equal(rows.length + sum(await readLosses(copy), 'flows'), made);
}

const ended = async (run: Running, signal: 'SIGINT' | null): Promise<Ended> => {
  if (signal !== null) run.child.kill(signal);
  return run.ended;
};

test('a disk that is full for a while costs nothing: it is said, and what waited comes in when there is room', async () => {
  const run = await capture();
  await connections(7500, 200);
  fill();
  await connections(7501, 300);
  await delay(3000);
  assert.equal(run.child.exitCode, null, 'it goes on without room');
  await connections(7502, 100);
  rmSync(ballast());
  await delay(1000);
  await connections(7503, 100);
  const { status, stdout, stderr } = await ended(run, 'SIGINT');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /WEIR_(TRANSPORT|SINK_STORE)_FULL/);
  assert.match(stdout, /1400 flows captured, 1400 stored in .*, 0 told as lost/);
  await expectWhole(1400);
});

test('one that is still full when it ends is told so by its status, and the next run brings in what the log holds', async () => {
  const run = await capture();
  await connections(7510, 200);
  await delay(600);
  fill();
  await connections(7511, 200);
  const first = await ended(run, 'SIGINT');
  assert.equal(first.status, 3, first.stdout + first.stderr);
  assert.match(first.stderr, /WEIR_TRANSPORT_FULL/);
  assert.match(first.stderr, /^400 flows could not be delivered to the log and went with the ring$/m);
  const started = await start('run', '--metrics-listen', 'off', '--for', '1s').ended;
  assert.equal(started.status, 3, started.stderr);
  assert.match(started.stderr, /^WEIR_(TRANSPORT_FULL|SINK_STORE_FULL): .*free space/m);
  rmSync(ballast());
  const last = await ended(await capture('--for', '1s'), null);
  assert.equal(last.status, 0, last.stderr);
  await expectWhole(null);
});
