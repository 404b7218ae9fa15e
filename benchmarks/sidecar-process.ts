/** `weir sidecar` as it is installed: bin/weir in a process of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOG_FILE } from '../cli/reading.ts';
import { topicSpecs } from '../cli/topics.ts';
import { compileConfig } from '../contract/config.ts';
import { openEmbeddedLog } from '../transport/embedded/embedded-log.ts';
import { openKafkaLog } from '../transport/kafka/kafka-log.ts';
import type { Log } from '../transport/log.ts';
import { ROOT } from './harness.ts';

const START_MS = 20_000;

export interface SidecarProcess {
  readonly pid: number;
  /** By its own metrics: flow numbers that the log has as rows, and as losses. */
  delivered(): Promise<{ readonly rows: number; readonly lost: number }>;
  stop(): Promise<void>;
}

/** An embedded log with its topics, in a folder made for it: the flags of a sidecar that writes to it. */
export async function embeddedTransport(folder: string): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  const log = await openEmbeddedLog({ path: join(folder, LOG_FILE) });
  await makeTopics(log);
  return ['--transport-path', folder];
}

/** The same of a Kafka cluster without any. */
export async function kafkaTransport(brokers: readonly string[]): Promise<readonly string[]> {
  await makeTopics(await openKafkaLog({ brokers }));
  return ['--transport-kind', 'kafka', '--transport-brokers', brokers.join(',')];
}

async function makeTopics(log: Log): Promise<void> {
  await log.ensureTopics(topicSpecs(compileConfig([])));
  await log.close();
}

/** What npm publishes, laid out in a folder: dist/ of this tree beside bin/, with the addon that is built. Its bin/weir. */
export function publishedWeir(folder: string): string {
  const dist = join(folder, 'dist');
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', dist]);
  for (const name of ['bin', 'package.json']) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(dist, 'package.json'));
  for (const name of ['node_modules', 'build']) symlinkSync(join(ROOT, name), join(folder, name));
  return join(folder, 'bin', 'weir');
}

/** `transport`: its flags. */
export async function startSidecarProcess(
  transport: readonly string[],
  cgroup: string,
  weir: string = join(ROOT, 'bin', 'weir'),
): Promise<SidecarProcess> {
  const flags = [
    ...transport,
    '--sidecar-cgroup',
    cgroup,
    '--metrics-listen',
    '127.0.0.1:0',
    // One sidecar runs on a node: a name of its own, whatever else runs on this machine.
    '--sidecar-node',
    `bench-${process.pid}`,
    '--sidecar-pin',
    'off',
    '--log-level',
    'info',
    '--log-format',
    'json',
  ];
  const child = spawn(process.execPath, [weir, 'sidecar', ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const metrics = await startedAt(child);
  const delivered = async (): Promise<{ rows: number; lost: number }> => {
    const text = await (await fetch(`http://${metrics}/metrics`)).text();
    const total = (name: string): number =>
      [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)`, 'gm'))].reduce((sum, [, n]) => sum + Number(n), 0);
    return { rows: total('weir_sidecar_flows_out_total'), lost: total('weir_sidecar_flows_dropped_total') };
  };
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const [status] = (await ended) as [number | null];
    if (status !== 0) throw new Error(`weir sidecar ended with ${status}`);
  };
  return { pid: child.pid!, delivered, stop };
}

/** Where it serves its metrics, once it has said that it started. */
async function startedAt(child: ChildProcess): Promise<string> {
  let text = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  for (let waitedMs = 0; waitedMs < START_MS; waitedMs += 20) {
    const address = /"metrics":"([^"]+)"/.exec(text)?.[1];
    if (address !== undefined) return address;
    if (child.exitCode !== null) throw new Error(`weir sidecar did not start: ${text}`);
    await sleep(20);
  }
  child.kill('SIGKILL');
  throw new Error(`weir sidecar did not start within ${START_MS} ms: ${text}`);
}
