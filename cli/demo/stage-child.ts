/** A stage as a process of its own, as a fleet runs it: `weir sidecar`, `enricher`, `sink`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromUnknown, WeirError } from '../../contract/errors.ts';
import { parseMetrics, type Sample } from './metrics-text.ts';

const START_MS = 30_000;
const STOP_MS = 45_000;
const SCRAPE_MS = 2000;
/** As bin/weir starts a sidecar: it runs once a node. */
const SMALL = ['--max-semi-space-size=1', '--v8-pool-size=1'];

export interface StageChild {
  readonly name: string;
  readonly pid: number;
  /** A sidecar that goes on with the ring of an earlier one; false for anything else. */
  readonly adopted: boolean;
  /** Rejects when it ends without being asked to. */
  readonly failed: Promise<never>;
  /** SIGTERM, and wait for a clean end. WEIR_DEMO_FAILED otherwise. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** What it says at /metrics; empty when it does not answer. */
  metrics(): Promise<readonly Sample[]>;
}

export interface StageCommand {
  /** As the screen names it. */
  readonly name: string;
  /** Of `weir`. */
  readonly args: readonly string[];
  /** What it logs goes here too. */
  readonly logFile: string;
  /** Put before its command line. */
  readonly through?: readonly string[];
}

/** Resolves when it does its work. WEIR_DEMO_FAILED with its own last words. */
export async function startStage(command: StageCommand): Promise<StageChild> {
  const child = new Child(command);
  await child.started;
  return child;
}

class Child implements StageChild {
  readonly name: string;
  readonly pid: number;
  adopted = false;
  readonly failed: Promise<never>;
  readonly started: Promise<void>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #lastWords = '';
  #metrics: string | null = null;
  #asked = false;

  constructor({ name, args, logFile, through }: StageCommand) {
    this.name = name;
    this.#child = spawnWeir(args, through ?? []);
    this.pid = this.#child.pid ?? -1;
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
    const { promise: started, resolve: begin, reject: refuse } = Promise.withResolvers<void>();
    const { promise: failed, reject: fail } = Promise.withResolvers<never>();
    this.started = started;
    this.failed = failed;
    failed.catch(() => undefined); // whoever waits for it is told
    const timer = setTimeout(() => refuse(this.#error(`it was not ready in ${START_MS / 1000} s`)), START_MS);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      appendFileSync(logFile, chunk);
      if (this.#read(chunk.toString())) begin();
    });
    this.#child.on('error', (error) => refuse(fromUnknown(error, 'WEIR_DEMO_FAILED', `${name} cannot be started`)));
    this.#child.once('close', (status, signal) => {
      clearTimeout(timer);
      const error = this.#error(`it ended with ${signal ?? `status ${status}`}`);
      refuse(error);
      if (!this.#asked) fail(error);
    });
    started.then(
      () => clearTimeout(timer),
      () => this.#child.kill('SIGKILL'),
    );
  }

  async stop(): Promise<void> {
    this.#asked = true;
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
      await this.#ended;
      clearTimeout(timer);
    }
    if (this.#child.exitCode !== 0) throw this.#error(`it did not stop cleanly (${this.#child.exitCode ?? 'killed'})`);
  }

  async kill(): Promise<void> {
    this.#asked = true;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async metrics(): Promise<readonly Sample[]> {
    if (this.#metrics === null) return [];
    try {
      const response = await fetch(`http://${this.#metrics}/metrics`, { signal: AbortSignal.timeout(SCRAPE_MS) });
      return parseMetrics(await response.text());
    } catch (error) {
      // It is being killed or started: the next look will tell.
      if (error instanceof Error) return [];
      throw error;
    }
  }

  /** Its log, line by line. True once it says that it has started. */
  #read(text: string): boolean {
    const lines = (this.#lastWords + text).split('\n');
    let started = false;
    this.adopted ||= lines.some((line) => line.includes('"msg":"sidecar started"') && line.includes('"adopted":true'));
    for (const line of lines.filter((candidate) => candidate.includes('"msg":"started"'))) {
      const said: { metrics?: string | null } = JSON.parse(line);
      this.#metrics = said.metrics ?? null;
      started = true;
    }
    this.#lastWords = lines.slice(-3).join('\n');
    return started;
  }

  #error(what: string): WeirError {
    const words = this.#lastWords.trim().split('\n').at(-1) ?? '';
    return new WeirError('WEIR_DEMO_FAILED', `${this.name}: ${what}${words === '' ? '' : `: ${words}`}`, {
      stage: this.name,
    });
  }
}

/** The same Node and the same program that run the demo. What is configured for others must not reach the demo's stages. */
function spawnWeir(args: readonly string[], through: readonly string[]): ChildProcess {
  const main = join(import.meta.dirname, '..', `main${import.meta.filename.slice(-3)}`);
  const flags = ['--disable-warning=ExperimentalWarning', ...(args[0] === 'sidecar' ? SMALL : [])];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')));
  const [program = process.execPath, ...words] = [...through, process.execPath, ...flags, main, ...args];
  return spawn(program, words, {
    // Descriptor 3 closes with us: a demo that is killed takes its stages with it (cli/signals.ts).
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...env, WEIR_PARENT_FD: '3' },
    // A Ctrl-C is for the demo, which ends them in order.
    detached: true,
  });
}
