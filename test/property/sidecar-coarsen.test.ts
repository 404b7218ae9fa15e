/** Merging rows of one edge loses nothing but what belongs to a single connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Report } from '../../schemas/generated/common.ts';
import { FLOW_KIND_FAILED, FLOW_KIND_FINAL, FLOW_KIND_INTERIM } from '../../schemas/generated/record-offsets.ts';
import { decodeRawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { BatchStream } from '../../sidecar/batch.ts';
import { CapturedColumns } from '../../sidecar/captured-columns.ts';
import { coarsen } from '../../sidecar/coarsen.ts';
import { decodeRing } from '../../sidecar/decode.ts';
import { OwnerTable } from '../../sidecar/owners.ts';
import { FakeHost } from '../fixtures/fake-machine.ts';
import { flowRecord, ringBytes, type FlowFields } from '../fixtures/ring-bytes.ts';

const clock = { bootToUnixUs: 1_700_000_000_000_000, jiffiesHz: 250 };

const flow: fc.Arbitrary<FlowFields> = fc.record({
  cookie: fc.bigInt({ min: 1n, max: 1_000_000n }),
  cgroupId: fc.constantFrom(11n, 22n, 99n),
  local: fc.constantFrom('10.0.0.1', '127.0.0.1'),
  remote: fc.constantFrom('10.0.0.2', '10.0.0.3', '127.0.0.1'),
  localPort: fc.integer({ min: 1, max: 65_535 }),
  remotePort: fc.integer({ min: 1, max: 65_535 }),
  role: fc.nat(2),
  kind: fc.constantFrom(FLOW_KIND_FINAL, FLOW_KIND_INTERIM, FLOW_KIND_FAILED),
  bytesSent: fc.bigInt({ min: 0n, max: 1n << 40n }),
  bytesReceived: fc.bigInt({ min: 0n, max: 1n << 40n }),
  endNs: fc.bigInt({ min: 2_000_000_000n, max: 9_000_000_000n }),
});

const SUMS = ['numbers', 'connectionCount', 'bytesSent', 'bytesReceived', 'segmentsSent', 'busyUs'] as const;

function totals(columns: CapturedColumns): number[] {
  return SUMS.map((name) => {
    let sum = 0;
    for (let row = 0; row < columns.length; row++) sum += columns[name][row]!;
    return sum;
  });
}

function captured(flows: readonly FlowFields[]): { columns: CapturedColumns; owners: OwnerTable } {
  const host = new FakeHost('node-a', () => 0);
  for (const id of [11, 22]) host.paths.set(id, `/demo/w${id}`);
  const owners = new OwnerTable(host);
  const columns = new CapturedColumns(4);
  decodeRing(ringBytes(flows.map((fields) => flowRecord(fields))), clock, columns);
  owners.assign(columns, 0);
  return { columns, owners };
}

test('sums are exact, however often rows are merged, and the numbers still tile', () => {
  fc.assert(
    fc.property(fc.array(flow, { minLength: 1, maxLength: 80 }), fc.nat(3), (flows, times) => {
      const { columns, owners } = captured(flows);
      const before = totals(columns);
      const [start, end] = [
        Math.min(...columns.startUs.subarray(0, flows.length)),
        Math.max(...columns.endUs.subarray(0, flows.length)),
      ];
      for (let i = 0; i <= times; i++) assert.equal(coarsen(columns, 1000), 0);
      assert.deepEqual(totals(columns), before);
      const rows = columns.length;
      const { message, next } = new BatchStream({ cluster: 'c', network: 'n', node: 'n', stream: 's' }).seal(
        columns,
        rows,
        [],
        owners,
        0,
      );
      const batch = decodeRawBatch(message.value);
      assert.deepEqual([batch.flows.length, batch.next, next], [rows, flows.length, flows.length]);
      let offset = 0;
      for (let row = 0; row < rows; row++) {
        const { numberOffset, numbers, report, localPort, connectionId, process } = batch.flows;
        assert.equal(numberOffset[row], offset);
        offset += numbers[row]!;
        const merged = report[row] === Report.merged;
        assert.equal(merged, numbers[row]! > 1);
        assert.equal(localPort[row] === -1 && connectionId[row] === -1 && process[row] === -1, merged);
      }
      assert.equal(Math.min(...batch.flows.startUs.subarray(0, rows)), start);
      assert.equal(Math.max(...batch.flows.endUs.subarray(0, rows)), end);
    }),
    { numRuns: 300 },
  );
});

test('rows of one edge become one, and other addresses, owners, roles or outcomes stay apart', () => {
  const one: FlowFields = { cgroupId: 11n, local: '10.0.0.1', remote: '10.0.0.2', localPort: 1, remotePort: 80 };
  const others: FlowFields[] = [
    { ...one, remote: '10.0.0.3' },
    { ...one, local: '10.0.0.4' },
    { ...one, cgroupId: 22n },
    { ...one, role: 2 },
    { ...one, kind: FLOW_KIND_INTERIM },
    { ...one, kind: FLOW_KIND_FAILED, error: 111 },
  ];
  const { columns } = captured([one, ...others, { ...one, localPort: 2 }, { ...one, remotePort: 443 }]);
  assert.equal(coarsen(columns, 100), 0);
  assert.deepEqual(Array.from(columns.numbers.subarray(0, columns.length)), [3, 1, 1, 1, 1, 1, 1]);
  assert.equal(columns.connectionCount[0], 3);
});

test('more edges than there is room for are dropped by flow numbers, the known ones go on', () => {
  const flows = Array.from({ length: 40 }, (_, i): FlowFields => ({ cgroupId: 11n, remote: `10.0.1.${i % 10}` }));
  const { columns } = captured(flows);
  assert.equal(coarsen(columns, 7), 12);
  assert.deepEqual([columns.length, totals(columns)[0]], [7, 28]);
});
