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
import { startKafka } from '../test/servers/kafka.ts';
import { type Benchmark, type Figure, median, type Outcome, type Size } from './harness.ts';
import { cpuUsOf, type Resident, residentOf } from './process-figures.ts';
import {
  embeddedTransport,
  kafkaTransport,
  publishedWeir,
  type SidecarProcess,
  startSidecarProcess,
} from './sidecar-process.ts';

const REQUEST_BYTES = 100;
const RESPONSE_BYTES = 1000;
const FIRST_PORT = 8000;
/** Both ends of a connection are captured. */
const ENDS = 2;
/** A socket may wait for its peer's last word for a minute. */
const DELIVERY_MS = 70_000;
/** Seldom: the sidecar's answer is CPU time of its own. */
const DELIVERY_LOOK_MS = 200;

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

interface SidecarCost extends Resident {
  /** CPU-us a record, with everything that it does meanwhile. */
  readonly recordUs: number;
  /** CPU-us a second without records, the load's sockets still in TIME_WAIT. */
  readonly idleUsSecond: number;
  /** CPU-us a record without that. */
  readonly netUs: number;
}

interface Round extends SidecarCost {
  /** CPU-us a connection, both ends. */
  readonly off: number;
  readonly on: number;
  readonly again: number;
}

interface Bed {
  readonly fleet: Fleet;
  readonly load: string;
  readonly near: string;
  readonly far: string;
  readonly folder: string;
  /** Connections of a burst. */
  readonly burst: number;
  readonly bursts: number;
  readonly quietMs: number;
  /** Longer than the ten seconds after which memory that is not in use is given back. */
  readonly settleMs: number;
  /** Between bursts: flat out the load makes 60,000 records a second, more than the ring is for. */
  readonly pauseMs: number;
}

async function run(size: Size): Promise<Outcome> {
  const plan =
    size === 'full'
      ? { burst: 2500, bursts: 8, quietMs: 3000, settleMs: 12_000, pauseMs: 400, rounds: 7 }
      : { burst: 50, bursts: 1, quietMs: 300, settleMs: 300, pauseMs: 20, rounds: 1 };
  const fleet = new Fleet();
  const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
  try {
    const load = fleet.compile('load');
    const bed: Bed = { fleet, load, near: fleet.namespace('a'), far: fleet.namespace('b'), folder, ...plan };
    fleet.connect(bed.near, bed.far);
    const all: Round[] = [];
    for (let round = 0; round < plan.rounds; round++) all.push(await oneRound(bed, round));
    return { figures: [...figuresOf(all), ...(await residentFigures(bed))], hash: '' };
  } finally {
    await fleet.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

const recordsOf = ({ burst, bursts }: Bed): number => ENDS * burst * bursts;

async function oneRound(bed: Bed, round: number): Promise<Round> {
  const loadUs: Record<'off' | 'on' | 'again', number> = { off: 0, on: 0, again: 0 };
  let sidecar: SidecarCost | null = null;
  // What starting the programs costs is taken off.
  const programsUs = await loadOf({ ...bed, burst: 1 });
  const order = (['off', 'on', 'again'] as const).map((_, i, kinds) => kinds[(i + round) % kinds.length]!);
  for (const kind of order) {
    if (kind !== 'on') loadUs[kind] = (await loadOf(bed)) - programsUs;
    else {
      const [on, cost] = await captured(bed, round);
      loadUs.on = on - programsUs;
      sidecar = cost;
    }
  }
  const { off, on, again } = loadUs;
  return { off: off / bed.burst, on: on / bed.burst, again: again / bed.burst, ...sidecar! };
}

/** CPU-us of the load's cgroup for a burst: the median of them, so that what disturbs one does not count. */
async function loadOf(bed: Bed): Promise<number> {
  const us: number[] = [];
  for (let i = 0; i < bed.bursts; i++) us.push(await burstOf(bed, bed.burst));
  return median(us);
}

let runs = 0;

/** CPU-us of the load's cgroup for so many connections, and a pause. */
async function burstOf({ fleet, load, near, far, pauseMs }: Bed, connections: number): Promise<number> {
  const before = cgroupUs(fleet);
  // The server closes first and each run has a port of its own: no client waits for a port in TIME_WAIT.
  const port = String(FIRST_PORT + runs++);
  const words = ['10.250.0.1', port, String(connections), String(REQUEST_BYTES), String(RESPONSE_BYTES), 'server'];
  const server = fleet.spawn(near, load, 'serve', ...words);
  await server.saw(/ready/);
  const client = fleet.spawn(far, load, 'connect', ...words);
  await Promise.all([server.ended, client.ended]);
  const us = cgroupUs(fleet) - before;
  await sleep(pauseMs);
  return us;
}

const cgroupUs = (fleet: Fleet): number =>
  Number(/^usage_usec (\d+)/m.exec(readFileSync(join(fleet.cgroupPath, 'cpu.stat'), 'latin1'))?.[1]);

async function captured(bed: Bed, round: number): Promise<[number, SidecarCost]> {
  const transport = await embeddedTransport(join(bed.folder, `round-${round}`));
  const sidecar = await startSidecarProcess(transport, bed.fleet.cgroupPath);
  const records = recordsOf(bed);
  try {
    await sleep(bed.quietMs);
    await loadOf(bed); // the sidecar's code is compiled before it counts
    await untilDelivered(sidecar, records);
    const [fromUs, fromMs] = [cpuUsOf(sidecar.pid), performance.now()];
    const on = await loadOf(bed);
    await untilDelivered(sidecar, 2 * records);
    const [toUs, toMs] = [cpuUsOf(sidecar.pid), performance.now()];
    await sleep(bed.quietMs);
    const idleUsSecond = (1000 * (cpuUsOf(sidecar.pid) - toUs)) / (performance.now() - toMs);
    const netUs = (toUs - fromUs - (idleUsSecond * (toMs - fromMs)) / 1000) / records;
    return [on, { recordUs: (toUs - fromUs) / records, idleUsSecond, netUs, ...residentOf(sidecar.pid) }];
  } finally {
    await sidecar.stop();
  }
}

/** A record at each end of every connection, and no more. */
async function untilDelivered(sidecar: SidecarProcess, records: number): Promise<void> {
  let seen = await sidecar.delivered();
  for (
    const untilMs = performance.now() + DELIVERY_MS;
    performance.now() < untilMs && seen.rows + seen.lost < records;
  ) {
    await sleep(DELIVERY_LOOK_MS);
    seen = await sidecar.delivered();
  }
  assert.deepEqual(seen, { rows: records, lost: 0 });
}

/** The sidecar of a package as npm publishes it, JavaScript alone, after so many records. */
async function published(bed: Bed, weir: string, transport: readonly string[]): Promise<Resident> {
  const sidecar = await startSidecarProcess(transport, bed.fleet.cgroupPath, weir);
  try {
    await loadOf(bed);
    await untilDelivered(sidecar, recordsOf(bed));
    await sleep(bed.settleMs);
    return residentOf(sidecar.pid);
  } finally {
    await sidecar.stop();
  }
}

/** As it runs on a node of a fleet, and as it runs on a machine that has the log on its own disk. */
async function residentFigures(bed: Bed): Promise<Figure[]> {
  const weir = publishedWeir(join(bed.folder, 'package'));
  const kafka = await startKafka();
  try {
    const overKafka = await published(bed, weir, await kafkaTransport(kafka.addresses()));
    const embedded = await published(bed, weir, await embeddedTransport(join(bed.folder, 'published')));
    return [...residentOver('Kafka', overKafka, bed), ...residentOver('an embedded log', embedded, bed)];
  } finally {
    await kafka.stop();
  }
}

function residentOver(log: string, { rssMb, pssMb, privateMb, anonymousMb }: Resident, bed: Bed): Figure[] {
  const records = recordsOf(bed);
  const what = `published package over ${log}`;
  return [
    { what: `${what}, after ${records} records: resident (RSS)`, value: rssMb, unit: 'MB', goal: GOAL_RESIDENT },
    { what: `${what}: its share where others map the same files (PSS)`, value: pssMb, unit: 'MB' },
    { what: `${what}: of it private`, value: privateMb, unit: 'MB' },
    { what: `${what}: of it anonymous`, value: anonymousMb, unit: 'MB' },
  ];
}

function figuresOf(rounds: readonly Round[]): Figure[] {
  const figure = (what: string, unit: string, of: (round: Round) => number): Figure => {
    const values = rounds.map(of);
    return { what, value: median(values), unit, spread: [Math.min(...values), Math.max(...values)] };
  };
  const off = ({ off: first, again }: Round): number => (first + again) / 2;
  return [
    figure('load without capture, both ends', 'CPU-us a connection', off),
    { ...figure('load with capture, to without', 'x', (round) => round.on / off(round)), goal: GOAL_LOAD },
    figure('load without capture, to itself', 'x', ({ off: first, again }) => again / first),
    figure('capture in the load, both ends', 'CPU-us a connection', (round) => round.on - off(round)),
    { ...figure('weir sidecar, ring to durable', 'CPU-us a record', ({ recordUs }) => recordUs), goal: GOAL_SIDECAR },
    figure('weir sidecar, the same less its idling', 'CPU-us a record', ({ netUs }) => netUs),
    figure('weir sidecar, idle', 'CPU-ms a second', ({ idleUsSecond }) => idleUsSecond / 1000),
    figure('in a clone: resident', 'MB', ({ rssMb }) => rssMb),
    figure('in a clone: of it private', 'MB', ({ privateMb }) => privateMb),
    figure('in a clone: of it anonymous', 'MB', ({ anonymousMb }) => anonymousMb),
  ];
}
