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
const COMPLAINT_CHARACTERS = 1000;

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

/** Start all of them; resolves when every one has read its plan. WEIR_DEMO_FAILED. */
export async function startWorkloads(
  fleet: Fleet,
  lines: ReadonlyMap<string, readonly string[]>,
  truthFile: string,
): Promise<Workloads> {
  const program = findTraffic();
  if (program === null)
    throw new WeirError('WEIR_DEMO_FAILED', 'the traffic program is missing: run npm run setup (needs gcc)');
  const running = WORKLOADS.map((workload) => new Program(workload.name, spawnIn(fleet, workload, program, truthFile)));
  for (const one of running) one.write(`${(lines.get(one.name) ?? []).join('\n')}\nplanned\n`);
  await Promise.all(running.map((one) => one.said('ready', READY_MS)));
  return {
    begin: () => {
      for (const one of running) one.write('start\n');
    },
    called: async (limitMs) => void (await Promise.all(running.map((one) => one.said('called', limitMs)))),
    stop: async () => void (await Promise.all(running.map((one) => one.stop()))),
  };
}

/** The shell joins the cgroup, ip the namespace, before the program begins. */
const ENTER = 'echo $$ > "$1/cgroup.procs" && exec "$2" netns exec "$3" "$4" "$5" "$6"';

function spawnIn(fleet: Fleet, workload: WorkloadPlan, program: string, truthFile: string): ChildProcess {
  const ip = findProgram('ip') ?? 'ip';
  const args = [fleet.workloadCgroup(workload), ip, fleet.namespaceOf(workload), program, workload.name, truthFile];
  return spawn('/bin/sh', ['-c', ENTER, 'weir-demo', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** One workload's program, from its start to its end. */
class Program {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #words = new Set<string>();
  readonly #waiting = new Set<() => void>();
  #unread = '';
  #complaint = '';
  #over: string | null = null;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    child.stdin?.on('error', () => undefined); // its end is told by 'close'
    child.stdout?.on('data', (chunk: Buffer) => this.#hear(chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString()).slice(-COMPLAINT_CHARACTERS);
    });
    child.on('error', (error) => this.#end(error.message));
    child.on('close', (status, signal) => this.#end(this.#complaint.trim() || `it ended with ${signal ?? status}`));
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Resolves once it has said the word. WEIR_DEMO_FAILED when it ended or took longer. */
  said(word: string, limitMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (why: string): void =>
      reject(new WeirError('WEIR_DEMO_FAILED', `workload ${this.name}: ${why}`, { workload: this.name }));
    const timer = setTimeout(() => fail(`it did not say "${word}" in ${limitMs / 1000} s`), limitMs);
    const look = (): void => {
      if (this.#words.has(word)) resolve();
      else if (this.#over !== null) fail(this.#over);
    };
    this.#waiting.add(look);
    look();
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(look);
    });
  }

  stop(): Promise<void> {
    const child = this.#child;
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

  #hear(text: string): void {
    const lines = (this.#unread + text).split('\n');
    this.#unread = lines.pop() ?? '';
    for (const line of lines) this.#words.add(line);
    for (const look of this.#waiting) look();
  }

  #end(why: string): void {
    this.#over ??= why;
    for (const look of this.#waiting) look();
  }
}
