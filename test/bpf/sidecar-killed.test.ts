/** weir sidecar on a real kernel, killed with kill -9 while connections come and go. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Report } from '../../schemas/generated/common.ts';
import type { RawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import type { Message, Offset } from '../../transport/log.ts';
import { startWeir, type Running as Weir } from '../e2e/weir-command.ts';
import { foldRaw } from '../fixtures/raw-stream.ts';
import { Fleet } from './harness.ts';

const RAW = 'weir.flows.raw.v1';
const RING_KIB = 64;

let fleet: Fleet;
let load: string;
let here: string;
let bpffs: string;
before(() => {
  fleet = new Fleet();
  load = fleet.compile('load');
  here = fleet.namespace('here');
  bpffs = join(fleet.folder, 'bpffs');
  mkdirSync(bpffs);
  execFileSync('mount', ['-t', 'bpf', 'none', bpffs]);
});
after(async () => {
  execFileSync('umount', [bpffs]);
  rmdirSync(bpffs);
  await fleet.remove();
});

/** A log, a pin folder and a node of one test's own. */
class Scene {
  readonly name: string;
  readonly pin: string;
  readonly data: string;

  constructor(name: string) {
    this.name = `${fleet.name}-${name}`;
    this.pin = join(bpffs, name);
    this.data = join(fleet.folder, name);
  }

  async begin(): Promise<void> {
    const log = await this.#log();
    const limits = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 };
    await log.ensureTopics([
      { name: RAW, ...limits },
      { name: 'weir.ownership.v1', ...limits },
    ]);
    await log.close();
  }

  args(...more: readonly string[]): readonly string[] {
    const own = ['--data', this.data, '--sidecar-node', this.name, '--sidecar-pin', this.pin];
    const capture = ['--sidecar-cgroup', fleet.cgroupPath, '--sidecar-ring-bytes', `${RING_KIB}KiB`];
    const pace = ['--sidecar-batch-age', '200ms', '--sidecar-interval', '1s', '--metrics-listen', 'off'];
    return ['sidecar', ...own, ...capture, ...pace, ...more];
  }

  async start(...more: readonly string[]): Promise<Weir> {
    const weir = startWeir(this.args(...more));
    let errors = '';
    weir.child.stderr?.on('data', (text: string) => (errors += text));
    for (let tries = 0; !/"msg":"started"/.test(errors); tries++) {
      assert.ok(tries < 400 && weir.child.exitCode === null, `it did not start: ${errors}`);
      await sleep(25);
    }
    return weir;
  }

  async messages(): Promise<readonly Message[]> {
    const log = await this.#log();
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

  #log(): ReturnType<typeof openEmbeddedLog> {
    return openEmbeddedLog({ path: join(this.data, 'log', 'weir.sqlite') });
  }
}

async function connect(port: number, count: number): Promise<void> {
  const args = ['127.0.0.1', String(port), String(count), '3', '4', 'server'];
  const server = fleet.spawn(here, load, 'serve', ...args);
  await server.saw(/ready/);
  await fleet.spawn(here, load, 'connect', ...args).ended;
  await server.ended;
}

async function killed(weir: Weir): Promise<void> {
  weir.child.kill('SIGKILL');
  await weir.ended;
}

async function ended(weir: Weir): Promise<void> {
  weir.child.kill('SIGTERM');
  const { status, stderr } = await weir.ended;
  assert.equal(status, 0, stderr);
}

interface Row {
  readonly connection: number;
  readonly report: Report;
  readonly ports: readonly number[];
  readonly bytes: number;
}

const rowsOf = (batches: readonly RawBatch[]): Row[] =>
  batches.flatMap(({ flows }) =>
    Array.from({ length: flows.length }, (_, row) => ({
      connection: flows.connectionId[row]!,
      report: flows.report[row]! as Report,
      ports: [flows.localPort[row]!, flows.remotePort[row]!],
      bytes: flows.bytesSent[row]! + flows.bytesReceived[row]!,
    })),
  );

test('killed in mid-stream, below the capacity of the ring: every end is there once, long connections to the byte', async () => {
  const scene = new Scene('below');
  await scene.begin();
  let weir = await scene.start();
  const held = fleet.spawn(here, load, 'hold', '127.0.0.1', '7500', '5');
  await held.saw(/ready/);
  for (let life = 0; life < 3; life++) {
    await connect(7501 + life, 40);
    await sleep(1100); // an interim report of the five
    await connect(7511 + life, 20); // read, and perhaps sent
    await killed(weir);
    await connect(7521 + life, 20); // nobody is there
    held.child.stdin.write('\n');
    weir = await scene.start();
  }
  held.child.stdin.end();
  await held.ended;
  await sleep(300);
  await ended(weir);

  const folded = foldRaw(await scene.messages());
  assert.deepEqual([folded.missing, folded.lost, folded.next.size], [0, {}, 1]);
  const rows = rowsOf(folded.batches);
  const finals = rows.filter(({ report }) => report === Report.final);
  assert.equal(new Set(finals.map(({ connection }) => connection)).size, finals.length);
  for (let life = 0; life < 3; life++) {
    const ends = [7501, 7511, 7521].map((port) => finals.filter(({ ports }) => ports.includes(port + life)).length);
    assert.deepEqual(ends, [80, 40, 40]);
  }
  const long = rows.filter(({ ports }) => ports.includes(7500));
  assert.ok(long.some(({ report }) => report === Report.interim));
  const bytes = long.reduce((sum, row) => sum + row.bytes, 0);
  assert.equal(bytes, 2 * 5 * (10 + 10 + 3 * 7), 'each byte at both of its ends, once');
  assert.deepEqual(readdirSync(scene.pin), [], 'a clean end takes the pins along');
});

test('killed above the capacity of the ring: what was made is rows and losses, to the unit', async () => {
  const scene = new Scene('above');
  await scene.begin();
  const first = await scene.start();
  await connect(7531, 30);
  await killed(first);
  await connect(7532, 300); // 600 ends; the ring holds 248
  const second = await scene.start();
  await connect(7533, 30);
  await sleep(300);
  await ended(second);

  const folded = foldRaw(await scene.messages());
  const rows = rowsOf(folded.batches);
  assert.equal(folded.missing, 0);
  assert.equal(new Set(rows.map(({ connection }) => connection)).size, rows.length);
  assert.deepEqual(Object.keys(folded.lost), ['ring_full']);
  assert.equal(rows.length + folded.lost['ring_full']!, 2 * (30 + 300 + 30));
});

test('two sidecars of one node refuse each other, pinned in one folder or not, and name the pid', async () => {
  const scene = new Scene('twice');
  await scene.begin();
  const first = await scene.start();
  const other = [...scene.args()];
  other[other.indexOf('--sidecar-node') + 1] = `${scene.name}-other`;
  const unpinned = [...scene.args()];
  unpinned[unpinned.indexOf('--sidecar-pin') + 1] = 'off';
  for (const args of [scene.args(), other, unpinned, scene.args('--detach')]) {
    const { status, stderr } = await startWeir(args).ended;
    assert.equal(status, 2, stderr);
    assert.match(stderr, new RegExp(`WEIR_DATA_IN_USE.*process ${first.child.pid} `));
  }
  await ended(first);
});

test('--replace delivers the old stream with its total and begins a new one; --detach leaves nothing', async () => {
  const scene = new Scene('replaced');
  await scene.begin();
  const first = await scene.start();
  await connect(7541, 10);
  await killed(first);
  await connect(7542, 10);
  const second = await scene.start('--replace');
  await connect(7543, 10);
  await sleep(500);
  const folded = foldRaw(await scene.messages());
  assert.deepEqual([...folded.next.values()], [40, 20]);
  assert.equal(folded.missing, 0);
  await killed(second);
  assert.deepEqual(readdirSync(scene.pin), ['live']);
  const { status, stdout } = await startWeir(scene.args('--detach')).ended;
  assert.equal(status, 0);
  assert.match(stdout, new RegExp(`taken out of the kernel: ${scene.pin}`));
  assert.ok(!existsSync(scene.pin));
  const again = await startWeir(scene.args('--detach')).ended;
  assert.match(again.stdout, /nothing of Weir is pinned/);
});
