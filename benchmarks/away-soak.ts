/**
 * Does a stage grow while what comes after it is away? Each stage at a steady input over real Kafka and S3; after a
 * minute its downstream goes away for ten; then it is back, and everything that came in must be there.
 *   npm run soak -- away
 *   node scripts/node24.mjs benchmarks/away-soak.ts --stage sink --for 3m
 * Status 1 when resident memory grows by 1 MB a minute or more after minute 2 of being away, passes the stage's bound,
 * or when a flow is missing.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parseDuration } from '../contract/units.ts';
import { openLake } from '../explore/lake.ts';
import { queryAll } from '../explore/query.ts';
import { Fleet } from '../test/bpf/harness.ts';
import { AwayWorld, ended, feed, readEnriched, readRaw } from './away-world.ts';
import { ROOT } from './harness.ts';
import { residentOf } from './process-figures.ts';
import { CURVE_MS_MIN, curveOf, sampleCurve, SLOPE_MB_MINUTE_MAX } from './resident-curve.ts';

const WARM_MS = 60_000;
const DRAIN_MS = 180_000;
const FLOWS_SECOND = 5000;
const CONNECTIONS_SECOND = 1500;
const PORT = '8080';
const ADDRESS = '10.250.0.1';

/** What a stage may come to hold, MB, above what it had before its downstream went away. */
const HELD_MB_MAX = {
  /** The ring's pages, twice mapped; messages and rows that wait; the spool's cache. */
  sidecar: 64,
  /** Two slots a worker and what was read ahead. */
  enricher: 96,
  /** lake.flushRows rows of about 300 bytes, twice: those that are being stored, and those that came since. */
  sink: 128,
} as const;
type StageName = keyof typeof HELD_MB_MAX;

interface Scene {
  readonly child: ChildProcess;
  leave(): Promise<void>;
  comeBack(): Promise<void>;
  /** Ends the input; resolves once all of it is through and was found to be there; says what was found. */
  judge(): Promise<string>;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + DRAIN_MS; !(await done()); await sleep(1000))
    if (Date.now() > end) throw new Error(`${what} took more than ${DRAIN_MS / 1000} s`);
}

/** Real connections; the log is away. The spool is small, so that it fills, and flows are merged for most of the time. */
async function sidecarScene(world: AwayWorld, fleet: Fleet, folder: string): Promise<Scene> {
  const spool = ['--sidecar-spool', join(folder, 'spool'), '--sidecar-spool-bytes', '16MiB'];
  const flags = ['--sidecar-cgroup', fleet.cgroupPath, '--sidecar-pin', 'off', ...spool];
  const child = await world.stage('sidecar', flags);
  const [near, far] = [fleet.namespace('a'), fleet.namespace('b')];
  fleet.connect(near, far);
  const traffic = join(ROOT, 'benchmarks', 'steady-traffic.ts');
  const server = fleet.spawn(near, process.execPath, traffic, 'serve', ADDRESS, PORT);
  await server.saw(/ready/);
  const client = fleet.spawn(far, process.execPath, traffic, 'connect', ADDRESS, PORT, String(CONNECTIONS_SECOND));
  return {
    child,
    leave: async () => world.brokerProxy.cutAll(true),
    comeBack: async () => world.brokerProxy.calm(),
    judge: async () => {
      client.child.kill('SIGTERM');
      await client.ended;
      server.child.kill('SIGTERM');
      await server.ended;
      await sleep(5000);
      await ended(child);
      const made = 2 * Number(/^(\d+) connections/m.exec(client.output())?.[1]);
      const told = await readRaw(world.log);
      const lost = Object.values(told.lost).reduce((sum, flows) => sum + flows, 0);
      assert.equal(told.connections + lost, made, `ends of connections: ${JSON.stringify(told)}`);
      return `${made} ends of connections: ${told.connections} in ${told.rows} rows, ${JSON.stringify(told.lost)} told as lost`;
    },
  };
}

/** Raw batches; the enriched topic takes nothing. */
async function enricherScene(world: AwayWorld): Promise<Scene> {
  const child = await world.stage('enricher', []);
  const feeding = await feed(world.log, FLOWS_SECOND);
  return {
    child,
    leave: () => world.refuseEnriched(true),
    comeBack: () => world.refuseEnriched(false),
    judge: async () => {
      const flows = await feeding.stop();
      await until('the enricher', async () => (await readEnriched(world.log)) === flows);
      await ended(child);
      return `${flows} flows in, ${await readEnriched(world.log)} rows in the enriched topic`;
    },
  };
}

/** Enriched batches by a real enricher; every request to the bucket is refused. */
async function sinkScene(world: AwayWorld, folder: string): Promise<Scene> {
  const { s3, s3Proxy } = world;
  const lake = ['--lake-uri', s3.uri, '--lake-endpoint', s3Proxy.endpoint, '--lake-path-style'];
  const bounds = ['--lake-flush-age', '5s', '--lake-flush-rows', '100000', '--lake-cache', join(folder, 'cache')];
  await world.stage('enricher', []);
  const child = await world.stage('sink', [...lake, ...bounds]);
  const feeding = await feed(world.log, FLOWS_SECOND);
  const rows = async (): Promise<number> => {
    const read = await openLake({ store: s3.read({ cacheDir: join(folder, 'read'), cacheBytesMax: 4 * 1024 ** 3 }) });
    try {
      const [row] = await queryAll(read, 'SELECT count(*) AS n, count(DISTINCT flow_number) AS d FROM flows');
      assert.equal(row!['n'], row!['d'], 'no row is there twice');
      return Number(row!['n']);
    } finally {
      read.close();
    }
  };
  return {
    child,
    leave: async () => void (s3Proxy.rates = { refused: 1 }),
    comeBack: async () => void (s3Proxy.rates = {}),
    judge: async () => {
      const flows = await feeding.stop();
      await until('the sink', async () => (await rows()) === flows);
      await ended(child);
      return `${flows} flows in, ${await rows()} rows in the bucket, none twice`;
    },
  };
}

async function soak(stage: StageName, forMs: number): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-away-'));
  const world = await AwayWorld.start();
  const fleet = stage === 'sidecar' ? new Fleet() : null;
  try {
    const scene =
      fleet !== null
        ? await sidecarScene(world, fleet, folder)
        : stage === 'enricher'
          ? await enricherScene(world)
          : await sinkScene(world, folder);
    await sleep(Math.min(WARM_MS, forMs));
    const before = residentOf(scene.child.pid!).rssMb;
    await scene.leave();
    const samples = await sampleCurve(scene.child.pid!, forMs);
    await scene.comeBack();
    const { lines, slopeMb, peakMb } = curveOf(samples, forMs);
    const heldMb = peakMb - before;
    say(`${stage}: ${before.toFixed(1)} MB before its downstream went away for ${forMs / 1000} s`);
    for (const line of lines) say(line);
    say(`at most ${heldMb.toFixed(1)} MB more than before (bound ${HELD_MB_MAX[stage]})`);
    say(await scene.judge());
    return slopeMb < SLOPE_MB_MINUTE_MAX && heldMb <= HELD_MB_MAX[stage];
  } finally {
    await fleet?.remove();
    await world.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const STAGES = Object.keys(HELD_MB_MAX) as StageName[];
const { values } = parseArgs({
  options: { for: { type: 'string', default: '10m' }, stage: { type: 'string', multiple: true, default: STAGES } },
});
const forMs = parseDuration(values.for);
const stages = STAGES.filter((name) => values.stage.includes(name));
if (forMs === null || forMs < CURVE_MS_MIN || stages.length !== values.stage.length) {
  process.stderr.write(`--for is a duration of ${CURVE_MS_MIN / 1000}s or more, --stage one of ${STAGES.join(', ')}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = 0;
  for (const stage of stages) if (!(await soak(stage, forMs))) process.exitCode = 1;
}
