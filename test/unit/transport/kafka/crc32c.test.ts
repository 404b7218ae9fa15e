import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '../../../../transport/kafka/crc32c.ts';

test('the check values of CRC-32C (RFC 3720, appendix B.4, and the usual 123456789)', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e);
  assert.equal(crc32c(new Uint8Array(0)), 0);
});

test('it agrees with kafkajs on any bytes, at any alignment', () => {
  const reference = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C') as (
    bytes: Buffer,
  ) => number;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(7), (bytes, skip) => {
      const view = bytes.subarray(Math.min(skip, bytes.length));
      assert.equal(crc32c(view), reference(Buffer.from(view)) >>> 0);
    }),
  );
});
