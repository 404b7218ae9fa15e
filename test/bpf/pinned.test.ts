import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import * as record from '../../schemas/generated/record-offsets.ts';
import { openBpfSource } from '../../sidecar/flow-source-bpf.ts';
import type { BpfSource } from '../../sidecar/flow-source-bpf.ts';
import { drain, Fleet, follow } from './harness.ts';
import type { Running } from './harness.ts';

const KILLED = join(import.meta.dirname, '..', 'fixtures', 'capture-until-killed.ts');

let fleet: Fleet;
let load: string;
let here: string;
let bpffs: string;
let source: BpfSource | null = null;
before(() => {
  fleet = new Fleet();
  load = fleet.compile('load');
  here = fleet.namespace('here');
  bpffs = join(fleet.folder, 'bpffs');
  mkdirSync(bpffs);
  execFileSync('mount', ['-t', 'bpf', 'none', bpffs]);
});
afterEach(() => source?.stop());
after(async () => {
  execFileSync('umount', [bpffs]);
  rmdirSync(bpffs);
  await fleet.remove();
});

const pinned = (name: string): BpfSource => {
  source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 1 << 20, pinPath: join(bpffs, name) });
  return source;
};

/** A capture in another process, which has read `lines` times when it is returned. */
async function otherCapture(name: string): Promise<Running> {
  const other = follow(spawn(process.execPath, [KILLED, fleet.cgroupPath, join(bpffs, name)]));
  await other.saw(/ready/);
  return other;
}

async function killed(other: Running): Promise<void> {
  other.child.kill('SIGKILL');
  await other.ended.catch(() => undefined);
}

async function connect(port: number, count: number): Promise<void> {
  const server = fleet.spawn(here, load, 'serve', '127.0.0.1', String(port), String(count), '3', '4', 'server');
  await server.saw(/ready/);
  await fleet.spawn(here, load, 'connect', '127.0.0.1', String(port), String(count), '3', '4', 'server').ended;
  await server.ended;
}

test('a killed process loses nothing: the kernel goes on recording, and the next one reads on where it released', async () => {
  const other = await otherCapture('a');
  const held = fleet.spawn(here, load, 'hold', '127.0.0.1', '7400', '5');
  await held.saw(/ready/);
  await connect(7401, 10);
  other.child.stdin.write('\n');
  await other.saw(/read 30/); // 20 ends that are over, 10 that are open
  await connect(7402, 7); // in the ring, never read
  await killed(other);
  await connect(7403, 9); // nobody is there
  held.child.stdin.write('\n');
  await held.saw(/sent/);

  const next = pinned('a');
  const { ringId } = await next.start();
  assert.ok(next.adopted);
  assert.equal(`ready ${ringId}`, other.output().split('\n')[0]);
  assert.equal(Buffer.from(next.readJournal()).toString(), '30');
  await next.reportOpen();
  const flows = drain(next).flows;
  const onPort = (port: number): number =>
    flows.filter((flow) => [flow.localPort, flow.remotePort].includes(port)).length;
  assert.deepEqual([7400, 7401, 7402, 7403].map(onPort), [10, 0, 14, 18]);
  for (const flow of flows.filter((seen) => seen.kind === record.FLOW_KIND_INTERIM)) {
    assert.equal(flow.interimCount, 1);
    assert.equal(flow.sent + flow.received, 7, 'what the killed process had reported is not repeated');
    assert.equal(flow.flags & record.FLOW_FLAG_SEEDED, 0);
  }
  assert.equal(next.counters().made, 30 + flows.length);
  held.child.stdin.end();
  await held.ended;
  await next.stop();
  assert.deepEqual(readdirSync(join(bpffs, 'a')), [], 'a clean end takes the pins along');
});

test('a pinned capture has one process at a time, and a clean end begins a new ring', async () => {
  const other = await otherCapture('b');
  await assert.rejects(pinned('b').start(), { code: 'WEIR_DATA_IN_USE' });
  await killed(other);
  const next = pinned('b');
  const first = await next.start();
  assert.ok(next.adopted);
  await next.stop();
  const fresh = pinned('b');
  const second = await fresh.start();
  assert.ok(!fresh.adopted);
  assert.notEqual(second.ringId, first.ringId);
  assert.equal(fresh.readJournal().length, 0);
  assert.equal(fresh.counters().made, 0);
});

test('a process that dies after it has detached leaves its ring and its page, and nothing more comes', async () => {
  const other = await otherCapture('e');
  await connect(7421, 6);
  other.child.stdin.write('\n');
  await other.saw(/read 12/);
  await connect(7422, 5);
  other.child.stdin.write('detach\n');
  await other.saw(/detached/);
  assert.ok(!readdirSync(join(bpffs, 'e', 'live')).some((name) => name.startsWith('link_')));
  await killed(other);
  await connect(7423, 5); // nobody records it
  const next = pinned('e');
  await next.start();
  assert.ok(next.adopted);
  assert.equal(Buffer.from(next.readJournal()).toString(), '12');
  await next.reportOpen();
  assert.equal(drain(next).flows.length, 10);
  assert.equal(next.counters().made, 22);
  await next.pinned!.leave();
  assert.deepEqual(readdirSync(join(bpffs, 'e')), ['live'], 'it stays until somebody stops it');
  const last = pinned('e');
  await last.start();
  await last.stop();
  assert.deepEqual(readdirSync(join(bpffs, 'e')), []);
});

test('what a process that died while pinning has left is cleared away', async () => {
  mkdirSync(join(bpffs, 'd'));
  mkdirSync(join(bpffs, 'd', 'new'));
  const next = pinned('d');
  await next.start();
  assert.ok(!next.adopted);
  assert.deepEqual(readdirSync(join(bpffs, 'd')), ['live']);
});

test('the journal holds the last whole write, of any length up to its bound', async () => {
  const here = pinned('c');
  await here.start();
  for (const length of [1, 100, 4032, 0, 7]) {
    const bytes = Buffer.alloc(length, length % 251);
    here.writeJournal(bytes);
    assert.deepEqual(Buffer.from(here.readJournal()), bytes);
  }
  assert.throws(() => here.writeJournal(Buffer.alloc(4033)), { code: 'WEIR_SIDECAR_ADDON_ARGUMENT' });
  assert.equal(here.readJournal().length, 7);
});

test('a pin folder that is on no bpffs is refused with the command that mends it', async () => {
  const wrong = openBpfSource({
    cgroupPath: fleet.cgroupPath,
    ringBytes: 1 << 20,
    pinPath: join(fleet.folder, 'pins'),
  });
  await assert.rejects(wrong.start(), { code: 'WEIR_SIDECAR_LOAD_FAILED', message: /mount -t bpf/ });
});
