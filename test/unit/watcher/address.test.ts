import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, parsePrefix } from '../../../watcher/address.ts';

const hex = (text: string): string | null => {
  const bytes = parseAddress(text);
  return bytes === null ? null : Buffer.from(bytes).toString('hex');
};

test('every way to write an address gives its 16 bytes', () => {
  assert.equal(hex('10.1.0.5'), '00000000000000000000ffff0a010005');
  assert.equal(hex('::ffff:10.1.0.5'), '00000000000000000000ffff0a010005');
  assert.equal(hex('::ffff:0a01:0005'), '00000000000000000000ffff0a010005');
  assert.equal(hex('fd00::1'), 'fd000000000000000000000000000001');
  assert.equal(hex('FD00:0:0:1::'), 'fd000000000000010000000000000000');
  assert.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
  assert.equal(hex('::'), '0'.repeat(32));
  assert.equal(hex('64:ff9b::192.0.2.1'), '0064ff9b0000000000000000c0000201');
});

test('what is no address is none', () => {
  for (const text of ['', 'None', '10.0.0', '10.0.0.256', 'fe80::1%eth0', 'host.name', '1::2::3']) {
    assert.equal(hex(text), null, text);
  }
});

test('a prefix counts from the first of 128 bits', () => {
  assert.equal(parsePrefix('10.1.0.0/24')?.prefixLength, 120);
  assert.equal(parsePrefix('fd00::/64')?.prefixLength, 64);
  for (const text of ['10.1.0.0', '10.1.0.0/33', 'fd00::/129', '10.1.0.0/x', '10.1.0.0/24/1', '']) {
    assert.equal(parsePrefix(text), null, text);
  }
});
