/** weir sidecar as a process on a real kernel: a log, a pin folder and a node of one test's own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import type { Log, Message, Offset } from '../../transport/log.ts';
import { startWeir, type Running as Weir } from '../e2e/weir-command.ts';
import { Fleet } from './harness.ts';

export const RAW = 'weir.flows.raw.v1';
export const OWNERSHIP = 'weir.ownership.v1';
const RING_KIB = 64;

/** A cgroup, a namespace, a bpffs, and the programs that connect. */
export class Stage {
  readonly fleet: Fleet = new Fleet();
  readonly load: string = this.fleet.compile('load');
  readonly here: string = this.fleet.namespace('here');
  readonly bpffs: string = join(this.fleet.folder, 'bpffs');

  constructor() {
    mkdirSync(this.bpffs);
    execFileSync('mount', ['-t', 'bpf', 'none', this.bpffs]);
  }

  /** So many connections, each seen at both of its ends. */
  async connect(port: number, count: number): Promise<void> {
    const args = ['127.0.0.1', String(port), String(count), '3', '4', 'server'];
    const server = this.fleet.spawn(this.here, this.load, 'serve', ...args);
    await server.saw(/ready/);
    await this.fleet.spawn(this.here, this.load, 'connect', ...args).ended;
    await server.ended;
  }

  async remove(): Promise<void> {
    execFileSync('umount', [this.bpffs]);
    rmdirSync(this.bpffs);
    await this.fleet.remove();
  }
}

export interface SceneLog {
  /** Of the command line. */
  readonly flags: readonly string[];
  open(): Promise<Log>;
}

export class Scene {
  readonly name: string;
  readonly pin: string;
  readonly data: string;
  readonly #stage: Stage;
  readonly #log: SceneLog;

  /** `log`: by default an embedded one in `data`. */
  constructor(stage: Stage, name: string, log?: SceneLog) {
    this.#stage = stage;
    this.name = `${stage.fleet.name}-${name}`;
    this.pin = join(stage.bpffs, name);
    this.data = join(stage.fleet.folder, name);
    const path = join(this.data, 'log', 'weir.sqlite');
    this.#log = log ?? { flags: ['--data', this.data], open: () => openEmbeddedLog({ path }) };
  }

  async begin(): Promise<void> {
    const log = await this.#log.open();
    const limits = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 };
    await log.ensureTopics([
      { name: RAW, ...limits },
      { name: OWNERSHIP, ...limits },
    ]);
    await log.close();
  }

  args(...more: readonly string[]): readonly string[] {
    const own = [...this.#log.flags, '--sidecar-node', this.name, '--sidecar-pin', this.pin];
    const capture = ['--sidecar-cgroup', this.#stage.fleet.cgroupPath, '--sidecar-ring-bytes', `${RING_KIB}KiB`];
    const pace = ['--sidecar-batch-age', '200ms', '--sidecar-interval', '1s', '--metrics-listen', 'off'];
    return ['sidecar', ...own, ...capture, ...pace, ...more];
  }

  /** Resolves when it has started; `log` is what it has said so far. */
  async start(...more: readonly string[]): Promise<Weir & { readonly log: () => string }> {
    const weir = startWeir(this.args(...more));
    let said = '';
    weir.child.stderr?.on('data', (text: string) => (said += text));
    for (let tries = 0; !/"msg":"started"/.test(said); tries++) {
      assert.ok(tries < 400 && weir.child.exitCode === null, `it did not start: ${said}`);
      await sleep(25);
    }
    return { ...weir, log: () => said };
  }

  async messages(): Promise<readonly Message[]> {
    const log = await this.#log.open();
    const all: Message[] = [];
    for (let from = 0; ; from = all.at(-1)!.offset + 1) {
      const options = { messagesMax: 1000, bytesMax: 1 << 24, waitMs: 0 };
      const { messages } = await log.read(RAW, 0, from as Offset, options);
      all.push(...messages);
      if (messages.length === 0) break;
    }
    await log.close();
    return all;
  }
}

export async function killed(weir: Weir): Promise<void> {
  weir.child.kill('SIGKILL');
  await weir.ended;
}

export async function ended(weir: Weir): Promise<void> {
  weir.child.kill('SIGTERM');
  const { status, stderr } = await weir.ended;
  assert.equal(status, 0, stderr);
}
