import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Method } from '../../../schemas/generated/common.ts';
import { hexOf } from '../../../sidecar/address.ts';
import { ClaimBook, type Claim, type ClaimChanges } from '../../../sidecar/claims.ts';
import type { ListenEvent } from '../../../sidecar/decode.ts';
import type { Listener, NetworkNamespace } from '../../../sidecar/host-view.ts';
import { FakeHost, listenerOf, namespaceOf } from '../../fixtures/fake-machine.ts';
import { addressBytes } from '../../fixtures/ring-bytes.ts';

const host = new FakeHost('node-a', () => 0);
for (const id of [11, 22, 33]) host.paths.set(id, `/demo/w${id}`);

/** Scans of 10 us every 1000 us: scan n runs from 1000 n to 1000 n + 10. */
class Scans {
  readonly book = new ClaimBook();
  #scan = 0;

  next(
    namespaces: readonly NetworkNamespace[],
    listeners: readonly Listener[] = [],
    listens: readonly ListenEvent[] = [],
  ): ClaimChanges {
    const startedUs = 1000 * ++this.#scan;
    return this.book.observe({ startedUs, finishedUs: startedUs + 10, namespaces, listeners }, listens, (...of) =>
      host.identify(...of),
    );
  }
}

type Line = readonly [string, number, string, Method, number, number, number, number];

/** addr, port, owner, method, earliest, from, to, latest; prefixes are left out. */
function lines(claims: readonly Claim[]): Line[] {
  return claims
    .filter(({ method }) => method !== Method.prefix)
    .map((claim) => [
      claim.addr[10] === 0xff ? claim.addr.subarray(12).join('.') : hexOf(claim.addr),
      claim.port,
      claim.workload?.name ?? '',
      claim.method,
      claim.earliestUs,
      claim.fromUs,
      claim.toUs,
      claim.latestUs,
    ]);
}

const listen = (netns: number, port: number, cgroupId: number, atUs: number): ListenEvent => {
  return { atUs, netns, port, family: 4, cgroupId, pid: 1, comm: '' };
};

test('the addresses of a namespace with one owner are its, certain since the scan that saw them first', () => {
  const scans = new Scans();
  const { began, asOfUs } = scans.next([namespaceOf(1, ['10.0.0.1/24', 'fd00::1/64'], [11])]);
  assert.deepEqual(lines(began), [
    ['10.0.0.1', 0, 'w11', Method.address, 1010, 1010, -1, -1],
    [hexOf(addressBytes('fd00::1')), 0, 'w11', Method.address, 1010, 1010, -1, -1],
  ]);
  assert.equal(asOfUs, 1000);
  assert.deepEqual(scans.next([namespaceOf(1, ['10.0.0.1/24', 'fd00::1/64'], [11])]).began, []);
});

test('an address that appears may have been there since the scan before began', () => {
  const scans = new Scans();
  scans.next([namespaceOf(1, ['10.0.0.1/24'], [11])]);
  const { began } = scans.next([namespaceOf(1, ['10.0.0.1/24', '10.0.0.2/24'], [11])]);
  assert.deepEqual(lines(began), [['10.0.0.2', 0, 'w11', Method.address, 1000, 2010, -1, -1]]);
});

test('an address that is handed on ends with one owner and begins with the next, with the doubt between', () => {
  const scans = new Scans();
  scans.next([namespaceOf(1, ['10.0.0.1/24'], [11])]);
  scans.next([namespaceOf(1, ['10.0.0.1/24'], [11])]);
  const { began, ended } = scans.next([namespaceOf(2, ['10.0.0.1/24'], [22])]);
  assert.deepEqual(lines(ended), [['10.0.0.1', 0, 'w11', Method.address, 1010, 1010, 2000, 3010]]);
  assert.deepEqual(lines(began), [['10.0.0.1', 0, 'w22', Method.address, 2000, 3010, -1, -1]]);
});

test('a claim that one scan alone saw is certain at no moment', () => {
  const scans = new Scans();
  scans.next([]);
  scans.next([namespaceOf(1, ['10.0.0.1'], [11])]);
  const { ended } = scans.next([]);
  assert.deepEqual(lines(ended), [['10.0.0.1', 0, 'w11', Method.address, 1000, 2010, 2010, 3010]]);
});

test('where several workloads share a namespace each listening port is claimed', () => {
  const scans = new Scans();
  const shared = namespaceOf(1, ['10.0.0.1/24', 'fd00::1/64'], [11, 22]);
  const listeners = [listenerOf(1, '0.0.0.0', 80, 11), listenerOf(1, '10.0.0.1', 443, 22)];
  const { began } = scans.next([shared], listeners);
  assert.deepEqual(lines(began), [
    ['10.0.0.1', 443, 'w22', Method.port, 1010, 1010, -1, -1],
    ['10.0.0.1', 80, 'w11', Method.port, 1010, 1010, -1, -1],
  ]);
});

test('a listener on :: takes IPv4 too, unless somebody has the port there', () => {
  const shared = namespaceOf(1, ['10.0.0.1/24', '10.0.1.1/24', 'fd00::1/64'], [11, 22]);
  const six = hexOf(addressBytes('fd00::1'));
  const found = (listeners: readonly Listener[]): string[] =>
    lines(new Scans().next([shared], listeners).began).map(([addr, port, owner]) => `${addr} ${port} ${owner}`);
  assert.deepEqual(found([listenerOf(1, '::', 80, 11)]), ['10.0.0.1 80 w11', '10.0.1.1 80 w11', `${six} 80 w11`]);
  assert.deepEqual(found([listenerOf(1, '::', 80, 11), listenerOf(1, '10.0.0.1', 80, 22)]), [
    '10.0.0.1 80 w22',
    '10.0.1.1 80 w11',
    `${six} 80 w11`,
  ]);
  assert.deepEqual(found([listenerOf(1, '::', 80, 11), listenerOf(1, '0.0.0.0', 80, 22)]), [
    '10.0.0.1 80 w22',
    '10.0.1.1 80 w22',
    `${six} 80 w11`,
  ]);
});

test('addresses without a subnet beside others with one are a load balancer’s and not claimed for a wildcard', () => {
  const scans = new Scans();
  const shared = namespaceOf(1, ['10.0.0.1/24', '10.96.0.1'], [11, 22]);
  const { began } = scans.next([shared], [listenerOf(1, '0.0.0.0', 80, 11)]);
  assert.deepEqual(
    lines(began).map(([addr]) => addr),
    ['10.0.0.1'],
  );
});

test('a listen record gives the exact beginning of a port claim', () => {
  const scans = new Scans();
  const shared = namespaceOf(1, ['10.0.0.1/24'], [11, 22]);
  scans.next([shared]);
  const { began } = scans.next([shared], [listenerOf(1, '0.0.0.0', 80, 11)], [listen(1, 80, 11, 1500)]);
  assert.deepEqual(lines(began), [['10.0.0.1', 80, 'w11', Method.port, 1500, 1500, -1, -1]]);
});

test('a listen record of another owner, port or time gives nothing', () => {
  for (const event of [
    listen(1, 80, 22, 1500),
    listen(1, 81, 11, 1500),
    listen(2, 80, 11, 1500),
    listen(1, 80, 11, 900),
  ]) {
    const scans = new Scans();
    const shared = namespaceOf(1, ['10.0.0.1/24'], [11, 22]);
    scans.next([shared]);
    const { began } = scans.next([shared], [listenerOf(1, '0.0.0.0', 80, 11)], [event]);
    assert.deepEqual(lines(began), [['10.0.0.1', 80, 'w11', Method.port, 1000, 2010, -1, -1]]);
  }
});

test('a guest that the next scan no longer sees changes nothing, and as_of waits for that scan', () => {
  const scans = new Scans();
  scans.next([namespaceOf(1, ['10.0.0.1/24'], [11])]);
  const doubtful = scans.next([namespaceOf(1, ['10.0.0.1/24'], [11, 22])]);
  assert.deepEqual([doubtful.began, doubtful.ended, doubtful.asOfUs], [[], [], 1000]);
  const after = scans.next([namespaceOf(1, ['10.0.0.1/24'], [11])]);
  assert.deepEqual([after.began, after.ended, after.asOfUs], [[], [], 3000]);
});

test('a guest that stays ends the claim of the address from where it was first seen', () => {
  const scans = new Scans();
  const listeners = [listenerOf(1, '0.0.0.0', 80, 11)];
  scans.next([namespaceOf(1, ['10.0.0.1/24'], [11])], listeners);
  scans.next([namespaceOf(1, ['10.0.0.1/24'], [11, 22])], listeners);
  const { began, ended } = scans.next([namespaceOf(1, ['10.0.0.1/24'], [11, 22])], listeners);
  assert.deepEqual(lines(ended), [['10.0.0.1', 0, 'w11', Method.address, 1010, 1010, 1010, 2010]]);
  assert.deepEqual(lines(began), [['10.0.0.1', 80, 'w11', Method.port, 1010, 1010, -1, -1]]);
});

test('a namespace that strangers share gives its addresses to nobody', () => {
  const scans = new Scans();
  const { began } = scans.next([namespaceOf(1, ['10.0.0.1/24'], [11], true)], [listenerOf(1, '0.0.0.0', 80, 11)]);
  assert.deepEqual(lines(began), [['10.0.0.1', 80, 'w11', Method.port, 1010, 1010, -1, -1]]);
});

test('a process that nobody can name makes its namespace shared', () => {
  const { began } = new Scans().next([namespaceOf(1, ['10.0.0.1/24'], [11, 99])]);
  assert.deepEqual(lines(began), []);
});

test('the subnets of interfaces are known prefixes that nobody holds', () => {
  const { began } = new Scans().next([namespaceOf(1, ['10.0.0.77/24', 'fd00::1/64', '10.9.9.9'], [11])]);
  const prefixes = began.filter(({ method }) => method === Method.prefix);
  assert.deepEqual(
    prefixes.map(({ addr, prefixLength, workload }) => [hexOf(addr), prefixLength, workload]),
    [
      [hexOf(addressBytes('10.0.0.0')), 120, null],
      [hexOf(addressBytes('fd00::')), 64, null],
    ],
  );
});
