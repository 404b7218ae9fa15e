import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Method, OwnershipKind, ReporterKind } from '../../../schemas/generated/common.ts';
import { decodeOwnershipMessage } from '../../../schemas/generated/ownership-v1.ts';
import type { Claim } from '../../../sidecar/claims.ts';
import { localIdentity } from '../../../sidecar/identity/local-identity.ts';
import { OwnershipMessages, type OwnershipPart } from '../../../sidecar/ownership-messages.ts';
import { addressBytes } from '../../fixtures/ring-bytes.ts';

const reporter = { cluster: 'c', network: 'n', node: 'node-a', epoch: 'e1', heartbeatMs: 5000 };

function claim(i: number): Claim {
  const identity = localIdentity(reporter, i, `/demo/w${i}`, '');
  assert.ok(identity !== null);
  return {
    addr: addressBytes(`10.0.${i >> 8}.${i & 255}`),
    prefixLength: 128,
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

test('a first list too long for a message is a full list and deltas of one as_of, with every claim once', () => {
  const messages = decoded(new OwnershipMessages(reporter, 8192).first(many, 900));
  assert.ok(messages.length > 2);
  messages.forEach(({ kind, seq, asOfUs }, i) => {
    assert.deepEqual([kind, seq, asOfUs], [i === 0 ? OwnershipKind.full : OwnershipKind.delta, i, 900]);
  });
  const ports = messages.flatMap(({ claims }) => [...claims.port.subarray(0, claims.length)]);
  assert.deepEqual(
    ports,
    many.map(({ port }) => port),
  );
});

test('a later full list that does not fit is left out and counted', () => {
  const messages = new OwnershipMessages(reporter, 8192);
  const [message] = decoded(messages.full(many, 900));
  assert.deepEqual([message?.kind, message?.claims.length, messages.fullsRefused], [OwnershipKind.asOf, 0, 1]);
});

test('only the last part of a long delta says that everything has been said', () => {
  const asOf = decoded(new OwnershipMessages(reporter, 8192).delta(many, 900, 800)).map(({ asOfUs }) => asOfUs);
  assert.ok(asOf.length > 1);
  assert.deepEqual([...new Set(asOf.slice(0, -1))], [800]);
  assert.equal(asOf.at(-1), 900);
});

test('every message keeps within the limit', () => {
  for (const { bytes } of new OwnershipMessages(reporter, 8192).first(many, 900)) assert.ok(bytes.length <= 8192);
});
