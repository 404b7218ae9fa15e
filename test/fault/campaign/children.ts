/** A stage as a process of its own, with its output in a file: killed, frozen, started again when it ends by itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../servers/programs.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const weirProgram = fileURLToPath(new URL('../../../bin/weir', import.meta.url));
const AGAIN_MS = 400;
const READY_WITHIN_MS = 60_000;
const LOOK_MS = 25;

export type StageKind = 'sidecar' | 'enricher' | 'sink';

export interface ChildSpec {
  readonly kind: StageKind;
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly output: string;
}

/** util-linux' setpriv makes the kernel end the child with us, even where we are killed. */
export function withUs(): readonly string[] {
  const setpriv = findProgram('setpriv');
  return setpriv === null ? [] : [setpriv, '--pdeathsig', 'KILL', '--'];
}

export class StageChild {
  readonly kind: StageKind;
  readonly name: string;
  /** Status and last line of each life that ended by itself. */
  readonly ended: string[] = [];
  /** A fault is at it: others leave it alone. */
  isTaken = false;
  lives = 0;
  readonly #spec: ChildSpec;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #isWanted = false;
  #isFrozen = false;
  #restart: NodeJS.Timeout | null = null;
  /** Where the output of its present life begins. */
  #lifeFrom = 0;

  constructor(spec: ChildSpec) {
    this.#spec = spec;
    this.kind = spec.kind;
    this.name = spec.name;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Its process is there when this returns; that it works is `ready`. */
  start(): void {
    this.#isWanted = true;
    if (this.#child === null && this.#restart === null) this.#spawn();
  }

  #spawn(): void {
    this.#restart = null;
    this.lives++;
    const { args, env, output } = this.#spec;
    const descriptor = openSync(output, 'a');
    this.#lifeFrom = fstatSync(descriptor).size;
    const [program = '', ...words] = [...withUs(), process.execPath, weirProgram, this.kind, ...args];
    const options = { cwd: root, env: { ...process.env, ...env } };
    const child = spawn(program, words, { ...options, stdio: ['ignore', descriptor, descriptor] });
    closeSync(descriptor);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', (status, signal) => {
        this.#child = null;
        this.#isFrozen = false;
        if (this.#isWanted) {
          this.ended.push(`${signal ?? status}: ${this.#lastLine()}`);
          this.#restart = setTimeout(() => this.#spawn(), AGAIN_MS);
        }
        resolve();
      });
    });
  }

  /** SIGKILL; true once it was seen dead of it. It stays dead until `start`. */
  async kill(): Promise<boolean> {
    this.#isWanted = false;
    this.#forgetRestart();
    const child = this.#child;
    if (child === null) return false;
    child.kill('SIGKILL');
    await this.#exited;
    return child.signalCode === 'SIGKILL';
  }

  /** SIGTERM, and its clean end; its status. */
  async stop(withinMs: number): Promise<number | null> {
    this.#isWanted = false;
    this.#forgetRestart();
    const child = this.#child;
    if (child === null) return null;
    this.thaw();
    child.kill('SIGTERM');
    const late = new AbortController();
    await Promise.race([this.#exited, pause(withinMs, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    await this.kill();
    return child.exitCode;
  }

  #forgetRestart(): void {
    if (this.#restart !== null) clearTimeout(this.#restart);
    this.#restart = null;
  }

  /** SIGSTOP; true once the kernel says that it stands. */
  async freeze(): Promise<boolean> {
    const pid = this.#child?.pid;
    if (pid === undefined) return false;
    this.#child?.kill('SIGSTOP');
    this.#isFrozen = true;
    for (let waitedMs = 0; waitedMs < 1000; waitedMs += LOOK_MS) {
      if (stateOf(pid) === 'T') return true;
      await pause(LOOK_MS);
    }
    return false;
  }

  thaw(): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    this.#child?.kill('SIGCONT');
  }

  /** Its present life has said that it started. */
  async ready(): Promise<void> {
    for (let waitedMs = 0; waitedMs < READY_WITHIN_MS; waitedMs += LOOK_MS) {
      const output = await readFile(this.#spec.output);
      if (output.includes('"msg":"started"', this.#lifeFrom)) return;
      await pause(LOOK_MS);
    }
    throw new Error(`${this.name} did not start: ${readFileSync(this.#spec.output, 'utf8').slice(-2000)}`);
  }

  #lastLine(): string {
    return readFileSync(this.#spec.output, 'utf8').trimEnd().split('\n').at(-1)?.slice(0, 600) ?? '';
  }
}

/** R, S, T …; empty when there is no such process. */
function stateOf(pid: number): string {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
  } catch (error) {
    if (error instanceof Error) return '';
    throw error;
  }
}
