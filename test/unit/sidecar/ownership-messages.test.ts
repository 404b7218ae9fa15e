import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Method, OwnershipKind, ReporterKind } from '../../../schemas/generated/common.ts';
import { decodeOwnershipMessage, type OwnershipMessage } from '../../../schemas/generated/ownership-v1.ts';
import type { Claim } from '../../../sidecar/claims.ts';
import { localIdentity } from '../../../sidecar/identity/local-identity.ts';
import { OwnershipMessages } from '../../../sidecar/ownership-messages.ts';
import type { OwnershipPart } from '../../../sidecar/reporter-messages.ts';
import { addressBytes } from '../../fixtures/ring-bytes.ts';

const reporter = { cluster: 'c', network: 'n', node: 'node-a', epoch: 'e1', heartbeatMs: 5000 };

function claim(i: number): Claim {
  const identity = localIdentity(reporter, i, `/demo/w${i}`, '');
  assert.ok(identity !== null);
  return {
    addr: addressBytes(`10.0.${i >> 8}.${i & 255}`),
    prefixLength: i % 5 === 0 ? 120 : 128,
    port: i,
    workload: i % 5 === 0 ? null : identity.workload,
    method: i % 5 === 0 ? Method.prefix : Method.address,
    earliestUs: 1000 + i,
    fromUs: 2000 + i,
    toUs: -1,
    latestUs: -1,
  };
}

const many = Array.from({ length: 100 }, (_, i) => claim(i));
const decoded = (parts: readonly OwnershipPart[]) => parts.map(({ bytes }) => decodeOwnershipMessage(bytes));

test('a full list says who reports and what is held', () => {
  const [message] = decoded(new OwnershipMessages(reporter).first([claim(0), claim(1)], 900));
  assert.ok(message !== undefined);
  const { cluster, network, reporterKind, epoch, seq, kind, asOfUs, intervalMs } = message;
  assert.deepEqual([cluster, network, message.reporter, reporterKind], ['c', 'n', 'node-a', ReporterKind.sidecar]);
  assert.deepEqual([epoch, seq, kind, asOfUs, intervalMs], ['e1', 0, OwnershipKind.full, 900, 5000]);
  const { claims } = message;
  assert.deepEqual([claims.length, claims.workload[0], claims.port[1], claims.fromUs[1]], [2, -1, 1, 2001]);
  assert.equal(message.workloads[claims.workload[1]!]?.name, 'w1');
  assert.deepEqual(claims.addr.slice(16, 32), addressBytes('10.0.0.1'));
});

test('an empty first list is a message too, so that readers learn of the reporter', () => {
  const [message] = decoded(new OwnershipMessages(reporter).first([], 900));
  assert.deepEqual([message?.kind, message?.claims.length], [OwnershipKind.full, 0]);
});

const large = (): OwnershipMessages => new OwnershipMessages(reporter, 1, 16_384);
const portsOf = (messages: readonly OwnershipMessage[]): number[] =>
  messages.flatMap(({ claims }) => [...claims.port.subarray(0, claims.length)]).sort((a, b) => a - b);
const ports = many.map(({ port }) => port);

test('a first list too long for a message is shared among reporters, who all say that they are there before any lists', () => {
  const messages = large();
  const parts = decoded(messages.first(many, 900));
  const { reporters } = messages;
  assert.ok(reporters > 2);
  const names = Array.from({ length: reporters }, (_, i) => (i === 0 ? 'node-a' : `node-a/${i + 1}`));
  assert.deepEqual(
    parts.map(({ reporter: name, kind, seq, claims }) => [name, kind, seq, claims.length > 0]),
    [
      ['node-a', OwnershipKind.delta, 0, true],
      ...names.map((name) => [name, OwnershipKind.asOf, name === 'node-a' ? 1 : 0, false]),
      ...names.toReversed().map((name) => [name, OwnershipKind.full, name === 'node-a' ? 2 : 1, true]),
    ],
  );
  assert.deepEqual(
    portsOf(parts.slice(0, 1)),
    ports.filter((port) => port % 5 === 0),
    'the subnets before all',
  );
  assert.deepEqual([...new Set(parts.map(({ asOfUs, epoch }) => `${epoch} ${asOfUs}`))], ['e1 900']);
  assert.deepEqual(portsOf(parts.slice(1)), ports, 'every claim once');
});

test('each of the reporters says its whole list again, and all say how far they know', () => {
  const messages = large();
  const first = decoded(messages.first(many, 900)).filter(({ kind }) => kind === OwnershipKind.full);
  const again = decoded(messages.full(many, 950));
  assert.deepEqual(
    again.map(({ reporter: name, kind, seq, claims }) => [name, kind, seq, claims.length]),
    first.map(({ reporter: name, kind, seq, claims }) => [name, kind, seq + 1, claims.length]),
  );
  assert.deepEqual(
    decoded(messages.asOf(980)).map(({ asOfUs, kind }) => [asOfUs, kind]),
    first.map(() => [980, OwnershipKind.asOf]),
  );
  assert.equal(decoded(messages.goodbye(990)).length, messages.reporters);
});

test('what ends and begins at an address and port is said by the reporter that has it', () => {
  const messages = large();
  const full = decoded(messages.first(many, 900));
  const changed = [claim(7), claim(8), claim(9)];
  const said = decoded(messages.delta(changed, 950, 900));
  assert.deepEqual(portsOf(said), [7, 8, 9]);
  for (const { reporter: name, claims } of said) {
    const listed = full.filter((message) => message.reporter === name);
    for (const port of claims.port.subarray(0, claims.length)) assert.ok(portsOf(listed).includes(port));
  }
});

test('where one reporter tells of a change, the others say how far they know, so that none is taken for silent', () => {
  const messages = large();
  messages.first(many, 900);
  const said = decoded(messages.delta([claim(7)], 950, 900));
  assert.equal(said.length, messages.reporters);
  assert.equal(new Set(said.map(({ reporter: name }) => name)).size, messages.reporters);
  assert.equal(said.filter(({ kind }) => kind === OwnershipKind.delta).length, 1);
  for (const { kind, asOfUs, claims } of said) {
    assert.equal(asOfUs, 950);
    assert.deepEqual([kind, claims.length], claims.length > 0 ? [OwnershipKind.delta, 1] : [OwnershipKind.asOf, 0]);
  }
});

test('a list that has grown out of its shares begins a new life with more of them, never with fewer', () => {
  const messages = large();
  messages.first(many.slice(0, 10), 900);
  assert.equal(messages.reporters, 1);
  const parts = decoded(messages.full(many, 950));
  const { reporters } = messages;
  assert.ok(reporters > 1);
  assert.deepEqual([...new Set(parts.map(({ epoch, asOfUs }) => `${epoch} ${asOfUs}`))], ['e1.2 950']);
  assert.deepEqual(portsOf(parts.filter(({ kind }) => kind === OwnershipKind.full)), ports);
  messages.full(many.slice(0, 10), 990);
  assert.equal(messages.reporters, reporters);
  const next = new OwnershipMessages(reporter, reporters, 16_384);
  next.first([], 1000);
  assert.equal(next.reporters, reporters);
});

test('only the last part of a long delta says that everything has been said', () => {
  const messages = new OwnershipMessages(reporter, 1, 16_384);
  messages.first([], 800);
  const asOf = decoded(messages.delta(many, 900, 800)).map(({ asOfUs }) => asOfUs);
  assert.ok(asOf.length > 1);
  assert.deepEqual([...new Set(asOf.slice(0, -1))], [800]);
  assert.equal(asOf.at(-1), 900);
});

test('every message keeps within the limit', () => {
  const messages = large();
  for (const { bytes } of messages.first(many, 900)) assert.ok(bytes.length <= 16_384);
  for (const { bytes } of messages.delta(many, 950, 900)) assert.ok(bytes.length <= 16_384);
});
