/** `weir enricher` as it is installed: bin/weir in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from './harness.ts';

const START_MS = 180_000;

export interface EnricherProcess {
  readonly pid: number;
  /** Wall time until it has read all claims and takes flows, its own start included. */
  readonly readyMs: number;
  /** Messages of the ownership topic that were read until then. */
  readonly ownershipNext: number;
  stop(): Promise<void>;
}

/** `flags` say where the log is. */
export async function startEnricherProcess(flags: readonly string[]): Promise<EnricherProcess> {
  const args = [join(ROOT, 'bin', 'weir'), 'enricher', ...flags, '--metrics-listen', '127.0.0.1:0'];
  const began = performance.now();
  const child = spawn(process.execPath, [...args, '--log-level', 'info', '--log-format', 'json'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const text = await started(child);
  const readyMs = performance.now() - began;
  const read = /"ownershipNext":(\d+)/.exec(text)?.[1];
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const [status] = (await ended) as [number | null];
    if (status !== 0) throw new Error(`weir enricher ended with ${status}`);
  };
  return { pid: child.pid!, readyMs, ownershipNext: Number(read), stop };
}

/** What it logged until it said that it started. */
async function started(child: ChildProcess): Promise<string> {
  let text = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  for (let waitedMs = 0; waitedMs < START_MS; waitedMs += 20) {
    if (/"metrics":"[^"]+"/.test(text)) return text;
    if (child.exitCode !== null) throw new Error(`weir enricher did not start: ${text}`);
    await sleep(20);
  }
  child.kill('SIGKILL');
  throw new Error(`weir enricher did not start within ${START_MS} ms: ${text}`);
}

/** The most that was ever resident, MB of 10^6 bytes. */
export function peakMbOf(pid: number): number {
  const kb = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return (Number(kb) * 1024) / 1e6;
}
