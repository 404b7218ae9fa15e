import assert from 'node:assert/strict';
import { BlockList, isIP, SocketAddress } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Addresses, formatAddress, scopeOf } from '../../../../sink/format/addresses.ts';

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const v4 = (...bytes: number[]): Uint8Array => Uint8Array.of(...MAPPED, ...bytes);
const v6 = (...groups: number[]): Uint8Array => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));

describe('addresses as text', () => {
  it('are written as RFC 5952 says', () => {
    assert.equal(formatAddress(v4(10, 0, 0, 255)), '10.0.0.255');
    assert.equal(formatAddress(v6(0, 0, 0, 0, 0, 0, 0, 0)), '::');
    assert.equal(formatAddress(v6(0, 0, 0, 0, 0, 0, 0, 1)), '::1');
    assert.equal(formatAddress(v6(0x2001, 0xdb8, 0, 0, 0, 0, 2, 1)), '2001:db8::2:1');
    assert.equal(formatAddress(v6(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1)), '2001:db8:0:1:1:1:1:1');
    assert.equal(formatAddress(v6(0x2001, 0, 0, 1, 0, 0, 0, 1)), '2001:0:0:1::1');
    assert.equal(formatAddress(v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1)), '2001:db8::1:0:0:1');
    assert.equal(formatAddress(v6(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 'fe80::');
  });

  it('are what an independent reader takes for the same address', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 1, 0xab, 0xffff), { minLength: 8, maxLength: 8 }), (groups) => {
        const text = formatAddress(v6(...groups));
        assert.ok(isIP(text) > 0, text);
        const list = new BlockList();
        list.addAddress(groups.map((group) => group.toString(16)).join(':'), 'ipv6');
        const family = isIP(text) === 4 ? 'ipv4' : 'ipv6';
        assert.ok(list.check(new SocketAddress({ address: text, family })), text);
      }),
    );
  });

  it('have the scope of their range, at its edges', () => {
    const of = (...bytes: number[]): string => scopeOf(v4(...bytes));
    assert.deepEqual([of(127, 0, 0, 1), of(127, 255, 255, 255), of(128, 0, 0, 1)], ['loopback', 'loopback', 'public']);
    assert.deepEqual([of(169, 254, 0, 1), of(169, 253, 0, 1)], ['link_local', 'public']);
    assert.deepEqual([of(10, 0, 0, 0), of(11, 0, 0, 0)], ['private', 'public']);
    assert.deepEqual(
      [of(172, 15, 0, 1), of(172, 16, 0, 1), of(172, 31, 0, 1), of(172, 32, 0, 1)].join(),
      'public,private,private,public',
    );
    assert.deepEqual([of(192, 168, 0, 1), of(192, 169, 0, 1)], ['private', 'public']);
    assert.deepEqual(
      [of(100, 63, 0, 1), of(100, 64, 0, 1), of(100, 127, 0, 1), of(100, 128, 0, 1)].join(),
      'public,shared,shared,public',
    );
    assert.equal(scopeOf(v6(0, 0, 0, 0, 0, 0, 0, 1)), 'loopback');
    assert.deepEqual(
      [scopeOf(v6(0xfebf, 0, 0, 0, 0, 0, 0, 1)), scopeOf(v6(0xfec0, 0, 0, 0, 0, 0, 0, 1))],
      ['link_local', 'public'],
    );
    assert.deepEqual(
      [scopeOf(v6(0xfdff, 0, 0, 0, 0, 0, 0, 1)), scopeOf(v6(0x2001, 0, 0, 0, 0, 0, 0, 1))],
      ['private', 'public'],
    );
  });
});

describe('interned addresses', () => {
  it('have one number each, however many there are', () => {
    const addresses = new Addresses();
    const all = Array.from({ length: 20_000 }, (_, i) => v6(0x2001, 0, i, 0, 0, 0, i >> 8, i * 7));
    const numbers = all.map((address) => addresses.number(address, 0));
    assert.equal(addresses.count, new Set(all.map((address) => address.join())).size);
    all.forEach((address, i) => {
      assert.equal(addresses.number(address, 0), numbers[i]);
      assert.deepEqual(addresses.bytes(numbers[i]!), address);
    });
    addresses.clear();
    assert.equal(addresses.number(all[5]!, 0), 0);
  });
});
