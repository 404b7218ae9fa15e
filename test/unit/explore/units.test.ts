import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, formatBytes, formatMicros } from '../../../explore/units.ts';

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('units', () => {
  it('write bytes with two digits at least', () => {
    assert.deepEqual([0, 999, 1000, 9949, 9960, 12_345, 999_499, 999_600, 5e12].map(formatBytes), [
      '0 B',
      '999 B',
      '1.0 kB',
      '9.9 kB',
      '10 kB',
      '12 kB',
      '999 kB',
      '1.0 MB',
      '5.0 TB',
    ]);
  });

  it('write microseconds as a reader of latencies expects', () => {
    assert.deepEqual([210, 9990, 34_000, 1_250_000].map(formatMicros), ['0.21 ms', '9.99 ms', '34 ms', '1.3 s']);
  });

  it('write addresses by RFC 5952, mapped ones as IPv4', () => {
    assert.equal(formatAddress(bytes('0000 0000 0000 0000 0000 ffff 0a000001')), '10.0.0.1');
    assert.equal(formatAddress(bytes('2001 0db8 0000 0000 0001 0000 0000 0001')), '2001:db8::1:0:0:1');
    assert.equal(formatAddress(bytes('0000 0000 0000 0000 0000 0000 0000 0001')), '::1');
    assert.equal(formatAddress(bytes('2001 0db8 0000 0001 0001 0001 0001 0001')), '2001:db8:0:1:1:1:1:1');
  });
});
