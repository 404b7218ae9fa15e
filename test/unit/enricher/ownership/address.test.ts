import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareAddresses,
  isLoopback,
  isMapped,
  isMulticast,
  isUnspecified,
  prefixMask,
} from '../../../../enricher/ownership/address.ts';
import { address, words } from '../../../fixtures/enricher-messages.ts';

test('kinds of addresses are told by their words', () => {
  const kinds = (text: string): boolean[] =>
    [isMapped, isLoopback, isUnspecified, isMulticast].map((is) => is(words(text), 0));
  assert.deepEqual(kinds('127.9.0.1'), [true, true, false, false]);
  assert.deepEqual(kinds('::1'), [false, true, false, false]);
  assert.deepEqual(kinds('0.0.0.0'), [true, false, true, false]);
  assert.deepEqual(kinds('::'), [false, false, true, false]);
  assert.deepEqual(kinds('239.1.2.3'), [true, false, false, true]);
  assert.deepEqual(kinds('ff02::1'), [false, false, false, true]);
  assert.deepEqual(kinds('128.0.0.1'), [true, false, false, false]);
  assert.deepEqual(kinds('::7f00:1'), [false, false, false, false]);
});

test('a mask keeps the first bits in network order', () => {
  for (const length of [0, 1, 7, 8, 31, 32, 33, 100, 104, 120, 127, 128]) {
    const masked = words('255.255.255.255').map((word, k) => (word | -1) & prefixMask(length, k));
    const bits = Array.from(new Uint8Array(masked.buffer), (byte) => byte.toString(2).padStart(8, '0')).join('');
    assert.equal(bits, '1'.repeat(length) + '0'.repeat(128 - length), `/${length}`);
  }
});

test('addresses are ordered as their bytes are', () => {
  const list = ['10.0.0.1', '10.0.0.2', '10.0.1.0', '200.0.0.1', '9.255.255.255', 'fd00::1', '::1', '8000::', '7fff::'];
  for (const x of list) {
    for (const y of list) {
      assert.equal(
        Math.sign(compareAddresses(words(x), 0, words(y), 0)),
        Buffer.compare(address(x), address(y)),
        `${x} ${y}`,
      );
    }
  }
});
