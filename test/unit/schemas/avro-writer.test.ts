import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STRING_BYTES_MAX } from '../../../contract/limits.ts';
import { AvroReader } from '../../../schemas/avro-reader.ts';
import { AvroWriter } from '../../../schemas/avro-writer.ts';

function written(write: (writer: AvroWriter) => void): Uint8Array {
  const writer = new AvroWriter();
  writer.begin(new Uint8Array(0));
  write(writer);
  return writer.take();
}

test('longs of every length are written as they are read', () => {
  for (let bits = 0; bits <= 53; bits += 1) {
    for (const value of [2 ** bits - 1, -(2 ** bits) + 1, 2 ** bits - 2]) {
      const bytes = written((writer) => writer.writeLong(value));
      assert.equal(new AvroReader(bytes, 0, 'a test').readLong(), value);
    }
  }
});

test('what is no integer of its type is refused', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 0.5, 2 ** 53, -(2 ** 53)]) {
    assert.throws(() => written((writer) => writer.writeLong(value)), { code: 'WEIR_SCHEMA_INVALID' }, String(value));
  }
  for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN]) {
    assert.throws(() => written((w) => w.writeInt(value, 'f')), { code: 'WEIR_SCHEMA_INVALID' }, String(value));
  }
  for (const index of [-1, 3, 1.5, Number.NaN]) {
    assert.throws(() => written((w) => w.writeEnum(index, 3, 'f')), { code: 'WEIR_SCHEMA_INVALID' }, String(index));
  }
});

test('a string past its bound is refused by its bytes, not its characters', () => {
  const longest = 'x'.repeat(STRING_BYTES_MAX);
  assert.equal(written((writer) => writer.writeString(longest, 'f')).length, STRING_BYTES_MAX + 3);
  for (const text of [`${longest}x`, `ü${'x'.repeat(STRING_BYTES_MAX - 1)}`]) {
    assert.throws(() => written((writer) => writer.writeString(text, 'f')), { code: 'WEIR_SCHEMA_TOO_LARGE' });
  }
});

test('a lone surrogate becomes the replacement character', () => {
  const bytes = written((writer) => writer.writeString('a\ud800', 'f'));
  assert.equal(new AvroReader(bytes, 0, 'a test').readString('f'), 'a\ufffd');
});

test('what is taken stays as it is when the writer goes on', () => {
  const writer = new AvroWriter();
  writer.begin(Uint8Array.of(1, 2));
  const first = writer.take();
  writer.begin(Uint8Array.of(3, 4));
  assert.deepEqual([...first], [1, 2]);
});
