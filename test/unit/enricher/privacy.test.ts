import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hideAddresses } from '../../../enricher/privacy.ts';
import { EnrichedFlowColumns } from '../../../schemas/generated/flows-enriched-v1.ts';
import { address } from '../../fixtures/enricher-messages.ts';

function rowsOf(...addresses: string[]): EnrichedFlowColumns {
  const rows = new EnrichedFlowColumns(addresses.length);
  rows.length = addresses.length;
  addresses.forEach((addr, i) => {
    rows.srcAddr.set(address(addr), 16 * i);
    rows.dstAddr.set(address('10.0.0.1'), 16 * i);
  });
  return rows;
}
const srcOf = (rows: EnrichedFlowColumns, i: number): Uint8Array => rows.srcAddr.slice(16 * i, 16 * i + 16);

const INSIDE = [
  '10.1.2.3',
  '172.31.255.9',
  '192.168.1.1',
  '169.254.1.1',
  '100.64.3.4',
  '127.0.0.1',
  'fd00:1::5',
  'fe80::1',
  '::1',
];

test('public addresses are cut to /24 and /48, or left out; those inside stay', () => {
  for (const mode of ['truncate', 'drop'] as const) {
    const rows = rowsOf('203.0.113.77', '2001:db8:1:2::3', '172.32.0.1', ...INSIDE);
    hideAddresses(rows, 0, mode);
    const cut = mode === 'truncate' ? ['203.0.113.0', '2001:db8:1::', '172.32.0.0'] : ['::', '::', '::'];
    cut.forEach((want, i) => assert.deepEqual(srcOf(rows, i), address(want)));
    INSIDE.forEach((want, i) => assert.deepEqual(srcOf(rows, 3 + i), address(want), want));
    assert.deepEqual(rows.dstAddr.slice(0, 16), address('10.0.0.1'));
  }
});

test('rows before the batch are left alone, and keep keeps', () => {
  const rows = rowsOf('203.0.113.77', '203.0.113.78');
  hideAddresses(rows, 1, 'truncate');
  assert.deepEqual([srcOf(rows, 0), srcOf(rows, 1)], [address('203.0.113.77'), address('203.0.113.0')]);
  hideAddresses(rows, 0, 'keep');
  assert.deepEqual(srcOf(rows, 0), address('203.0.113.77'));
});
