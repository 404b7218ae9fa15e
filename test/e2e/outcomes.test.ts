/** Every way in which a connection begins or ends, as an analyst reads it from the table `flows`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Fleet, type Running } from '../bpf/harness.ts';
import { capture, endCapture, readFlows, type Row, sum, verifyComplete } from './lake-rows.ts';

const PEER = '10.250.0.2';
const NOBODY_THERE = '10.250.0.77';
/** Above the ephemeral ports: where the role is not known, src and dst change places. */
const OLDER_PORT = 64_999;
const OLDER = 3;

type Program = 'program' | 'worker' | 'nobody';

/** reporter, outcome, error, bytes_to_dst, bytes_to_src, whose the process is; what else the row must say. */
type Expected = readonly [
  reporter: 'src' | 'dst',
  outcome: string,
  error: string | null,
  toDst: number,
  toSrc: number,
  owner?: Program,
  more?: Row,
];

interface Scenario {
  readonly name: string;
  readonly edge?: string;
  readonly args?: readonly string[];
  readonly rows: readonly Expected[];
}

const NOT_MADE = {
  report: 'failed',
  dst_workload: null,
  dst_method: 'none',
  dst_reason: 'no_claim',
  peer_reports: false,
};
const AT_PEER = { dst_workload: 'peer', dst_method: 'address', dst_reason: null, peer_reports: true };
const both = (outcome: string, toDst: number, toSrc: number, more: Row = {}): readonly Expected[] => [
  ['src', outcome, null, toDst, toSrc, 'program', more],
  ['dst', outcome, null, toDst, toSrc, 'program', more],
];

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'refused here',
    edge: 'nothing-listens',
    rows: [['src', 'refused', 'ECONNREFUSED', 0, 0, 'program', NOT_MADE]],
  },
  {
    name: 'refused by a peer',
    edge: 'nothing-listens',
    args: [PEER],
    rows: [['src', 'refused', 'ECONNREFUSED', 0, 0, 'program', { ...AT_PEER, report: 'failed', dst_addr: PEER }]],
  },
  {
    name: 'syn-timeout',
    args: [PEER, '10.250.0.11'],
    rows: [
      ['src', 'timed_out', 'ETIMEDOUT', 0, 0, 'program', { ...AT_PEER, report: 'failed', src_addr: '10.250.0.11' }],
    ],
  },
  {
    name: 'host-unreachable',
    args: [NOBODY_THERE],
    rows: [['src', 'unreachable', 'EHOSTUNREACH', 0, 0, 'program', { ...NOT_MADE, dst_addr: NOBODY_THERE }]],
  },
  { name: 'no-route', args: ['10.99.99.1'], rows: [] }, // fails before there is a connection
  {
    name: 'abandoned',
    args: [NOBODY_THERE],
    rows: [['src', 'abandoned', null, 0, 0, 'program', { ...NOT_MADE, connect_us: null }]],
  },
  {
    name: 'local reset by unread data',
    edge: 'unread-data',
    rows: [
      ['src', 'reset_by_dst', 'ECONNRESET', 5000, 0],
      ['dst', 'reset_by_dst', null, 5000, 0],
    ],
  },
  {
    name: 'peer reset by linger zero',
    edge: 'linger-zero',
    rows: [
      ['src', 'reset_by_src', null, 500, 0],
      ['dst', 'reset_by_src', 'ECONNRESET', 500, 0, 'nobody'],
    ],
  },
  {
    name: 'never-accepted',
    rows: [
      ['src', 'reset_by_dst', 'ECONNRESET', 10, 0],
      ['dst', 'reset_by_dst', null, 10, 0],
    ],
  },
  { name: 'half-close', rows: both('closed', 300, 700) },
  {
    name: 'killed-owner',
    rows: [
      ['src', 'closed', null, 20, 0, 'worker'],
      ['dst', 'closed', null, 20, 0],
    ],
  },
  {
    name: 'fork-server',
    rows: [
      ['src', 'closed', null, 9, 9],
      ['dst', 'closed', null, 9, 9, 'worker', { process_name: 'worker1' }],
    ],
  },
  {
    name: 'reused-socket',
    rows: [
      ['src', 'reset_by_src', null, 100, 0],
      ['dst', 'reset_by_src', 'ECONNRESET', 100, 0, 'nobody'],
      ...both('closed', 50, 0),
    ],
  },
  { name: 'self-connect', rows: [['src', 'closed', null, 77, 77]] },
  { name: 'dropped-rights', rows: both('closed', 300, 700, { process_user_id: 65_534n }) },
  { name: 'ipv6', rows: both('closed', 6, 0, { src_addr: '::1', dst_addr: '::1' }) },
  { name: 'v4-mapped', rows: both('closed', 6, 0, { src_addr: '127.0.0.1', dst_addr: '127.0.0.1' }) },
  {
    name: 'user-timeout',
    args: [PEER, '10.250.0.12'],
    rows: [['src', 'timed_out', 'ETIMEDOUT', 100, 0, 'program', { ...AT_PEER, src_addr: '10.250.0.12' }]],
  },
];

const portOf = (index: number): number => 21_000 + index;
const TIMED = SCENARIOS.findIndex(({ name }) => name === 'user-timeout');

let fleet: Fleet;
let rows: readonly Row[];
let older: Running;
const programs = new Map<string, Running>();

/** Runs every scenario at once: the slow ones wait for kernel timers. */
before(async () => {
  fleet = new Fleet();
  const data = join(fleet.folder, 'data');
  const [edges, load] = [fleet.compile('edges'), fleet.compile('load')];
  const [here, there] = [fleet.namespace('here'), fleet.namespace('there')];
  fleet.connect(here, there);
  for (const last of [11, 12]) fleet.ip(here, 'addr', 'add', `10.250.0.${last}/24`, 'dev', 'wire');
  fleet.ip(there, 'route', 'add', 'blackhole', '10.250.0.11/32');
  const [shop, peers, old] = [fleet.workload('shop'), fleet.workload('peer'), fleet.workload('old')];
  older = fleet.spawnIn(old, here, load, 'hold', '127.0.0.1', String(OLDER_PORT), String(OLDER));
  await older.saw(/ready/);
  const running = await capture(fleet, data, '--sidecar-scan', '100ms');
  const peer = fleet.spawnIn(peers, there, edges, 'accept-forever', String(portOf(TIMED)), PEER);
  await peer.saw(/ready/);
  await delay(1000); // the peer's address is claimed, and older connections are seeded
  older.child.stdin.write('\n');
  await older.saw(/sent/);
  SCENARIOS.forEach(({ name, edge = name, args = [] }, i) => {
    programs.set(name, fleet.spawnIn(shop, here, edges, edge, String(portOf(i)), ...args));
  });
  const timed = programs.get('user-timeout');
  assert.ok(timed !== undefined);
  await timed.saw(/connected/);
  fleet.ip(there, 'route', 'add', 'blackhole', '10.250.0.12/32');
  timed.child.stdin.end('go on\n');
  await Promise.all([...programs.values()].map((program) => program.ended));
  older.child.stdin.end();
  await older.ended;
  await endCapture(running);
  rows = await readFlows(data);
  await verifyComplete(data);
});
after(() => fleet.remove());

SCENARIOS.forEach((scenario, i) => {
  test(`${scenario.name}: a row for each end, with the right outcome, owner and bytes`, () => {
    // The peer of the time-out lives on the other side of the wire, its connection stays open: not what is looked at.
    const mine = rows.filter((row) => row['dst_port'] === portOf(i) && !(i === TIMED && row['reporter'] === 'dst'));
    const left = [...mine];
    for (const expected of scenario.rows) {
      const at = left.findIndex((row) => mismatch(row, expected, scenario.name) === '');
      const tried = left.map((row) => `${mismatch(row, expected, scenario.name)} in ${show(row)}`).join('\n');
      assert.ok(at >= 0, `nothing fits ${show({ expected })}:\n${tried}`);
      left.splice(at, 1);
    }
    assert.deepEqual(left.map(show), [], 'more rows than ends');
  });
});

test('connections older than the start are seeded with owner and role, and told of from then on', () => {
  const mine = rows.filter((row) => row['dst_port'] === OLDER_PORT || row['src_port'] === OLDER_PORT);
  const byEnd = Map.groupBy(mine, (row) => row['connection_id']);
  assert.equal(byEnd.size, 2 * OLDER);
  for (const told of byEnd.values()) {
    const ordered = told.toSorted((a, b) => Number(a['flow_number']) - Number(b['flow_number']));
    assert.deepEqual(
      ordered.map((row) => [row['report'], row['outcome'], row['connection_count']]),
      [
        ['interim', 'open', 0n],
        ['final', 'closed', 1n],
      ],
    );
    assert.deepEqual([sum(told, 'bytes_to_dst'), sum(told, 'bytes_to_src')], [17, 10]);
    for (const row of told) {
      const wanted = {
        ...{ seeded: true, connection_start_time: null, dst_port: OLDER_PORT, role_method: 'listener' },
        ...{ src_workload: 'old', dst_workload: 'old', process_pid: BigInt(older.pid), process_name: 'load' },
      };
      assert.deepEqual(only(row, wanted), wanted);
    }
  }
  const ends = Map.groupBy(mine, (row) => row['reporter']);
  assert.deepEqual([ends.get('src')?.length, ends.get('dst')?.length], [2 * OLDER, 2 * OLDER]);
});

const only = (row: Row, wanted: Row): Row => Object.fromEntries(Object.keys(wanted).map((key) => [key, row[key]]));

/** Empty when the row fits; else the first thing that does not. */
function mismatch(row: Row, expected: Expected, name: string): string {
  const [reporter, outcome, error, toDst, toSrc, owner = 'program', more = {}] = expected;
  const [, pid, worker] = /pid=(\d+) worker=(\d+)/.exec(programs.get(name)?.output() ?? '') ?? [];
  const nobody = owner === 'nobody';
  const wanted: Row = {
    ...{ reporter, outcome, error, bytes_to_dst: BigInt(toDst), bytes_to_src: BigInt(toSrc) },
    ...{ report: 'final', connection_count: 1n, role_method: 'handshake', seeded: false, peer_reports: true },
    ...{ src_workload: 'shop', src_reason: null, dst_workload: 'shop', dst_reason: null },
    [`${reporter}_method`]: 'local',
    // Who closed a reset socket is not known: it is the kernel itself.
    process_pid: { program: BigInt(pid ?? 0), worker: BigInt(worker ?? 0), nobody: null }[owner],
    process_name: nobody ? null : 'edges',
    ...(name === 'self-connect' ? { dst_method: 'peer' } : {}),
    ...more,
  };
  for (const [key, value] of Object.entries(wanted)) if (row[key] !== value) return `${key} is not ${String(value)}`;
  return '';
}

function show(row: Row): string {
  const said = Object.entries(row).filter(([, value]) => value !== null);
  return JSON.stringify(Object.fromEntries(said), (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}
