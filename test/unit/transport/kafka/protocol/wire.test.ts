import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireReader, WireWriter } from '../../../../../transport/kafka/protocol/wire.ts';

/** A zigzag number has a bit less than the 53 of a double. */
const ZIGZAG = 2 ** 52;
const SAFE = Number.MAX_SAFE_INTEGER;

test('what is written is read back, however far the buffer has grown', () => {
  fc.assert(
    fc.property(
      fc.array(fc.maxSafeInteger(), { maxLength: 200 }),
      fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      fc.string({ unit: 'grapheme', maxLength: 400 }),
      (longs, ints, text) => {
        const writer = new WireWriter();
        writer.array(longs, (value) => writer.int64(value).varint(value % ZIGZAG));
        writer.compactArray(ints, (value) =>
          writer
            .int32(value)
            .int16(value & 0x7fff)
            .int8(value & 0x7f),
        );
        writer.string(text).string(null).compactString(text).bytes(Buffer.from(text)).bool(true).noTags();
        const reader = new WireReader(writer.written);
        assert.deepEqual(
          reader.array(() => [reader.int64(), reader.varint()]),
          longs.map((value) => [value, value % ZIGZAG]),
        );
        assert.deepEqual(
          reader.compactArray(() => [reader.int32(), reader.int16(), reader.int8()]),
          ints.map((value) => [value, value & 0x7fff, value & 0x7f]),
        );
        assert.deepEqual(
          [reader.string(), reader.nullableString(), reader.compactString(), reader.nullableBytes()?.toString()],
          [text, null, text, text],
        );
        assert.ok(reader.bool());
        reader.skipTags();
        assert.equal(reader.left, 0);
      },
    ),
  );
});

test('unsigned varints up to 2^53 come back', () => {
  for (const value of [0, 127, 128, 2 ** 31, 2 ** 32 + 5, SAFE]) {
    const reader = new WireReader(new WireWriter().uvarint(value).written);
    assert.equal(reader.uvarint(), value);
  }
});

test('tagged fields of a newer broker are skipped', () => {
  const writer = new WireWriter()
    .uvarint(2)
    .uvarint(0)
    .uvarint(3)
    .raw(Buffer.from('abc'))
    .uvarint(9)
    .uvarint(0)
    .int8(7);
  const reader = new WireReader(writer.written);
  reader.skipTags();
  assert.equal(reader.int8(), 7);
});

test('cut and forged bytes end in a RangeError, never in memory or a loop', () => {
  const forgedCount = new WireReader(new WireWriter().int32(2 ** 31 - 1).int8(0).written);
  assert.throws(() => forgedCount.array(() => forgedCount.int8()), RangeError);
  assert.throws(() => new WireReader(Buffer.from([0, 5, 97])).string(), RangeError);
  assert.throws(() => new WireReader(Buffer.alloc(20, 0xff)).uvarint(), RangeError);
  assert.throws(() => new WireReader(Buffer.alloc(3)).int32(), RangeError);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const reader = new WireReader(Buffer.from(bytes));
      try {
        reader.skipTags();
        reader.compactArray(() => reader.compactString());
        reader.nullableBytes();
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }),
  );
});
