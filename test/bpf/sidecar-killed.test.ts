/** weir sidecar on a real kernel, killed with kill -9 while connections come and go. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Report } from '../../schemas/generated/common.ts';
import type { RawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { openBpfSource } from '../../sidecar/flow-source-bpf.ts';
import { startWeir } from '../e2e/weir-command.ts';
import { foldRaw } from '../fixtures/raw-stream.ts';
import { ended, killed, Scene, Stage } from './sidecar-scene.ts';

let stage: Stage;
before(() => {
  stage = new Stage();
});
after(() => stage.remove());

const connect = (port: number, count: number): Promise<void> => stage.connect(port, count);

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
  const scene = new Scene(stage, 'below');
  await scene.begin();
  let weir = await scene.start();
  const held = stage.fleet.spawn(stage.here, stage.load, 'hold', '127.0.0.1', '7500', '5');
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
  const scene = new Scene(stage, 'above');
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
  const scene = new Scene(stage, 'twice');
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
  const scene = new Scene(stage, 'replaced');
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

test('killed in a clean stop, after the programs were detached: the next one brings the rest with its total, and begins anew', async () => {
  const scene = new Scene(stage, 'ended');
  await scene.begin();
  const first = await scene.start();
  await connect(7551, 10);
  await killed(first);
  await connect(7552, 10); // in the ring
  const { fleet } = stage;
  const dying = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 65_536, pinPath: scene.pin });
  await dying.start();
  await dying.detach();
  await dying.pinned?.leave();
  await connect(7553, 10); // nobody records it
  const second = await scene.start();
  await connect(7554, 10);
  await sleep(300);
  await ended(second);

  const folded = foldRaw(await scene.messages());
  assert.deepEqual([folded.missing, folded.lost], [0, {}]);
  assert.deepEqual([...folded.next.values()], [40, 20]);
  const totals = folded.batches.filter(({ first: from, next }) => from === next).map(({ ring }) => ring);
  assert.equal(new Set(totals).size, 2, 'both streams say their total');
  const ports = new Set(rowsOf(folded.batches).flatMap((row) => row.ports));
  assert.deepEqual(
    [7551, 7552, 7553, 7554].map((port) => ports.has(port)),
    [true, true, false, true],
  );
  assert.doesNotMatch(second.log(), /a hook is missing/);
});
