import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressTable, wordsOf } from '../../../sidecar/address-table.ts';
import { isLinkLocal, isLoopback, isWildcard, masked, samePrefix } from '../../../sidecar/address.ts';
import { addressBytes } from '../../fixtures/ring-bytes.ts';

test('addresses are found by their place in a column, foreign ones are not', () => {
  const all = Array.from({ length: 1000 }, (_, i) => addressBytes(`10.1.${i >> 8}.${i & 255}`));
  const table = new AddressTable(all, [...all.keys()]);
  const column = new Uint8Array(16 * 1001);
  all.forEach((addr, i) => column.set(addr, 16 * i));
  column.set(addressBytes('10.2.0.0'), 16 * 1000);
  const words = wordsOf(column);
  for (let row = 0; row < 1000; row++) assert.equal(table.find(words, row), row);
  assert.equal(table.find(words, 1000), -1);
});

test('an empty table finds nothing, and a repeated address keeps its first number', () => {
  const words = wordsOf(addressBytes('10.0.0.1'));
  assert.equal(new AddressTable([], []).find(words, 0), -1);
  const twice = new AddressTable([addressBytes('10.0.0.1'), addressBytes('10.0.0.1')], [4, 5]);
  assert.equal(twice.find(words, 0), 4);
});

test('special addresses are known by IPv4 and IPv6', () => {
  const of = (test: (addr: Uint8Array) => boolean, ...texts: string[]): boolean[] =>
    texts.map((t) => test(addressBytes(t)));
  assert.deepEqual(
    of((a) => isLoopback(a), '127.0.0.1', '127.9.9.9', '::1', '::2', '128.0.0.1'),
    [true, true, true, false, false],
  );
  assert.deepEqual(of(isWildcard, '0.0.0.0', '::', '0.0.0.1', '::1'), [true, true, false, false]);
  assert.deepEqual(of(isLinkLocal, '169.254.1.1', 'fe80::1', 'febf::1', 'fec0::1', '169.253.1.1'), [
    true,
    true,
    true,
    false,
    false,
  ]);
});

test('prefixes are masked and compared to the bit', () => {
  assert.deepEqual(masked(addressBytes('10.1.2.255'), 96 + 25), addressBytes('10.1.2.128'));
  assert.deepEqual(masked(addressBytes('2001:db8::ffff'), 0), new Uint8Array(16));
  assert.ok(samePrefix(addressBytes('10.1.2.3'), addressBytes('10.1.2.130'), 96 + 24));
  assert.ok(!samePrefix(addressBytes('10.1.2.3'), addressBytes('10.1.2.130'), 96 + 25));
});
