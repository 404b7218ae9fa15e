/**
 * The same translation where both ends have sidecars of their own, and only the client's follows its node: owners come
 * from the claims of whoever holds the address behind the translation.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Call } from '../fixtures/nat-traffic.ts';
import { NatWorld, type Row, SERVICE, type Target } from './nat-world.ts';

let world: NatWorld;
let rows: readonly Row[];
let joined: readonly Row[];
const calls: { readonly target: Target; readonly call: Call }[] = [];

before(async () => {
  world = new NatWorld();
  await world.start('each');
  await world.translate();
  const targets: readonly Target[] = ['v4', 'v6', 'egress4', 'egress6', 'plain', 'direct'];
  for (const target of targets) {
    for (const call of await world.call(target, '10 0 5')) calls.push({ target, call });
  }
  ({ flows: rows, connections: joined } = await world.finish());
});
after(() => world.remove());

const rowsOf = (reporter: string, addr: string, port: number): Row[] =>
  rows.filter(
    (row) =>
      row['report'] === 'final' && row['reporter'] === reporter && row['src_addr'] === addr && row['src_port'] === port,
  );

test('a client has the backend by the claim of its address, and the Service', () => {
  for (const { target, call } of calls) {
    const found = rowsOf('src', call.localAddr, call.localPort);
    assert.equal(found.length, 1, JSON.stringify(call));
    const { dst_workload: dst, dst_method: method, dst_service: service, peer_reports: told } = found[0]!;
    assert.deepEqual(
      [dst, method, service, told],
      [call.server, 'address', SERVICE[target], true],
      JSON.stringify(call),
    );
  }
});

test('a client behind the node has no owner in the rows of others, and is never the program that lives there', () => {
  const masked = calls.filter(({ call }) => call.seenAddr !== call.localAddr);
  assert.equal(masked.length, 30);
  for (const { call } of masked) {
    const found = rowsOf('dst', call.seenAddr, call.seenPort);
    assert.equal(found.length, 1, JSON.stringify(call));
    const { src_workload: src, src_reason: reason, src_nat_addr: nat } = found[0]!;
    assert.deepEqual([src, reason, nat], [null, 'ambiguous', null], JSON.stringify(call));
  }
  assert.deepEqual(
    rows.filter((row) => row['src_workload'] === 'agent' || row['dst_workload'] === 'agent'),
    [],
  );
});

test('both rows are one connection, each end from the row that knows it', () => {
  for (const { call } of calls) {
    const found = joined.filter((row) => row['src_addr'] === call.localAddr && row['src_port'] === call.localPort);
    assert.equal(found.length, 1, JSON.stringify(call));
    const { reported_by: by, src_workload: src, dst_workload: dst, nat_source: from } = found[0]!;
    const translated = call.seenAddr !== call.localAddr || found[0]!['dst_service'] !== null;
    assert.deepEqual([by, src, dst, from], ['both', 'client', call.server, translated ? 'conntrack' : null]);
  }
});
