/** The pipeline of the demo: the log, two sidecars, an enricher and a sink, each a process of its own. */
import { join } from 'node:path';
import { systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import type { Config } from '../../contract/config-table.ts';
import type { Log } from '../../transport/log.ts';
import type { DataFolder } from '../data-folder.ts';
import { awaitCommitted } from '../drain.ts';
import { enricherGroupOf, sinkGroupOf } from '../groups.ts';
import { topicName } from '../topics.ts';
import type { Fleet } from './fleet.ts';
import { type NodeName, WATCHED_NODES } from './fleet-plan.ts';
import { nodeSettings } from './node-settings.ts';
import type { PinSpace } from './pin-space.ts';
import { type StageChild, startStage } from './stage-child.ts';

/** The enricher's hold, and what a busy machine adds. */
const DRAIN_MS = 60_000;

/** How long a sink gets to take what is in the log, and how often. */
const TAKE_MS = 500;
const TAKES_MAX = 5;

export type Victim = 'sink' | 'sidecar' | 'none';

/** When a stage was away, us since 1970, and who came back. */
export interface Away {
  readonly fromUs: number;
  readonly toUs: number;
  readonly pid: number;
  readonly adopted: boolean;
}

export interface DemoStages {
  readonly all: readonly StageChild[];
  /** Rejects when a stage ends by itself. */
  readonly failed: Promise<never>;
  /** kill -9, and start it again. `told` is called in between. */
  killAndRestart(victim: 'sink' | 'sidecar', told: (pid: number) => void): Promise<Away>;
  /** Capture ends; everything that was captured goes into the lake; then all end. WEIR_DEMO_FAILED when it does not. */
  finish(told: (what: string) => void): Promise<void>;
  /** Kill what is left. */
  abandon(): Promise<void>;
}

const nowUs = (): number => systemClock.nowMs() * 1000;

/** `fleet` stands, its workloads are there. `pins`: where the sidecars pin, or null. WEIR_DEMO_FAILED. */
export async function startDemoStages(
  config: Config,
  folder: DataFolder,
  fleet: Fleet,
  log: Log,
  pins: PinSpace | null,
): Promise<DemoStages> {
  const commands = new Map(commandsOf(config, folder, fleet, pins).map((command) => [command.name, command]));
  const running = new Map<string, StageChild>();
  const start = async (name: string): Promise<void> => {
    const command = commands.get(name);
    if (command !== undefined) running.set(name, await startStage(command));
  };
  const abandon = async (): Promise<void> =>
    void (await Promise.all([...running.values()].map((stage) => stage.kill())));
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined); // whoever waits for it is told
  const watch = (name: string): void => void running.get(name)?.failed.catch(fail);
  const settled = await Promise.allSettled([...commands.keys()].map(start));
  const refused = settled.find((one) => one.status === 'rejected');
  if (refused !== undefined) {
    await abandon();
    throw refused.reason;
  }
  for (const name of commands.keys()) watch(name);
  return {
    get all() {
      return [...running.values()];
    },
    failed,
    abandon,
    killAndRestart: async (victim, told) => {
      const name = victim === 'sink' ? 'sink' : sidecarName('node-a');
      const fromUs = nowUs();
      await running.get(name)?.kill();
      told(running.get(name)?.pid ?? -1);
      await start(name);
      watch(name);
      const { pid = -1, adopted = false } = running.get(name) ?? {};
      return { fromUs, toUs: nowUs(), pid, adopted };
    },
    finish: async (told) => {
      const stop = (name: string): Promise<void> => running.get(name)?.stop() ?? Promise.resolve();
      await Promise.all(WATCHED_NODES.map((node) => stop(sidecarName(node))));
      told('the sidecars have delivered what they held');
      await awaitEnricher(config, log);
      await stop('enricher');
      told('the enricher has joined everything');
      // What a sink has taken it stores when it stops; what had not reached it yet, the next one takes.
      for (let tries = 0; ; tries++) {
        await systemClock.sleep(TAKE_MS);
        await stop('sink');
        if (await hasStored(config, log)) break;
        if (tries === TAKES_MAX) throw new WeirError('WEIR_DEMO_FAILED', 'the sink did not store everything in time');
        await start('sink');
      }
      told('the sink has stored everything');
    },
  };
}

const sidecarName = (node: NodeName): string => `sidecar of ${node}`;

function commandsOf(config: Config, folder: DataFolder, fleet: Fleet, pins: PinSpace | null) {
  const common = [
    '--data',
    folder.path,
    '--metrics-listen',
    '127.0.0.1:0',
    '--log-format',
    'json',
    '--log-level',
    'info',
  ];
  const prefix = ['--transport-topic-prefix', config['transport.topicPrefix']];
  const logFile = (name: string): string => join(folder.path, 'demo', `${fleet.id}-${name}.log`);
  const sidecar = (node: NodeName) => {
    const settings = nodeSettings(fleet, node);
    const { cluster, network, cgroup, intervalMs, heartbeatMs, scanMs, ringBytes } = settings;
    return {
      name: sidecarName(node),
      logFile: logFile(`sidecar-${node}`),
      args: [
        ...['sidecar', ...common, ...prefix, '--cluster', cluster, '--network', network],
        ...['--sidecar-node', settings.node, '--sidecar-cgroup', cgroup],
        ...['--sidecar-interval', `${intervalMs}ms`, '--sidecar-heartbeat', `${heartbeatMs}ms`],
        ...['--sidecar-scan', `${scanMs}ms`, '--sidecar-ring-bytes', `${ringBytes / 1024}KiB`],
        // Never on a bpffs of the machine: nobody would take it away from there after a demo that was killed.
        ...['--sidecar-pin', pins?.pinOf(node) ?? 'off'],
      ],
      through: pins?.through ?? [],
    };
  };
  return [
    { name: 'sink', logFile: logFile('sink'), args: ['sink', ...common, ...prefix, '--lake-flush-age', '2s'] },
    { name: 'enricher', logFile: logFile('enricher'), args: ['enricher', ...common, ...prefix] },
    ...WATCHED_NODES.map(sidecar),
  ];
}

async function awaitEnricher(config: Config, log: Log): Promise<void> {
  const raw = topicName(config, 'raw');
  const group = enricherGroupOf(config, (await log.describe(raw)).id);
  if (await awaitCommitted(log, systemClock, group, raw, DRAIN_MS)) return;
  throw new WeirError('WEIR_DEMO_FAILED', `the enricher did not get to the end of ${raw} in ${DRAIN_MS / 1000} s`);
}

/** Whether the sink has stored everything that its topics hold. */
async function hasStored(config: Config, log: Log): Promise<boolean> {
  for (const [table, topic] of [
    ['flows', 'enriched'],
    ['ownership', 'ownership'],
  ] as const) {
    const name = topicName(config, topic);
    if (!(await awaitCommitted(log, systemClock, sinkGroupOf(config, table), name, 0))) return false;
  }
  return true;
}
