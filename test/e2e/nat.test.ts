/**
 * Translated connections, from real nftables rules in a namespace of its own to rows in the lake, held against what the
 * programs at both ends know. The node's namespace routes between two backends, a client and an outside, as a Kubernetes
 * node does between its pods.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openLake } from '../../explore/lake.ts';
import { queryAll } from '../../explore/query.ts';
import { readFolderStore } from '../../sink/store/folder.ts';
import { Fleet, follow, type Running } from '../bpf/harness.ts';
import type { NatCounters } from '../fixtures/nat-node.ts';
import type { Call } from '../fixtures/nat-traffic.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';

type Row = Readonly<Record<string, unknown>>;

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
const NODE_ARGS = ['--disable-warning=ExperimentalWarning'];
/** Ends by their number: 10.250.N.2 and fd00:250:N::2, the node is .1 and ::1. */
const ENDS = { client: 0, 'backend-a': 1, 'backend-b': 2, outside: 9 } as const;
type End = keyof typeof ENDS;
const VIP = { v4: '10.96.0.10', v6: 'fd00:96::10' };
const EGRESS = { v4: '10.96.0.20', v6: 'fd00:96::20' };
const PORT = 8080;
const OUTSIDE_PORT = 9090;
const v4 = (end: End): string => `10.250.${ENDS[end]}.2`;
const v6 = (end: End): string => `fd00:250:${ENDS[end]}::2`;

const RULES = `
table ip nat {
  chain pre { type nat hook prerouting priority dstnat;
    ip daddr ${VIP.v4} tcp dport 80 dnat ip to numgen inc mod 2 map { 0 : ${v4('backend-a')} . ${PORT}, 1 : ${v4('backend-b')} . ${PORT} }
    ip daddr ${EGRESS.v4} tcp dport 80 dnat to ${v4('outside')}:${OUTSIDE_PORT}
  }
  chain post { type nat hook postrouting priority srcnat; ip saddr 10.250.0.2 oifname "outside" masquerade
  }
}
table ip6 nat {
  chain pre { type nat hook prerouting priority dstnat;
    ip6 daddr ${VIP.v6} tcp dport 80 dnat ip6 to numgen inc mod 2 map { 0 : ${v6('backend-a')} . ${PORT}, 1 : ${v6('backend-b')} . ${PORT} }
    ip6 daddr ${EGRESS.v6} tcp dport 80 dnat to [${v6('outside')}]:${OUTSIDE_PORT}
  }
  chain post { type nat hook postrouting priority srcnat; ip6 saddr ${v6('client')} oifname "outside" masquerade
  }
}
`;

/** Programs of the client, by what they call. */
const TARGETS = {
  v4: [VIP.v4, '80'],
  v6: [VIP.v6, '80'],
  egress4: [EGRESS.v4, '80'],
  egress6: [EGRESS.v6, '80'],
  direct: [v4('backend-a'), String(PORT)],
  plain: [v4('outside'), String(OUTSIDE_PORT)],
} as const;
type Target = keyof typeof TARGETS;
/** Where each target's connections end, and which Service they asked for. */
const SERVICE: Readonly<Record<Target, string | null>> = {
  v4: 'web',
  v6: 'web',
  egress4: 'egress',
  egress6: 'egress',
  direct: null,
  plain: null,
};

let fleet: Fleet;
let node: string;
let weir: Running;
let quiet: NatCounters;
let counted: NatCounters;
let rows: readonly Row[];
let joined: readonly Row[];
/** What was called, in its order. */
const calls: Record<string, { readonly target: Target; readonly list: readonly Call[] }> = {};

const inNode = (...command: string[]): string =>
  execFileSync('ip', ['netns', 'exec', node, ...command], { encoding: 'utf8' });

function build(): Record<End, { namespace: string; cgroup: string }> {
  node = fleet.namespace('node');
  const made = {} as Record<End, { namespace: string; cgroup: string }>;
  for (const [end, number] of Object.entries(ENDS) as [End, number][]) {
    const namespace = fleet.namespace(end);
    made[end] = { namespace, cgroup: fleet.workload(end) };
    fleet.ip(node, 'link', 'add', end, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    for (const [where, device, host] of [
      [node, end, 1],
      [namespace, 'eth0', 2],
    ] as const) {
      fleet.ip(where, 'addr', 'add', `10.250.${number}.${host}/24`, 'dev', device);
      fleet.ip(where, 'addr', 'add', `fd00:250:${number}::${host}/64`, 'dev', device, 'nodad');
      fleet.ip(where, 'link', 'set', device, 'up');
    }
    fleet.ip(namespace, 'route', 'add', 'default', 'via', `10.250.${number}.1`);
    fleet.ip(namespace, '-6', 'route', 'add', 'default', 'via', `fd00:250:${number}::1`);
  }
  inNode('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
  return made;
}

class Client {
  readonly running: Running;
  #read = 0;

  constructor(running: Running) {
    this.running = running;
  }

  /** COUNT FIRST_PORT PAUSE_MS HOLD_MS of nat-traffic. */
  async call(line: string): Promise<Call[]> {
    const { running } = this;
    const dones = (): number => running.output().split('done\n').length;
    const before_ = dones();
    running.child.stdin.write(`${line}\n`);
    while (dones() === before_) await delay(5);
    const lines = running
      .output()
      .split('\n')
      .filter((text) => text.startsWith('{'));
    const fresh = lines.slice(this.#read);
    this.#read = lines.length;
    return fresh.map((text) => JSON.parse(text) as Call);
  }
}

async function countersOf(): Promise<NatCounters> {
  const before_ = weir.output().split('\n').length;
  weir.child.stdin.write('counters\n');
  while (weir.output().split('\n').length === before_) await delay(5);
  return JSON.parse(weir.output().trim().split('\n').at(-1) ?? '') as NatCounters;
}

before(async () => {
  fleet = new Fleet();
  const ends = build();
  const lake = join(fleet.folder, 'lake');
  const services = { web: [VIP.v4, VIP.v6], egress: [EGRESS.v4, EGRESS.v6] };
  const program = [...NODE_ARGS, join(FIXTURES, 'nat-node.ts'), fleet.cgroupPath, lake, JSON.stringify(services)];
  // Not `ip netns exec`, which hides the cgroups behind a /sys of its own.
  weir = follow(spawn('nsenter', [`--net=/run/netns/${node}`, process.execPath, ...program]));
  const traffic = (cgroup: string, namespace: string, ...args: readonly string[]): Running =>
    fleet.spawnIn(cgroup, namespace, process.execPath, ...NODE_ARGS, join(FIXTURES, 'nat-traffic.ts'), ...args);
  const serve = (end: End, port: number): Running =>
    traffic(ends[end].cgroup, ends[end].namespace, 'serve', end, String(port));
  const servers = [serve('backend-a', PORT), serve('backend-b', PORT), serve('outside', OUTSIDE_PORT)];
  // A program of the node itself, whom nobody may take for the one behind a translated address.
  servers.push(traffic(fleet.workload('agent'), node, 'serve', 'agent', '9100'));
  const { cgroup, namespace } = ends.client;
  const clients = Object.fromEntries(
    Object.entries(TARGETS).map(([name, target]) => [name, new Client(traffic(cgroup, namespace, 'call', ...target))]),
  ) as Record<Target, Client>;
  const all = Object.values(clients);
  await Promise.all([weir, ...servers, ...all.map(({ running }) => running)].map((running) => running.saw(/ready/)));
  const call = async (target: Target, as: string, line: string): Promise<void> => {
    calls[`${target} ${as}`] = { target, list: await clients[target].call(line) };
  };

  await call('direct', 'without rules', '20 0 0');
  await delay(500);
  quiet = await countersOf();
  execFileSync('ip', ['netns', 'exec', node, 'nft', '-f', '-'], { input: RULES });
  await delay(1300);
  await Promise.all([
    call('v4', 'any port', '30 0 5'),
    call('v6', 'any port', '30 0 5'),
    call('egress4', 'any port', '10 0 5'),
    call('egress6', 'any port', '10 0 5'),
    call('plain', 'masqueraded', '10 0 5'),
    call('direct', 'with rules', '10 0 5'),
  ]);
  // Its connections go to one backend and the other in turn.
  await call('v4', 'one port, slowly', '8 45001 250');
  await call('v4', 'one port, at once', '40 45002 0');
  const held = call('v4', 'while the table is emptied', '1 0 0 600');
  await delay(300);
  execFileSync('ip', ['netns', 'exec', node, 'conntrack', '-F'], { stdio: 'ignore' });
  await held;
  await call('v4', 'after the table was emptied', '10 0 5');
  weir.child.stdin.end();
  await weir.ended;
  counted = JSON.parse(weir.output().trim().split('\n').at(-1) ?? '') as NatCounters;
  for (const { running } of all) running.child.stdin.end();
  rows = (await readLakeTable(lake, 'flows')).flatMap((file) => file.rows);
  const opened = await openLake({ store: readFolderStore(lake) });
  joined = await queryAll(opened, 'SELECT * FROM connections');
  opened.close();
});

after(async () => {
  weir.child.kill('SIGKILL');
  await fleet.remove();
});

const final = (row: Row): boolean => row['report'] === 'final';
const ofClient = (call: Call): Row[] =>
  rows.filter(
    (row) =>
      final(row) &&
      row['reporter'] === 'src' &&
      row['src_addr'] === call.localAddr &&
      row['src_port'] === call.localPort,
  );
const isV6 = (target: Target): boolean => target.endsWith('6');
const addressOf = (target: Target, end: End): string => (isV6(target) ? v6(end).replace(':0::', '::') : v4(end));
const pick = (row: Row | undefined, names: readonly string[]): Row =>
  Object.fromEntries(names.map((name) => [name, row?.[name] ?? null]));

/** Connections whose own port nobody used again. */
const distinct = (): { readonly target: Target; readonly call: Call }[] =>
  Object.entries(calls)
    .filter(([name]) => !name.includes('one port') && !name.includes('while'))
    .flatMap(([, { target, list }]) => list.map((call) => ({ target, call })));

test('a client has the backend and the Service that it called, and what the backend sees', () => {
  for (const { target, call } of distinct()) {
    const found = ofClient(call);
    assert.equal(found.length, 1, JSON.stringify(call));
    const server = call.server as End;
    const isMasked = call.seenAddr !== call.localAddr;
    const isBehind = SERVICE[target] !== null;
    const wanted = {
      src_workload: 'client',
      dst_addr: TARGETS[target][0],
      dst_workload: server,
      dst_service: SERVICE[target],
      src_nat_addr: isMasked ? call.seenAddr : null,
      src_nat_port: isMasked ? call.seenPort : null,
      dst_nat_addr: isBehind ? addressOf(target, server) : null,
      nat_source: isMasked || isBehind ? 'conntrack' : null,
      dst_reason: null,
    };
    assert.deepEqual(pick(found[0], Object.keys(wanted)), wanted, JSON.stringify(call));
  }
});

test('a backend has the client, also behind the address of the node, and the Service that was asked for', () => {
  for (const { target, call } of distinct()) {
    const found = rows.filter(
      (row) =>
        final(row) &&
        row['reporter'] === 'dst' &&
        row['src_addr'] === call.seenAddr &&
        row['src_port'] === call.seenPort,
    );
    assert.equal(found.length, 1, JSON.stringify(call));
    const isMasked = call.seenAddr !== call.localAddr;
    const wanted = {
      src_workload: 'client',
      dst_workload: call.server,
      dst_service: SERVICE[target],
      src_nat_addr: isMasked ? call.localAddr : null,
      dst_nat_addr: SERVICE[target] === null ? null : TARGETS[target][0],
    };
    assert.deepEqual(pick(found[0], Object.keys(wanted)), wanted, JSON.stringify(call));
  }
});

test("nothing is taken for the program that shares the node's addresses", () => {
  const blamed = rows.filter((row) => row['src_workload'] === 'agent' || row['dst_workload'] === 'agent');
  assert.deepEqual(blamed, []);
});

/** Rows of one own port in the order of their connections. */
function inOrder(name: string): { readonly call: Call; readonly row: Row }[] {
  const { list } = calls[name]!;
  const found = ofClient(list[0]!).sort((a, b) => Number(a['start_time']) - Number(b['start_time']));
  assert.equal(found.length, list.length);
  return list.map((call, i) => ({ call, row: found[i]! }));
}

test('a port that is used again leads to the backend of its own connection', () => {
  const servers = new Set<string>();
  for (const { call, row } of inOrder('v4 one port, slowly')) {
    servers.add(call.server);
    assert.equal(row['dst_workload'], call.server);
    assert.equal(row['dst_nat_addr'], v4(call.server as End));
  }
  assert.equal(servers.size, 2);
});

test('of connections that followed each other too fast to be told apart the Service is known, never a wrong backend', () => {
  const found = inOrder('v4 one port, at once');
  for (const { call, row } of found) {
    const { dst_workload: owner, dst_method: method, dst_service: service } = row;
    assert.ok(
      owner === call.server || (owner === 'web' && method === 'service'),
      `${String(owner)}, not ${call.server}`,
    );
    assert.equal(service, 'web');
  }
});

test('a table that is emptied changes no answer', () => {
  const [call] = calls['v4 while the table is emptied']!.list;
  const [row] = ofClient(call!);
  assert.equal(row?.['dst_workload'], call!.server);
});

test('both rows of a translated connection are one connection', () => {
  for (const { call } of distinct()) {
    const found = joined.filter((row) => row['src_addr'] === call.localAddr && row['src_port'] === call.localPort);
    assert.equal(found.length, 1, JSON.stringify(call));
    const { reported_by: by, src_workload: src, dst_workload: dst } = found[0]!;
    assert.deepEqual([by, src, dst], ['both', 'client', call.server], JSON.stringify(call));
  }
});

test('without a rule that translates nothing is read and nothing looked up', () => {
  assert.ok(quiet.flows >= 40);
  assert.deepEqual([quiet.events, quiet.lookups, quiet.translated], [0, 0, 0]);
  assert.ok(counted.events > 0 && counted.translated > 0);
  assert.equal(counted.refused, 0);
});
