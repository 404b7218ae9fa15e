import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hexOf } from '../../../../sidecar/address.ts';
import { ipv4Addresses, ipv6Addresses, listeningSockets, pastListeners } from '../../../../sidecar/host/net-files.ts';
import { addressBytes } from '../../../fixtures/ring-bytes.ts';

const FIB_TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 192.0.2.0/24 2 0 2
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
     |-- 10.96.0.1
        /32 host LOCAL
     |-- 169.254.1.1
        /32 host LOCAL
     |-- 10.200.0.0
        /16 universe UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
           |-- 192.0.2.2
              /32 host LOCAL
`;

test('IPv4 addresses come with their connected subnet, each once, without loopback and link-local ones', () => {
  assert.deepEqual(
    ipv4Addresses(FIB_TRIE).map(({ addr, prefixLength }) => [hexOf(addr), prefixLength]),
    [
      [hexOf(addressBytes('192.0.2.2')), 120],
      [hexOf(addressBytes('10.96.0.1')), 128],
    ],
  );
});

test('IPv6 addresses are the global ones that can be used', () => {
  const text = [
    'fd000000000000000000000000000002 04 40 00 82     eth0',
    '00000000000000000000000000000001 01 80 10 80       lo',
    'fe8000000000000000fc00fffe000001 04 40 20 80     eth0',
    '20010db8000000000000000000000009 04 80 00 40     eth0',
    '20010db800000000000000000000000a 04 38 00 00     eth0',
    '',
  ].join('\n');
  assert.deepEqual(
    ipv6Addresses(text).map(({ addr, prefixLength }) => [hexOf(addr), prefixLength]),
    [
      [hexOf(addressBytes('fd00::2')), 64],
      [hexOf(addressBytes('2001:db8::a')), 56],
    ],
  );
});

const TCP = [
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 641 1 000000002ecc0035 100 0 0 10 0',
  '   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 70123 1 0000000000000000 100 0 0 10 0',
  '   2: 020200C0:9C40 030200C0:01BB 01 00000000:00000000 00:00000000 00000000     0        0 642 1 0000000000000000 100 0 0 10 0',
  '',
].join('\n');
const TCP6 = [
  '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0000000000000000 100 0 0 10 0',
  '   1: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 98 1 0000000000000000 100 0 0 10 0',
  '   2: B80D0120000000000000000001000000:0052 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 97 1 0000000000000000 100 0 0 10 0',
  '',
].join('\n');

test('listening sockets have address, port and inode, by IPv4 and IPv6', () => {
  const all = [...listeningSockets(TCP), ...listeningSockets(TCP6)];
  assert.deepEqual(
    all.map(({ addr, port, inode }) => [hexOf(addr), port, inode]),
    [
      [hexOf(addressBytes('0.0.0.0')), 2024, 641],
      [hexOf(addressBytes('127.0.0.1')), 5432, 70123],
      [hexOf(addressBytes('::')), 80, 99],
      [hexOf(addressBytes('127.0.0.1')), 81, 98],
      [hexOf(addressBytes('2001:db8::1')), 82, 97],
    ],
  );
});

test('reading stops behind the listeners', () => {
  assert.equal(pastListeners(TCP), true);
  assert.equal(pastListeners(TCP6), false);
  assert.equal(pastListeners(TCP.split('\n').slice(0, 2).join('\n') + '\n'), false);
  assert.equal(pastListeners(''), false);
});

test('text that is none of these gives nothing', () => {
  for (const text of ['', 'x\n', '\u0000\u0001', '  |-- 1.2.3.4\n']) {
    assert.deepEqual([...ipv4Addresses(text), ...ipv6Addresses(text), ...listeningSockets(text)], []);
  }
});
