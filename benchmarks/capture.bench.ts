/**
 * What capture costs those who are captured, and what the sidecar costs: empty request/response connections between two
 * processes in network namespaces of their own (no application work: the worst case), with capture off, on, and off again,
 * the order turned in every round. The CPU time is the cgroup's own (cpu.stat): the load alone, softirqs in its name.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet } from '../test/bpf/harness.ts';
import { type Benchmark, type Figure, median, type Outcome, type Size } from './harness.ts';
import { cpuUsOf, type Resident, residentOf } from './process-figures.ts';
import { makeDataFolder, publishedWeir, type SidecarProcess, startSidecarProcess } from './sidecar-process.ts';

const REQUEST_BYTES = 100;
const RESPONSE_BYTES = 1000;
const FIRST_PORT = 8000;
/** Both ends of a connection are captured. */
const ENDS = 2;
/** A load is made of so many, with a pause after each: flat out it makes 60,000 records a second, more than the ring is for. */
const BURSTS = 3;
const PAUSE_MS = 500;
/** For what starting costs to be over, and as long to see what idling costs. */
const idleMs = (size: Size): number => (size === 'full' ? 3000 : 300);

const GOAL_LOAD = { atMost: 1.04, from: 'at most +4 %' };
const GOAL_SIDECAR = { atMost: 3, from: 'facts/capture.md section 7: the budget of a record' };
const GOAL_RESIDENT = { atMost: 60, from: 'facts/capture.md section 6' };

export const benchmark: Benchmark = {
  name: 'capture',
  what: 'connections with and without capture, and the sidecar itself',
  refusal,
  run,
};

function refusal(): string | null {
  if (process.getuid?.() !== 0) return 'it needs root';
  const missing = ['ip', 'gcc'].filter((name) => spawnSync(name, ['-V']).error !== undefined);
  return missing.length === 0 ? null : `there is no ${missing.join(', no ')}`;
}

interface Round extends Resident {
  readonly off: number;
  readonly on: number;
  readonly again: number;
  readonly sidecarUs: number;
  readonly idleUsSecond: number;
}

async function run(size: Size): Promise<Outcome> {
  const { connections, rounds } =
    size === 'full' ? { connections: BURSTS * 5000, rounds: 7 } : { connections: BURSTS * 100, rounds: 1 };
  const fleet = new Fleet();
  const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
  try {
    const bed = { fleet, load: fleet.compile('load'), near: fleet.namespace('a'), far: fleet.namespace('b'), folder };
    fleet.connect(bed.near, bed.far);
    const all: Round[] = [];
    for (let round = 0; round < rounds; round++) all.push(await oneRound(bed, connections, round, idleMs(size)));
    const resident = await published(bed, connections, idleMs(size));
    return { figures: [...figuresOf(all, connections), ...residentFigures(resident, ENDS * connections)], hash: '' };
  } finally {
    await fleet.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Bed {
  readonly fleet: Fleet;
  readonly load: string;
  readonly near: string;
  readonly far: string;
  readonly folder: string;
}

async function oneRound(bed: Bed, connections: number, round: number, quietMs: number): Promise<Round> {
  const loadUs: Record<'off' | 'on' | 'again', number> = { off: 0, on: 0, again: 0 };
  let sidecar: Omit<Round, keyof typeof loadUs> | null = null;
  const order = (['off', 'on', 'again'] as const).map((_, i, kinds) => kinds[(i + round) % kinds.length]!);
  for (const kind of order) {
    if (kind !== 'on') loadUs[kind] = await loadOf(bed, connections);
    else [loadUs.on, sidecar] = await captured(bed, connections, round, quietMs);
  }
  return { ...loadUs, ...sidecar! };
}

let runs = 0;

/** CPU-us of the load's cgroup for so many connections. */
async function loadOf(bed: Bed, connections: number): Promise<number> {
  const before = cgroupUs(bed.fleet);
  for (let burst = 0; burst < BURSTS; burst++) {
    await burstOf(bed, connections / BURSTS);
    await sleep(PAUSE_MS);
  }
  return cgroupUs(bed.fleet) - before;
}

async function burstOf({ fleet, load, near, far }: Bed, connections: number): Promise<void> {
  // The server closes first and each run has a port of its own: no client waits for a port in TIME_WAIT.
  const port = String(FIRST_PORT + runs++);
  const words = ['10.250.0.1', port, String(connections), String(REQUEST_BYTES), String(RESPONSE_BYTES), 'server'];
  const server = fleet.spawn(near, load, 'serve', ...words);
  await server.saw(/ready/);
  const client = fleet.spawn(far, load, 'connect', ...words);
  await Promise.all([server.ended, client.ended]);
}

const cgroupUs = (fleet: Fleet): number =>
  Number(/^usage_usec (\d+)/m.exec(readFileSync(join(fleet.cgroupPath, 'cpu.stat'), 'latin1'))?.[1]);

async function captured(
  bed: Bed,
  connections: number,
  round: number,
  quietMs: number,
): Promise<[number, Omit<Round, 'off' | 'on' | 'again'>]> {
  const data = await makeDataFolder(join(bed.folder, `round-${round}`));
  const sidecar = await startSidecarProcess(join(data, 'log'), bed.fleet.cgroupPath);
  try {
    await sleep(quietMs);
    const idleFromUs = cpuUsOf(sidecar.pid);
    await sleep(quietMs);
    const busyFromUs = cpuUsOf(sidecar.pid);
    const on = await loadOf(bed, connections);
    await untilDelivered(sidecar, ENDS * connections);
    const sidecarUs = cpuUsOf(sidecar.pid) - busyFromUs;
    await sleep(quietMs);
    return [on, { sidecarUs, idleUsSecond: (1000 * (busyFromUs - idleFromUs)) / quietMs, ...residentOf(sidecar.pid) }];
  } finally {
    await sidecar.stop();
  }
}

/** A record at each end of every connection, and no more. */
async function untilDelivered(sidecar: SidecarProcess, records: number): Promise<void> {
  let seen = await sidecar.delivered();
  for (let tries = 0; tries < 200 && seen.rows + seen.lost < records; tries++) {
    await sleep(50);
    seen = await sidecar.delivered();
  }
  assert.deepEqual(seen, { rows: records, lost: 0 });
}

/** The sidecar of a package as npm publishes it, JavaScript alone, after so many connections. */
async function published(bed: Bed, connections: number, quietMs: number): Promise<Resident> {
  const weir = publishedWeir(join(bed.folder, 'package'));
  const data = await makeDataFolder(join(bed.folder, 'published'));
  const sidecar = await startSidecarProcess(join(data, 'log'), bed.fleet.cgroupPath, weir);
  try {
    await loadOf(bed, connections);
    await untilDelivered(sidecar, ENDS * connections);
    await sleep(quietMs);
    return residentOf(sidecar.pid);
  } finally {
    await sidecar.stop();
  }
}

function residentFigures({ rssMb, privateMb, anonymousMb }: Resident, records: number): Figure[] {
  return [
    { what: `published package after ${records} records: resident`, value: rssMb, unit: 'MB', goal: GOAL_RESIDENT },
    { what: 'published package: of it private', value: privateMb, unit: 'MB' },
    { what: 'published package: of it anonymous', value: anonymousMb, unit: 'MB' },
  ];
}

function figuresOf(rounds: readonly Round[], connections: number): Figure[] {
  const figure = (what: string, unit: string, of: (round: Round) => number): Figure => {
    const values = rounds.map(of);
    return { what, value: median(values), unit, spread: [Math.min(...values), Math.max(...values)] };
  };
  const off = ({ off: first, again }: Round): number => (first + again) / 2;
  return [
    figure('load without capture, both ends', 'CPU-us a connection', (round) => off(round) / connections),
    { ...figure('load with capture, to without', 'x', (round) => round.on / off(round)), goal: GOAL_LOAD },
    figure('load without capture, to itself', 'x', ({ off: first, again }) => again / first),
    figure('capture in the load, both ends', 'CPU-us a connection', (round) => (round.on - off(round)) / connections),
    {
      ...figure(
        'weir sidecar, ring to durable',
        'CPU-us a record',
        ({ sidecarUs }) => sidecarUs / (ENDS * connections),
      ),
      goal: GOAL_SIDECAR,
    },
    figure('weir sidecar, idle', 'CPU-ms a second', ({ idleUsSecond }) => idleUsSecond / 1000),
    figure('in a clone: resident', 'MB', ({ rssMb }) => rssMb),
    figure('in a clone: of it private', 'MB', ({ privateMb }) => privateMb),
    figure('in a clone: of it anonymous', 'MB', ({ anonymousMb }) => anonymousMb),
  ];
}
