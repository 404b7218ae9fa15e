/**
 * Translated connections, from real nftables rules in a namespace of its own to rows in the lake, held against what the
 * programs at both ends know. The node's namespace routes between two backends, a client and an outside, as a Kubernetes
 * node does between its pods.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { NatCounters } from '../fixtures/nat-node.ts';
import type { Call } from '../fixtures/nat-traffic.ts';
import { type End, NatWorld, type Row, SERVICE, type Target, TARGETS, v4, v6 } from './nat-world.ts';

let world: NatWorld;
let quiet: NatCounters;
let counted: NatCounters;
let rows: readonly Row[];
let joined: readonly Row[];
/** What was called, in its order. */
const calls: Record<string, { readonly target: Target; readonly list: readonly Call[] }> = {};

before(async () => {
  world = new NatWorld();
  await world.start('one');
  const call = async (target: Target, as: string, line: string): Promise<void> => {
    calls[`${target} ${as}`] = { target, list: await world.call(target, line) };
  };
  await call('direct', 'without rules', '20 0 0');
  await delay(500);
  quiet = await world.counters();
  await world.translate();
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
  world.emptyTable();
  await held;
  await call('v4', 'after the table was emptied', '10 0 5');
  ({ flows: rows, connections: joined, counters: counted } = await world.finish());
});
after(() => world.remove());

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
