/**
 * kill -9 of `weir run` at any moment, started again on the same data while a load goes on. WEIR_KILL_ROUNDS: lives (8);
 * WEIR_KILL_SEED: when each is killed; both are printed by a failure.
 */
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { formatObjectName, parseFileMetadata, parseObjectName } from '../../schemas/objects.ts';
import { Fleet, type Running as Program } from '../bpf/harness.ts';
import { readFlows, readLosses, sum } from '../e2e/lake-rows.ts';
import { type Running, startWeir, until, weir } from '../e2e/weir-command.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';
import { type RawTopic, readRawTopic } from './raw-topic.ts';

const ROUNDS = Number(process.env['WEIR_KILL_ROUNDS'] ?? 8);
const SEED = Number(process.env['WEIR_KILL_SEED'] ?? Date.now() % 1_000_000);
const LIMIT_MS = 60_000 + 12_000 * ROUNDS;

/** Connections without end: up to 30 every 20 ms, 5 bytes out, 2 back. */
const LOAD = `
  const { connect, createServer } = require('node:net');
  const server = createServer((socket) => socket.on('error', () => 0).once('data', () => socket.end('hi')));
  server.listen(7400, '127.0.0.1', () => {
    process.stdout.write('ready');
    setInterval(() => {
      for (let i = Math.random() * 30; i > 0; i--) {
        connect(7400, '127.0.0.1').on('error', () => 0).resume().write('hello');
      }
    }, 20);
  });
`;

/** Mulberry32: the same moments for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

let fleet: Fleet;
let data: string;
before(() => {
  fleet = new Fleet();
  data = join(fleet.folder, 'data');
});
after(() => fleet.remove());

function start(...more: string[]): Running {
  const quick = ['--sidecar-batch-age', '60ms', '--lake-flush-age', '250ms', '--sidecar-batch-flows', '50'];
  return startWeir([
    'run',
    '--data',
    data,
    '--sidecar-cgroup',
    fleet.cgroupPath,
    '--metrics-listen',
    'off',
    ...quick,
    ...more,
  ]);
}

const captures = (run: Running): Promise<void> =>
  until('weir run captures', () => /captured \d/.test(run.stdout()) || run.child.exitCode !== null);

/** The first lives are one of each kind. */
const FIRST = [0.5, 0, 0.9];

/** One life: killed while it starts, while it works, or while it ends. Resolves to what it was doing. */
async function liveAndDie(round: number, random: () => number): Promise<'starting' | 'working' | 'ending'> {
  const run = start();
  const kind = round < FIRST.length ? (FIRST[round] ?? 0) : random();
  if (kind < 0.25) {
    await delay(80 + 700 * random());
  } else {
    await captures(run);
    await delay(2200 * random());
    if (kind > 0.7) {
      run.child.kill('SIGINT');
      await delay(600 * random());
    }
  }
  run.child.kill('SIGKILL');
  const { status, signal, stderr } = await run.ended;
  assert.ok(signal === 'SIGKILL' || status === 0, `ended with ${status}: ${stderr}`);
  return kind < 0.25 ? 'starting' : kind > 0.7 ? 'ending' : 'working';
}

test(`what the log acknowledged in ${ROUNDS} killed lives is in the lake, each flow once`, {
  timeout: LIMIT_MS,
}, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = randomOf(SEED);
  const load: Program = fleet.spawn(fleet.namespace('here'), process.execPath, '-e', LOAD);
  await load.saw(/ready/);
  const acknowledged: RawTopic[] = [];
  const deaths: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    deaths.push(await liveAndDie(round, random));
    const held = await readRawTopic(data);
    if (held !== null) acknowledged.push(held);
  }
  load.child.kill('SIGKILL');
  const last = await start('--for', '1s').ended;
  assert.equal(last.status, 0, last.stderr);

  const raw = await readRawTopic(data);
  assert.ok(raw !== null);
  for (const held of acknowledged)
    for (const [at, digest] of held.messages) assert.equal(raw.messages.get(at), digest, `message ${at}`);
  const rows = await readFlows(data);
  const found = new Map(rows.map((row) => [`${String(row['ring_id'])} ${String(row['flow_number'])}`, row]));
  assert.equal(found.size, rows.length, 'no flow is there twice');
  assert.equal(found.size, raw.flows.size, `rows in the lake; deaths ${deaths.join(', ')}`);
  for (const [key, { ports, bytes }] of raw.flows) {
    const row = found.get(key);
    assert.ok(row !== undefined, `flow ${key} is in the log and not in the lake`);
    const got = [
      Number(row['src_port']) + Number(row['dst_port']),
      Number(row['bytes_to_src']) + Number(row['bytes_to_dst']),
    ];
    assert.deepEqual(got, [ports, bytes], key);
  }
  assert.equal(sum(await readLosses(data), 'flows'), raw.lost);
  assert.ok(raw.flows.size > 100 && raw.rings.size > 1, `${raw.flows.size} flows in ${raw.rings.size} lives`);
  const verified = await weir('verify', '--data', data);
  assert.equal(verified.status, 0, verified.stdout);
  t.diagnostic(`${raw.flows.size} flows of ${raw.rings.size} rings; killed ${deaths.join(', ')}`);
});

type Harm = (path: string, at: number) => string;
/** What is done to a file; answers the path of what must be found. */
const HARMS: Readonly<Record<string, Harm>> = {
  removed: (path) => {
    rmSync(path);
    return path;
  },
  doubled: (path, at) => {
    // Under the name of a later offset, under no name of ours, and under the very name that the chain goes on with.
    const copy = [later(path, 1), join(dirname(path), 'copy.parquet'), later(path, null)][at] ?? '';
    copyFileSync(path, copy);
    return copy;
  },
  cut: (path, at) => {
    const bytes = readFileSync(path);
    const middle = bytes.length >> 1;
    if (at === 0) truncateSync(path, middle);
    else if (at === 1) truncateSync(path, bytes.length - 5);
    else writeFileSync(path, Buffer.concat([bytes.subarray(0, middle - 50), bytes.subarray(middle + 50)]));
    return path;
  },
};

let ends: Readonly<Record<string, number>> = {};

/** The name of the same place `by` offsets later; null: where the object's own end is. */
function later(path: string, by: number | null): string {
  const name = path.slice(path.indexOf('/lake/') + 6);
  const parsed = parseObjectName(name);
  assert.ok(parsed !== null);
  const next = by === null ? (ends[name] ?? 0) : parsed.firstOffset + by;
  return path.replace(name, formatObjectName({ ...parsed, firstOffset: next }));
}

test('verify says no, and names the object, when a file was removed, doubled or cut by hand', async () => {
  const files = await readLakeTable(join(data, 'lake'), 'flows', ['flow_number']);
  ends = Object.fromEntries(files.map(({ name, pairs }) => [name, parseFileMetadata(pairs)?.state.nextOffset ?? 0]));
  const withRows = files.filter(({ rows }) => rows.length > 0);
  assert.ok(withRows.length >= 3);
  const chosen = [withRows[0], withRows[withRows.length >> 1], files.at(-1)].map((file) => file?.name ?? '');
  const cases = Object.entries(HARMS).flatMap(([what, harm]) => chosen.map((name, at) => ({ what, harm, name, at })));
  await Promise.all(
    [0, 1].map(async (half) => {
      for (const { what, harm, name, at } of cases.filter((_, i) => i % 2 === half)) {
        const copy = join(fleet.folder, `${what}-${at}`);
        cpSync(data, copy, { recursive: true });
        const object = harm(join(copy, 'lake', name), at).slice(join(copy, 'lake').length + 1);
        const { status, stdout } = await weir('verify', '--data', copy, '--format', 'json');
        assert.equal(status, 1, `${what} ${['first', 'middle', 'last'][at]}: ${stdout}`);
        const findings = stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Record<string, unknown>);
        const names = findings.map((finding) => finding['object']);
        assert.ok(names.includes(object), `${what} ${at}: ${object} is not named in ${stdout}`);
        rmSync(copy, { recursive: true });
      }
    }),
  );
  assert.deepEqual(readdirSync(fleet.folder), ['data'], 'every case was tried on a copy of its own');
});

test('a copy under the name that the chain goes on with stops the sink with one clear error, and only until it is gone', async () => {
  const objects = await readLakeTable(join(data, 'lake'), 'flows', ['flow_number']);
  const last = join(data, 'lake', objects.at(-1)?.name ?? '');
  const copy = HARMS['doubled']?.(last, 2) ?? '';
  const load = fleet.spawn(fleet.namespace('there'), process.execPath, '-e', LOAD);
  await load.saw(/ready/);
  const stopped = await start().ended;
  load.child.kill('SIGKILL');
  assert.equal(stopped.status, 3, stopped.stderr);
  assert.match(stopped.stderr, /^WEIR_SINK_OBJECT_INVALID: flows\/.* leads to its own name: .*remove it/m);
  rmSync(copy);
  const { status, stderr } = await start('--for', '500ms').ended;
  assert.equal(status, 0, stderr);
  assert.equal((await weir('verify', '--data', data)).status, 0);
  const raw = await readRawTopic(data);
  assert.equal((await readFlows(data, ['flow_number'])).length, raw?.flows.size, 'what waited in the log came in');
});
