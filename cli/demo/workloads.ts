/** The workloads' processes: each in its cgroup and namespace before it opens a socket, with its plan on standard input. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '../../contract/errors.ts';
import type { Fleet } from './fleet.ts';
import { WORKLOADS, type WorkloadPlan } from './fleet-plan.ts';
import { findProgram } from './machine.ts';

const READY_MS = 10_000;
const STOP_MS = 12_000;

/** Beside the sources, and one folder up from a build's `dist`. Built by scripts/build-traffic.mjs. */
export function findTraffic(): string | null {
  const file = `weir-traffic-${process.arch}`;
  const folders = ['..', join('..', '..')].map((up) => join(import.meta.dirname, '..', up, 'build'));
  return folders.map((folder) => join(folder, file)).find((path) => existsSync(path)) ?? null;
}

export interface Workloads {
  /** Everybody begins now. */
  begin(): void;
  /** Resolves when nobody has a call of the plan left. WEIR_DEMO_FAILED when one ended before. */
  called(limitMs: number): Promise<void>;
  /** SIGTERM, and SIGKILL to who has not ended in time. */
  stop(): Promise<void>;
}

interface Running {
  readonly name: string;
  readonly child: ChildProcess;
  /** Resolves with the words that it has said. */
  heard(word: string, limitMs: number): Promise<void>;
}

/** Start all of them; resolves when every one has read its plan. WEIR_DEMO_FAILED. */
export async function startWorkloads(
  fleet: Fleet,
  lines: ReadonlyMap<string, readonly string[]>,
  truthFile: string,
): Promise<Workloads> {
  const program = findTraffic();
  if (program === null)
    throw new WeirError('WEIR_DEMO_FAILED', 'the traffic program is missing: run npm run setup (needs gcc)');
  const running = WORKLOADS.map((workload) => start(fleet, workload, program, truthFile));
  for (const { name, child } of running) child.stdin?.write(`${(lines.get(name) ?? []).join('\n')}\nplanned\n`);
  await Promise.all(running.map(({ heard }) => heard('ready', READY_MS)));
  return {
    begin: () => {
      for (const { child } of running) child.stdin?.write('start\n');
    },
    called: async (limitMs) => void (await Promise.all(running.map(({ heard }) => heard('called', limitMs)))),
    stop: async () => void (await Promise.all(running.map(({ child }) => end(child)))),
  };
}

function start(fleet: Fleet, workload: WorkloadPlan, program: string, truthFile: string): Running {
  const JOIN = 'echo $$ > "$1/cgroup.procs" && exec "$2" netns exec "$3" "$4" "$5" "$6"';
  const ip = findProgram('ip') ?? 'ip';
  const args = [fleet.workloadCgroup(workload), ip, fleet.namespaceOf(workload), program, workload.name, truthFile];
  const child = spawn('/bin/sh', ['-c', JOIN, 'weir-demo', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  let complaint = '';
  let over: string | null = null;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  child.stdin.on('error', () => undefined); // its end is told by 'exit'
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    wake();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-1000);
  });
  child.on('error', (error) => {
    over = error.message;
    wake();
  });
  child.on('close', (status, signal) => {
    over = complaint.trim() || `it ended with ${signal ?? `status ${status}`}`;
    wake();
  });
  const heard = (word: string, limitMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        settle();
        reject(new WeirError('WEIR_DEMO_FAILED', `workload ${workload.name}: ${why}`, { workload: workload.name }));
      };
      const timer = setTimeout(() => fail(`it did not say "${word}" in ${limitMs / 1000} s`), limitMs);
      const settle = (): void => {
        clearTimeout(timer);
        waiting.delete(look);
      };
      const look = (): void => {
        if (said.split('\n').includes(word)) {
          settle();
          resolve();
        } else if (over !== null) fail(over);
      };
      waiting.add(look);
      look();
    });
  return { name: workload.name, child, heard };
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
