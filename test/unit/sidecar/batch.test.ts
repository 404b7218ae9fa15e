import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRawBatch } from '../../../schemas/generated/flows-raw-v1.ts';
import { HEADER } from '../../../transport/log.ts';
import { BatchStream, streamOf } from '../../../sidecar/batch.ts';
import { CapturedColumns } from '../../../sidecar/captured-columns.ts';
import { decodeRing } from '../../../sidecar/decode.ts';
import { LossLedger } from '../../../sidecar/losses.ts';
import { OwnerTable } from '../../../sidecar/owners.ts';
import { FakeHost } from '../../fixtures/fake-machine.ts';
import { flowRecord, ringBytes, type FlowFields } from '../../fixtures/ring-bytes.ts';

const identity = { cluster: 'c', network: 'n', node: 'node-a', stream: streamOf('ring', 3) };
const counters = { made: 0, listenDropped: 0, stateFull: 0, recursionMisses: {} };

function rows(...flows: readonly FlowFields[]): { readonly columns: CapturedColumns; readonly owners: OwnerTable } {
  const host = new FakeHost('node-a', () => 0);
  host.paths.set(7, '/demo/checkout');
  host.paths.set(8, `/docker/${'ab'.repeat(32)}`);
  host.paths.set(1, '/');
  const owners = new OwnerTable(host);
  const columns = new CapturedColumns(4);
  decodeRing(ringBytes(flows.map((fields) => flowRecord(fields))), { bootToUnixUs: 0, jiffiesHz: 250 }, columns);
  owners.assign(columns, 0);
  return { columns, owners };
}

test('a batch numbers its rows, names the stream and carries the headers of the contract', () => {
  const { columns, owners } = rows({ openedNs: 1_000_500_000n, startNs: 1_000_500_000n }, { endNs: 3_000_400_000n });
  const stream = new BatchStream(identity);
  const sealed = stream.seal(columns, 2, [], owners, 0);
  assert.deepEqual(sealed.message.headers, {
    [HEADER.contentType]: 'application/vnd.apache.avro+single-object',
    [HEADER.node]: 'node-a',
    [HEADER.ring]: 'ring-p3',
    [HEADER.seq]: '0',
    [HEADER.first]: '0',
    [HEADER.next]: '2',
    [HEADER.flows]: '2',
    [HEADER.from]: '1000',
    [HEADER.to]: '3001',
  });
  assert.equal(sealed.message.key, 'c/node-a');
  const batch = decodeRawBatch(sealed.message.value);
  assert.deepEqual([...batch.flows.numberOffset.subarray(0, 2)], [0, 1]);
  assert.deepEqual([batch.first, batch.next, stream.next], [0, 2, 2]);
});

test('only the rows asked for are in it, and the others stay as they were', () => {
  const { columns, owners } = rows({ cookie: 1n }, { cookie: 2n }, { cookie: 3n });
  const stream = new BatchStream(identity);
  const first = stream.seal(columns, 2, [], owners, 0);
  columns.dropFirst(first.rows);
  const second = decodeRawBatch(stream.seal(columns, columns.length, [], owners, 0).message.value);
  assert.deepEqual([second.seq, second.first, second.next], [1, 2, 3]);
  assert.deepEqual([second.flows.length, second.flows.connectionId[0]], [1, 3]);
});

test('the dictionaries hold each workload and each process once', () => {
  const { columns, owners } = rows(
    { cgroupId: 7n, pid: 1, comm: 'a' },
    { cgroupId: 7n, pid: 1, comm: 'a' },
    { cgroupId: 7n, pid: 2, comm: 'a' },
    { cgroupId: 7n, pid: 2, comm: 'a', uid: 5 },
    { cgroupId: 8n, pid: 3, comm: 'b' },
    { cgroupId: 1n, pid: 4, comm: 'sshd' },
    { cgroupId: 1n, pid: 5, comm: 'cron' },
    { cgroupId: 99n, pid: 6, comm: 'x' },
  );
  const batch = decodeRawBatch(new BatchStream(identity).seal(columns, 8, [], owners, 0).message.value);
  assert.deepEqual(
    batch.workloads.map(({ kind, name }) => `${kind} ${name}`),
    ['Cgroup checkout', 'Container abababababab', 'Process sshd', 'Process cron'],
  );
  assert.deepEqual([...batch.flows.localWorkload.subarray(0, 8)], [0, 0, 0, 0, 1, 2, 3, -1]);
  assert.deepEqual([...batch.flows.process.subarray(0, 8)], [0, 0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(
    batch.processes.map(({ name, pid, userId, containerId }) => [name, pid, userId, containerId.length]),
    [
      ['a', 1, 0, 0],
      ['a', 2, 0, 0],
      ['a', 2, 5, 0],
      ['b', 3, 0, 64],
      ['sshd', 4, 0, 0],
      ['cron', 5, 0, 0],
      ['x', 6, 0, 0],
    ],
  );
});

test('losses stand at the end of the range', () => {
  const { columns, owners } = rows({});
  const losses = new LossLedger(100);
  losses.observe({ ...counters, dropped: { ring_full: 5 } }, 200);
  losses.observe({ ...counters, dropped: { ring_full: 7 } }, 300);
  losses.addOverload(2, 300);
  assert.equal(losses.flows, 9);
  const batch = decodeRawBatch(new BatchStream(identity).seal(columns, 1, losses.entries(), owners, 0).message.value);
  assert.deepEqual([batch.first, batch.next, batch.flows.length], [0, 10, 1]);
  assert.deepEqual(batch.losses, [
    { stage: 'kernel', reason: 'ring_full', flows: 7, intervalStartUs: 100, intervalEndUs: 300, intentional: false },
    {
      stage: 'sidecar',
      reason: 'overload',
      flows: 2,
      intervalStartUs: 300,
      intervalEndUs: 300,
      intentional: false,
    },
  ]);
  losses.clear();
  assert.equal(losses.observe({ ...counters, dropped: { ring_full: 7 } }, 400), 0);
  assert.deepEqual(losses.entries(), []);
});

test('a batch that would exceed the message takes fewer rows and leaves the losses for the next', () => {
  const { columns, owners } = rows(...Array.from({ length: 100 }, (_, i) => ({ cookie: BigInt(i) })));
  const losses = new LossLedger(0);
  losses.addOverload(3, 1);
  const stream = new BatchStream(identity, 4000);
  const sealed = stream.seal(columns, 100, losses.entries(), owners, 0);
  assert.ok(sealed.message.value.length <= 4000 && sealed.rows < 100 && sealed.rows > 10);
  assert.deepEqual([sealed.losses, sealed.next, stream.next], [[], sealed.rows, sealed.rows]);
});

test('an empty batch stands at its moment', () => {
  const { columns, owners } = rows();
  const { message } = new BatchStream(identity).seal(columns, 0, [], owners, 5_000_000);
  assert.deepEqual([message.headers[HEADER.from], message.headers[HEADER.to]], ['5000', '5000']);
});
