import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import * as record from '../../schemas/generated/record-offsets.ts';
import { openBpfSource } from '../../sidecar/flow-source-bpf.ts';
import { Collector, Fleet } from './harness.ts';
import type { FlowSeen, Running } from './harness.ts';

const ESTABLISHED = 1;
const SYN_SENT = 2;
const FIN_WAIT2 = 5;
const LAST_ACK = 9;
const CLOSING = 11;
const ECONNRESET = 104;
const ETIMEDOUT = 110;
const ECONNREFUSED = 111;
const EHOSTUNREACH = 113;

/** What a record must say; pid by whose it is. `had` are flags that must be there; -1 is checked apart. */
interface End {
  readonly role: 'client' | 'server';
  readonly kind?: 'final' | 'failed';
  readonly oldState: number;
  readonly error?: number;
  readonly sent: number;
  readonly received: number;
  readonly owner?: 'program' | 'worker' | 'nobody';
  readonly comm?: string;
  readonly uid?: number;
  readonly family?: number;
  readonly had?: number;
  readonly check?: (flow: FlowSeen) => boolean;
}

interface Scenario {
  readonly name: string;
  readonly args?: readonly string[];
  readonly ends: readonly End[];
}

const client = (oldState: number, sent: number, received: number, more: Partial<End> = {}): End => ({
  role: 'client',
  oldState,
  sent,
  received,
  ...more,
});
const server = (oldState: number, sent: number, received: number, more: Partial<End> = {}): End => ({
  role: 'server',
  oldState,
  sent,
  received,
  ...more,
});
const failed = (error: number, more: Partial<End> = {}): End =>
  client(SYN_SENT, 0, 0, { kind: 'failed', error, ...more });
const FIN = { had: record.FLOW_FLAG_FIN_RECEIVED };
const PEER = '10.250.0.2';
const NOBODY_THERE = '10.250.0.77';

const SCENARIOS: readonly Scenario[] = [
  { name: 'nothing-listens', ends: [failed(ECONNREFUSED, { check: (flow) => flow.unsent === 0 })] },
  {
    name: 'syn-timeout',
    args: [PEER, '10.250.0.11'],
    ends: [failed(ETIMEDOUT, { check: (flow) => flow.rtoTimeouts > 0 })],
  },
  { name: 'host-unreachable', args: [NOBODY_THERE], ends: [failed(EHOSTUNREACH)] },
  { name: 'no-route', args: ['10.99.99.1'], ends: [] }, // fails before there is a connection
  { name: 'abandoned', args: [NOBODY_THERE], ends: [failed(0, { check: (flow) => flow.segmentsSent > 0 })] },
  {
    name: 'no-free-port',
    ends: [
      failed(0, {
        check: (flow) =>
          flow.segmentsSent === 0 && flow.openedNs === flow.endNs && flow.flags === record.FLOW_FLAG_OWNER_AT_CLOSE,
      }),
      client(FIN_WAIT2, 0, 0, FIN),
      server(LAST_ACK, 0, 0, FIN),
    ],
  },
  { name: 'unread-data', ends: [client(ESTABLISHED, 5000, 0, { error: ECONNRESET }), server(ESTABLISHED, 0, 5000)] },
  {
    name: 'linger-zero',
    ends: [client(ESTABLISHED, 500, 0), server(ESTABLISHED, 0, 500, { error: ECONNRESET, owner: 'nobody' })],
  },
  { name: 'half-close', ends: [client(FIN_WAIT2, 300, 700, FIN), server(LAST_ACK, 700, 300, FIN)] },
  { name: 'never-accepted', ends: [client(ESTABLISHED, 10, 0, { error: ECONNRESET }), server(ESTABLISHED, 0, 10)] },
  {
    name: 'reused-socket',
    ends: [
      client(ESTABLISHED, 100, 0),
      server(ESTABLISHED, 0, 100, { error: ECONNRESET, owner: 'nobody' }),
      client(FIN_WAIT2, 50, 0, FIN),
      server(LAST_ACK, 0, 50, FIN),
    ],
  },
  { name: 'self-connect', ends: [client(CLOSING, 77, 77, FIN)] },
  {
    name: 'killed-owner',
    ends: [
      client(FIN_WAIT2, 20, 0, { ...FIN, owner: 'worker' }),
      server(LAST_ACK, 0, 20, { ...FIN, owner: 'program' }),
    ],
  },
  {
    name: 'fork-server',
    ends: [
      client(LAST_ACK, 9, 9, { ...FIN, owner: 'program' }),
      server(FIN_WAIT2, 9, 9, { ...FIN, owner: 'worker', comm: 'worker1' }),
    ],
  },
  {
    name: 'dropped-rights',
    ends: [client(FIN_WAIT2, 300, 700, { uid: 65_534 }), server(LAST_ACK, 700, 300, { uid: 65_534 })],
  },
  {
    name: 'fast-open',
    ends: [client(FIN_WAIT2, 33, 11), server(LAST_ACK, 11, 33), client(FIN_WAIT2, 33, 11), server(LAST_ACK, 11, 33)],
  },
  {
    name: 'unsent-data-then-reset',
    ends: [
      client(ESTABLISHED, -1, 0, { error: ECONNRESET, check: (flow) => flow.sent > 65_536 && flow.unsent > 0 }),
      server(ESTABLISHED, 0, -1, { check: (flow) => flow.received > 65_536 }),
    ],
  },
  {
    name: 'user-timeout',
    args: [PEER, '10.250.0.12'],
    ends: [client(ESTABLISHED, 100, 0, { error: ETIMEDOUT, check: (flow) => flow.unsent > 0 })],
  },
  { name: 'ipv6', ends: [client(FIN_WAIT2, 6, 0, { family: 6 }), server(LAST_ACK, 0, 6, { family: 6 })] },
  {
    name: 'v4-mapped',
    ends: [
      client(FIN_WAIT2, 6, 0, { family: 4, had: record.FLOW_FLAG_V4MAPPED }),
      server(LAST_ACK, 0, 6, { family: 4, had: record.FLOW_FLAG_V4MAPPED }),
    ],
  },
];

const portOf = (index: number): number => 21_000 + index;
const TIMEOUT_PORT = portOf(SCENARIOS.findIndex((scenario) => scenario.name === 'user-timeout'));

let fleet: Fleet;
let flows: readonly FlowSeen[];
const programs = new Map<string, Running>();

/** Runs every scenario at once: the slow ones wait for kernel timers. */
before(async () => {
  fleet = new Fleet();
  const edges = fleet.compile('edges');
  const here = fleet.namespace('here');
  const there = fleet.namespace('there');
  fleet.connect(here, there);
  fleet.ip(here, 'addr', 'add', '10.250.0.11/24', 'dev', 'wire');
  fleet.ip(here, 'addr', 'add', '10.250.0.12/24', 'dev', 'wire');
  fleet.ip(there, 'route', 'add', 'blackhole', '10.250.0.11/32');
  const source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 1 << 20 });
  await source.start();
  const collector = new Collector(source);
  const peer = fleet.spawn(there, edges, 'accept-forever', String(TIMEOUT_PORT), PEER);
  await peer.saw(/ready/);
  SCENARIOS.forEach(({ name, args = [] }, i) => {
    programs.set(name, fleet.spawn(here, edges, name, String(portOf(i)), ...args));
  });
  const timed = programs.get('user-timeout');
  assert.ok(timed !== undefined);
  await timed.saw(/connected/);
  fleet.ip(there, 'route', 'add', 'blackhole', '10.250.0.12/32');
  timed.child.stdin.end('go on\n');
  await Promise.all([...programs.values()].map((program) => program.ended));
  await delay(100);
  flows = await collector.finish();
  await source.stop();
});
after(() => fleet.remove());

SCENARIOS.forEach((scenario, i) => {
  test(`${scenario.name}: one record for each end of a connection, with the right outcome, bytes and owner`, () => {
    const port = portOf(i);
    // The peer of the time-out lives on the other side of the wire and is not what is looked at.
    const isPeer = (flow: FlowSeen): boolean => port === TIMEOUT_PORT && flow.localPort === TIMEOUT_PORT;
    const mine = flows.filter((flow) => (flow.localPort === port || flow.remotePort === port) && !isPeer(flow));
    const left = [...mine];
    for (const end of scenario.ends) {
      const at = left.findIndex((flow) => mismatch(flow, end, scenario.name) === '');
      assert.ok(
        at >= 0,
        `nothing fits ${JSON.stringify(end)}:\n${left.map((flow) => `${mismatch(flow, end, scenario.name)} in ${show(flow)}`).join('\n')}`,
      );
      left.splice(at, 1);
    }
    assert.deepEqual(left.map(show), [], 'more records than ends');
  });
});

/** Empty when the record fits; else the first thing that does not. */
function mismatch(flow: FlowSeen, end: End, name: string): string {
  const [, pid, worker] = /pid=(\d+) worker=(\d+)/.exec(programs.get(name)?.output() ?? '') ?? [];
  const { owner = 'program' } = end;
  const wanted: Record<string, unknown> = {
    role: end.role === 'client' ? record.FLOW_ROLE_CLIENT : record.FLOW_ROLE_SERVER,
    kind: end.kind === 'failed' ? record.FLOW_KIND_FAILED : record.FLOW_KIND_FINAL,
    oldState: end.oldState,
    error: end.error ?? 0,
    ...(end.sent >= 0 && { sent: end.sent }),
    ...(end.received >= 0 && { received: end.received }),
    pid: { program: Number(pid), worker: Number(worker), nobody: 0 }[owner],
    ...(end.comm !== undefined && { comm: end.comm }),
    ...(end.family !== undefined && { family: end.family }),
    uid: end.uid ?? 0,
    cgroupId: fleet.cgroupId,
    interimCount: 0,
  };
  for (const [key, value] of Object.entries(wanted)) {
    if (flow[key as keyof FlowSeen] !== value) return `${key} is not ${String(value)}`;
  }
  if (end.had !== undefined && (flow.flags & end.had) !== end.had) return `flag ${end.had} is missing`;
  return end.check === undefined || end.check(flow) ? '' : 'the check fails';
}

function show(flow: FlowSeen): string {
  return JSON.stringify(flow, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
