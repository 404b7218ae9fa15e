import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalOutcome, Report, Role, RoleMethod } from '../../../schemas/generated/common.ts';
import {
  FLOW_FLAG_SEEDED,
  FLOW_KIND_FAILED,
  FLOW_KIND_FINAL,
  FLOW_KIND_INTERIM,
  FLOW_ROLE_SERVER,
  FLOW_ROLE_UNKNOWN,
} from '../../../schemas/generated/record-offsets.ts';
import { CapturedColumns, NO_OWNER } from '../../../sidecar/captured-columns.ts';
import { decodeRing, type Decoded } from '../../../sidecar/decode.ts';
import { outcomeOf } from '../../../sidecar/outcome.ts';
import { addressBytes, flowRecord, listenRecord, ringBytes, type FlowFields } from '../../fixtures/ring-bytes.ts';

const clock = { bootToUnixUs: 1_700_000_000_000_000, jiffiesHz: 250 };

function decoded(...records: readonly Uint8Array[]): Decoded & { readonly columns: CapturedColumns } {
  const columns = new CapturedColumns(4);
  return { ...decodeRing(ringBytes(records), clock, columns), columns };
}

function one(fields: FlowFields): CapturedColumns {
  const { columns, rows, invalid } = decoded(flowRecord(fields));
  assert.deepEqual([rows, invalid.length, columns.length], [1, 0, 1]);
  return columns;
}

test('a record becomes a row: addresses, ports, bytes, owner and place', () => {
  const row = one({
    local: '10.1.2.3',
    remote: '2001:db8::1',
    localPort: 65_535,
    remotePort: 1,
    bytesSent: 5_000_000_000n,
    bytesReceived: 7n,
    cookie: 0x1_0000_0001n,
    cgroupId: 123_456_789_012n,
    netns: 4_026_532_000,
    pid: 4711,
    uid: 65_534,
  });
  assert.deepEqual(row.localAddr.slice(0, 16), addressBytes('10.1.2.3'));
  assert.deepEqual(row.remoteAddr.slice(0, 16), addressBytes('2001:db8::1'));
  assert.deepEqual([row.localPort[0], row.remotePort[0]], [65_535, 1]);
  assert.deepEqual([row.bytesSent[0], row.bytesReceived[0]], [5_000_000_000, 7]);
  assert.deepEqual([row.connectionId[0], row.cgroupId[0]], [0x1_0000_0001, 123_456_789_012]);
  assert.deepEqual([row.netns[0], row.pid[0], row.userId[0]], [4_026_532_000, 4711, 65_534]);
  assert.deepEqual([row.localWorkload[0], row.remoteWorkload[0], row.process[0], row.owner[0]], [-1, -1, -1, NO_OWNER]);
  assert.deepEqual([row.numbers[0], row.report[0], row.connectionCount[0]], [1, Report.final, 1]);
});

test('a cookie that the kernel drew counting down is a record like any other, with a number of its own', () => {
  assert.equal(one({ cookie: 0xffff_ffff_ffff_fff6n }).connectionId[0], 2 ** 52 + 10);
  assert.equal(one({ cookie: 0xffff_ffff_ffff_ffffn }).connectionId[0], 2 ** 52 + 1);
});

test('boot times become unix times, also after more than 104 days', () => {
  const days = 200n * 86_400n * 1_000_000_000n;
  const row = one({ openedNs: days + 1_999n, startNs: days + 1_999n, endNs: days + 5_000_000n });
  const us = 200 * 86_400 * 1_000_000 + clock.bootToUnixUs;
  assert.deepEqual([row.openedUs[0], row.startUs[0], row.endUs[0]], [us + 1, us + 1, us + 5000]);
});

test('what is not known is -1: opening, samples, handshake time after the first row', () => {
  const seeded = one({ openedNs: 0n, startNs: 0n, flags: FLOW_FLAG_SEEDED, role: FLOW_ROLE_UNKNOWN });
  assert.deepEqual([seeded.openedUs[0], seeded.seeded[0], seeded.role[0]], [-1, 1, Role.unknown]);
  assert.equal(seeded.startUs[0], seeded.endUs[0]);
  const bare = one({ rttUs: 0, rttVarUs: 7, rttMinUs: 0xffff_ffff, connectUs: 0 });
  assert.deepEqual([bare.rttUs[0], bare.rttVarUs[0], bare.rttMinUs[0], bare.connectUs[0]], [-1, -1, -1, -1]);
  assert.equal(one({ connectUs: 300, interimCount: 1 }).connectUs[0], -1);
  assert.equal(one({ connectUs: 300, interimCount: 0 }).connectUs[0], 300);
});

test('jiffies become microseconds by the rate of the kernel', () => {
  assert.equal(one({ busyJiffies: 3 }).busyUs[0], 12_000);
});

test('the role is known from the handshake, or from the listeners for an older socket', () => {
  const server = one({ role: FLOW_ROLE_SERVER });
  assert.deepEqual([server.role[0], server.roleMethod[0]], [Role.server, RoleMethod.handshake]);
  assert.equal(one({ role: FLOW_ROLE_UNKNOWN }).roleMethod[0], RoleMethod.unknown);
  assert.equal(one({ role: FLOW_ROLE_SERVER, flags: FLOW_FLAG_SEEDED }).roleMethod[0], RoleMethod.listener);
});

test('an interim report ends no connection', () => {
  const row = one({ kind: FLOW_KIND_INTERIM, oldState: 1 });
  assert.deepEqual([row.report[0], row.connectionCount[0], row.outcome[0]], [Report.interim, 0, LocalOutcome.open]);
});

test('listen records are collected apart, in order', () => {
  const { listens, rows } = decoded(
    listenRecord({ port: 80, netns: 5, pid: 9, cgroupId: 3n, atNs: 2_000_000n, comm: 'nginx', family: 6 }),
    flowRecord(),
    listenRecord({ port: 443 }),
  );
  assert.equal(rows, 1);
  assert.deepEqual(
    listens.map(({ port }) => port),
    [80, 443],
  );
  const at = clock.bootToUnixUs + 2000;
  assert.deepEqual(listens[0], { atUs: at, netns: 5, port: 80, family: 6, cgroupId: 3, pid: 9, comm: 'nginx' });
});

test('records that cannot be are counted, and the stream goes on', () => {
  const other = new Uint8Array(8 + 104);
  new DataView(other.buffer).setUint32(0, 100, true);
  const bad: readonly Uint8Array[] = [
    other,
    flowRecord({ kind: 0 }),
    flowRecord({ kind: 4 }),
    flowRecord({ role: 3 }),
    flowRecord({ family: 10 }),
    flowRecord({ bytesSent: 1n << 60n }),
    flowRecord({ endNs: 0n, startNs: 0n, openedNs: 0n }),
  ];
  for (const record of bad) {
    const { rows, invalid, columns } = decoded(flowRecord({ cookie: 1n }), record, flowRecord({ cookie: 2n }));
    assert.deepEqual([rows, invalid.length, columns.length], [2, 1, 2]);
    assert.deepEqual([columns.connectionId[0], columns.connectionId[1]], [1, 2]);
  }
});

test('a length that leads out of the bytes ends the reading with one refused record', () => {
  for (const length of [0, 0xffff_fff0]) {
    const torn = flowRecord();
    new DataView(torn.buffer).setUint32(0, length, true);
    const { rows, invalid } = decoded(flowRecord(), torn, flowRecord());
    assert.deepEqual([rows, invalid.length], [1, 1]);
  }
});

test('rows are appended and grow the columns; the front can leave', () => {
  const columns = new CapturedColumns(2);
  for (let i = 0; i < 5; i++) decodeRing(flowRecord({ cookie: BigInt(i), comm: `p${i}` }), clock, columns);
  assert.equal(columns.length, 5);
  columns.dropFirst(3);
  assert.deepEqual([columns.length, columns.connectionId[0], columns.connectionId[1]], [2, 3, 4]);
  assert.equal(columns.comm[1], '3'.charCodeAt(0));
});

test('outcomes follow from kind, state and error', () => {
  const cases: readonly (readonly [number, number, number, LocalOutcome])[] = [
    [FLOW_KIND_FAILED, 2, 111, LocalOutcome.refused],
    [FLOW_KIND_FAILED, 2, 104, LocalOutcome.refused],
    [FLOW_KIND_FAILED, 2, 110, LocalOutcome.timedOut],
    [FLOW_KIND_FAILED, 2, 113, LocalOutcome.unreachable],
    [FLOW_KIND_FAILED, 2, 101, LocalOutcome.unreachable],
    [FLOW_KIND_FAILED, 2, 0, LocalOutcome.abandoned],
    [FLOW_KIND_FAILED, 2, 99, LocalOutcome.other],
    [FLOW_KIND_FINAL, 1, 104, LocalOutcome.resetByRemote],
    [FLOW_KIND_FINAL, 8, 32, LocalOutcome.resetByRemote],
    [FLOW_KIND_FINAL, 1, 110, LocalOutcome.timedOut],
    [FLOW_KIND_FINAL, 1, 113, LocalOutcome.unreachable],
    [FLOW_KIND_FINAL, 1, 0, LocalOutcome.resetByLocal],
    [FLOW_KIND_FINAL, 8, 0, LocalOutcome.resetByLocal],
    [FLOW_KIND_FINAL, 9, 0, LocalOutcome.closed],
    [FLOW_KIND_FINAL, 5, 0, LocalOutcome.closed],
    [FLOW_KIND_FINAL, 4, 71, LocalOutcome.other],
    [FLOW_KIND_INTERIM, 1, 0, LocalOutcome.open],
  ];
  for (const [kind, state, error, outcome] of cases) {
    assert.equal(outcomeOf(kind, state, error), outcome, `kind ${kind}, state ${state}, error ${error}`);
  }
});
