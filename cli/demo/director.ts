/** A demo from the empty machine to the whole lake: fleet, stages, traffic, hand-over, kill, drain; then everything is removed. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../contract/clock.ts';
import type { Config } from '../../contract/config-table.ts';
import { WeirError } from '../../contract/errors.ts';
import { resolveCgroup } from '../../sidecar/capture-host.ts';
import type { Log } from '../../transport/log.ts';
import type { DataFolder } from '../data-folder.ts';
import type { BlindSpan } from './check.ts';
import { ownDemoId } from './demo-id.ts';
import { buildFleet, describeFleet, type Fleet } from './fleet.ts';
import { MOVED_ADDRESS, MOVED_FROM, MOVED_TO, nodeName, WORKLOADS } from './fleet-plan.ts';
import { handOver } from './hand-over.ts';
import { removeDemo, sweepLeftovers } from './leftovers.ts';
import type { LiveBoard } from './live.ts';
import { openPinSpace } from './pin-space.ts';
import { type FleetRecording, startFleetRecording } from './record-fleet.ts';
import type { SidecarRestart } from './result.ts';
import { type DemoStages, startDemoStages, type Victim } from './stages.ts';
import { planTraffic, type TrafficPlan } from './traffic-plan.ts';
import { parseTruth, type Truth, truthLine } from './truth.ts';
import { startWorkloads, type Workloads } from './workloads.ts';

export interface DemoOptions {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly log: Log;
  readonly seed: number;
  readonly forMs: number;
  readonly kill: Victim;
  /** A file to record the fleet into, with its truth; it must not exist. */
  readonly record: string | null;
  readonly board: LiveBoard;
  readonly signal: AbortSignal;
}

export interface DemoRun {
  readonly truth: Truth;
  readonly truthFile: string;
  readonly blind: BlindSpan | null;
  /** Of the sidecar that was killed; null when none was. */
  readonly restart: SidecarRestart | null;
}

type Strike = Pick<DemoRun, 'blind' | 'restart'>;
const NO_STRIKE: Strike = { blind: null, restart: null };

/** The last call's answer, its end's line of truth, and the last look at who holds what. */
const SETTLE_MS = 1500;
/** A sidecar sends what it has read at the latest after so long: sidecar.ringPoll and sidecar.batchAge, and what sending takes. */
const UNSENT_US = 3_000_000;
/** Beyond the plan, for calls that nobody answers on a busy machine. */
const CALLED_MS = 30_000;

/** WEIR_DEMO_FAILED names the step; whatever happens, nothing of the demo is left on the machine. */
export async function directDemo(options: DemoOptions): Promise<DemoRun> {
  const { board, folder } = options;
  const mount = resolveCgroup();
  const swept = await sweepLeftovers(mount);
  if (swept.length > 0) board.event(`removed what ${swept.length} killed demo(s) had left: ${swept.join(', ')}`);
  const fleet = describeFleet(ownDemoId(), mount);
  mkdirSync(join(folder.path, 'demo'), { recursive: true });
  const truthFile = join(folder.path, 'demo', `${fleet.id}-${systemClock.nowMs()}-truth.jsonl`);
  try {
    const noSlowLink = await buildFleet(fleet);
    if (noSlowLink !== null) board.event(`no link is slow: ${noSlowLink}`);
    return await play(options, fleet, truthFile);
  } finally {
    await removeDemo(mount, fleet.id);
  }
}

async function play(options: DemoOptions, fleet: Fleet, truthFile: string): Promise<DemoRun> {
  const { config, folder, log, seed, forMs, board } = options;
  const plan = planTraffic(seed, forMs);
  const workloads = await startWorkloads(fleet, plan.lines, truthFile);
  const namespaces = new Set(WORKLOADS.map(({ namespace }) => namespace)).size;
  board.event(`${WORKLOADS.length} workloads in ${namespaces} network namespaces: two nodes, and the world outside`);
  const pins = options.kill === 'sidecar' ? await openPinSpace(join(folder.path, 'demo', `${fleet.id}-bpffs`)) : null;
  const space = pins !== null && 'through' in pins ? pins : null;
  if (pins !== null && 'why' in pins) board.event(`not pinned, so a killed sidecar takes its ring along: ${pins.why}`);
  const stages = await startDemoStages(config, folder, fleet, log, space);
  let recording: FleetRecording | null = null;
  try {
    if (options.record !== null)
      recording = await startFleetRecording(config, fleet, options.record, join(folder.path, 'demo'));
    const pids = stages.all.map(({ name, pid }) => `${name} ${pid}`).join(', ');
    board.event(`pipeline started: ${pids}`);
    board.follow(() => stages.all);
    appendFileSync(truthFile, truthLine({ demo: fleet.id, seed, forMs, startedUs: systemClock.nowMs() * 1000 }));
    const strike = await perform(options, fleet, plan, workloads, stages, truthFile);
    await Promise.race([stages.finish((what) => board.event(what)), stages.failed, interruption(options.signal)]);
    await workloads.stop();
    await recording?.finish(readFileSync(truthFile, 'utf8'));
    return { truth: parseTruth(readFileSync(truthFile, 'utf8')), truthFile, ...strike };
  } finally {
    board.close();
    await stages.abandon();
    await recording?.abandon();
    await space?.close();
  }
}

/** From the first call to the last. Resolves to what a kill of the sidecar was like. */
async function perform(
  { forMs, kill, board, signal }: DemoOptions,
  fleet: Fleet,
  plan: TrafficPlan,
  workloads: Workloads,
  stages: DemoStages,
  truthFile: string,
): Promise<Strike> {
  const over = new AbortController();
  const startMs = performance.now();
  const until = async (ms: number): Promise<void> => {
    await systemClock.sleep(Math.max(0, startMs + ms - performance.now()), over.signal);
    if (over.signal.aborted) throw new WeirError('WEIR_DEMO_FAILED', 'the demo was ended before its time');
  };
  const move = async (): Promise<void> => {
    await until(plan.takeMs);
    await handOver(fleet, truthFile, () => until(plan.giveMs));
    const gapMs = plan.giveMs - plan.takeMs;
    const gap = gapMs === 0 ? 'at once' : `nobody had it for ${gapMs} ms`;
    board.event(`${MOVED_ADDRESS} went from ${MOVED_FROM} (node-a) to ${MOVED_TO} (node-b), ${gap}`);
  };
  const strike = async (): Promise<Strike> => {
    if (kill === 'none') return NO_STRIKE;
    await until(plan.killMs);
    const away = await stages.killAndRestart(kill, (pid) => board.event(`kill -9 of the ${kill} (pid ${pid})`));
    const awayMs = Math.round((away.toUs - away.fromUs) / 1000);
    const adopts = away.adopted ? '; it goes on with the pinned ring' : '';
    board.event(`the ${kill} is back (pid ${away.pid}) after ${awayMs} ms${adopts}`);
    if (kill !== 'sidecar') return NO_STRIKE;
    const restart = { awayMs, adopted: away.adopted };
    if (away.adopted) return { blind: null, restart };
    // What it had read and not yet sent went with it.
    const blind = { reporterNode: nodeName(fleet.id, 'node-a'), fromUs: away.fromUs - UNSENT_US, toUs: away.toUs };
    return { blind, restart };
  };
  const called = async (): Promise<void> => {
    await workloads.called(forMs + CALLED_MS);
    await systemClock.sleep(SETTLE_MS, over.signal);
  };
  workloads.begin();
  board.event(`traffic started: ${plan.connections} connections in ${forMs / 1000} s`);
  try {
    const script = Promise.all([strike(), move(), called()]);
    const [struck] = await Promise.race([script, stages.failed, interruption(signal)]);
    board.event('traffic ended');
    return struck;
  } finally {
    over.abort();
  }
}

/** Rejects once the demo is interrupted. */
function interruption(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(new WeirError('WEIR_DEMO_FAILED', 'the demo was interrupted; there is no verdict'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
