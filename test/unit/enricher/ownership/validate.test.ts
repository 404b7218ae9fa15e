import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimFault } from '../../../../enricher/ownership/validate.ts';
import { Method } from '../../../../schemas/generated/common.ts';
import { ownership, type TestClaim, workload } from '../../../fixtures/enricher-messages.ts';

const good: TestClaim = { addr: '10.0.0.1', who: workload('a'), from: 100 };

function fault(claim: Partial<TestClaim>, change: { workload?: number; method?: number } = {}): string | null {
  const { claims, workloads } = ownership({ seq: 0, kind: 'full', asOf: 1000, claims: [{ ...good, ...claim }] });
  if (change.workload !== undefined) claims.workload[0] = change.workload;
  if (change.method !== undefined) claims.method[0] = change.method;
  return claimFault(claims, 0, workloads.length);
}

test('claims that can hold pass', () => {
  assert.equal(fault({}), null);
  assert.equal(fault({ port: 443 }), null);
  assert.equal(fault({ to: 200, latest: 300, earliest: 50 }), null);
  assert.equal(fault({ addr: '10.0.0.0', prefixLength: 104, method: Method.prefix, who: null }), null);
  assert.equal(fault({ addr: 'fd00::', prefixLength: 8, method: Method.prefix, who: null }), null);
  assert.equal(fault({ addr: '10.96.0.1', port: 443, method: Method.service }), null);
});

const REFUSED: readonly (readonly [string, Partial<TestClaim>, { workload?: number; method?: number }?])[] = [
  ['from after to', { from: 300, to: 200 }],
  ['earliest after from', { earliest: 200 }],
  ['latest before to', { to: 200, latest: 150 }],
  ['held and no longer seen', { latest: 150 }],
  ['before 1970', { from: -5, earliest: -5 }],
  ['a workload past the dictionary', {}, { workload: 1 }],
  ['a workload below -1', {}, { workload: -2 }],
  ['nobody, and no prefix', { who: null }],
  ['a port past 65535', { port: 70_000 }],
  ['a negative port', { port: -1, method: Method.port }],
  ['a port claim without port', { method: Method.port }],
  ['an address claim with a port', { port: 80, method: Method.address }],
  ['a prefix length past 128', { prefixLength: 129, method: Method.prefix }],
  ['an address of 24 bits', { prefixLength: 120 }],
  ['the whole of IPv4', { addr: '0.0.0.0', prefixLength: 96, method: Method.prefix }],
  ['half of IPv4', { addr: '0.0.0.0', prefixLength: 97, method: Method.prefix }],
  ['the whole internet', { addr: '::', prefixLength: 0, method: Method.prefix }],
  ['all of global IPv6', { addr: '2000::', prefixLength: 3, method: Method.prefix }],
  ['an IPv6 prefix around all of IPv4', { addr: '::', prefixLength: 64, method: Method.prefix }],
  ['IPv4 loopback', { addr: '127.0.0.1' }],
  ['IPv6 loopback', { addr: '::1' }],
  ['the unspecified address', { addr: '0.0.0.0' }],
  ['a multicast address', { addr: '224.0.0.5' }],
  ['a method that the capture alone knows', {}, { method: Method.peer }],
  ['a method that does not exist', {}, { method: 77 }],
];

for (const [name, claim, change] of REFUSED) {
  test(`refused: ${name}`, () => assert.equal(typeof fault(claim, change), 'string'));
}
