/** One process of a broker: started until it says that it serves, killed, stopped and started again on its data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { KafkaInstall } from './kafka-install.ts';
import { findProgram } from './programs.ts';

const READY = 'Kafka Server started';
const READY_WITHIN_MS = 90_000;
const LOOK_MS = 50;
const STOP_WITHIN_MS = 30_000;

/** Small, and quick to start rather than quick later. */
const JVM = [
  '-Xms64m',
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:+ExitOnOutOfMemoryError',
  '-Djava.awt.headless=true',
];

export class BrokerProcess {
  readonly node: number;
  readonly #install: KafkaInstall;
  readonly #home: string;
  readonly #output: string;
  readonly #endWithUs = (): void => void this.#child?.kill('SIGKILL');
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();

  constructor(install: KafkaInstall, node: number, home: string) {
    this.#install = install;
    this.node = node;
    this.#home = home;
    this.#output = join(home, 'output.log');
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`broker ${this.node} is not running`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  async start(): Promise<void> {
    if (this.#child !== null) throw new Error(`broker ${this.node} is running`);
    await writeFile(this.#output, '', { flag: 'a' });
    await truncate(this.#output);
    const descriptor = openSync(this.#output, 'a');
    const java = [this.#install.java, ...JVM, `-Dlog4j2.configurationFile=${join(this.#home, 'log4j2.properties')}`];
    const command = [...endsWithParent(), ...java, '-cp', this.#install.classPath, 'kafka.Kafka'];
    const [program, ...args] = [...command, join(this.#home, 'server.properties')];
    const child = spawn(program, args, { stdio: ['ignore', descriptor, descriptor], cwd: this.#home });
    closeSync(descriptor);
    this.#child = child;
    this.#exited = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    }).then(() => {
      this.#child = null;
      process.off('exit', this.#endWithUs);
    });
    process.on('exit', this.#endWithUs);
    await this.#ready();
  }

  /** SIGKILL, as a machine that is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM: hands its partitions over first. */
  async stop(): Promise<void> {
    const child = this.#child;
    child?.kill('SIGTERM');
    const late = new AbortController();
    await Promise.race([
      this.#exited,
      pause(STOP_WITHIN_MS, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    await this.kill();
  }

  /** SIGSTOP: it holds its connections and answers nobody. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** What it wrote since it was last started. */
  async output(): Promise<string> {
    return readFile(this.#output, 'utf8');
  }

  async #ready(): Promise<void> {
    for (let waitedMs = 0; waitedMs < READY_WITHIN_MS; waitedMs += LOOK_MS) {
      await pause(LOOK_MS);
      const output = await this.output();
      if (output.includes(READY)) return;
      if (this.#child === null) throw new Error(`broker ${this.node} ended at its start:\n${output.slice(-4000)}`);
    }
    const output = await this.output();
    await this.kill();
    throw new Error(`broker ${this.node} was not ready after ${READY_WITHIN_MS} ms:\n${output.slice(-4000)}`);
  }
}

/** util-linux' setpriv makes the kernel end the broker with us, even where we are killed. */
function endsWithParent(): string[] {
  const setpriv = findProgram('setpriv');
  return setpriv === null ? [] : [setpriv, '--pdeathsig', 'KILL', '--'];
}
