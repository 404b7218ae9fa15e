import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AvroReader } from '../../../schemas/avro-reader.ts';
import { AvroWriter } from '../../../schemas/avro-writer.ts';
import { RecordMemo } from '../../../schemas/record-memo.ts';

interface Two {
  readonly a: string;
  readonly b: string;
}

const encode = (...texts: readonly string[]): Uint8Array => {
  const writer = new AvroWriter();
  writer.begin(new Uint8Array(0));
  for (const text of texts) writer.writeString(text, 'text');
  return writer.take();
};
/** Reads records of two texts, and counts those that are read anew. */
class Reading {
  anew = 0;
  readonly #memo = new RecordMemo<Two>(2, (reader) => {
    this.anew += 1;
    return { a: reader.readString('a'), b: reader.readString('b') };
  });

  of(bytes: Uint8Array): Two {
    const reader = new AvroReader(bytes, 0, 'two texts');
    const record = this.#memo.read(reader);
    reader.finish();
    return record;
  }
}

test('a record that came again is the same object from then on, and its texts are not read', () => {
  const read = new Reading();
  read.of(encode('shop', 'cart-1'));
  const again = read.of(encode('shop', 'cart-1'));
  assert.deepEqual(again, { a: 'shop', b: 'cart-1' });
  assert.equal(read.of(encode('shop', 'cart-1')), again);
  assert.equal(read.anew, 2);
});

test('records that differ in any byte, or in where a text ends, are kept apart', () => {
  const read = new Reading();
  const records: [string, string][] = [];
  for (let i = 0; i < 40; i += 1) {
    for (let k = 0; k < 40; k += 1) {
      const middle = Array.from({ length: 40 }, (_, at) => (at === k ? String.fromCharCode(97 + (i % 26)) : '-'));
      records.push([`aa${middle.join('')}zz`, 'ends alike'], ['x'.repeat(i), 'x'.repeat(k)]);
    }
  }
  for (let round = 0; round < 3; round += 1) {
    for (const [a, b] of records) assert.deepEqual(read.of(encode(a, b)), { a, b });
  }
});

test('long, empty and foreign texts are read as they are', () => {
  const read = new Reading();
  for (const length of [0, 63, 64, 100, 381, 382, 383, 400, 8000]) {
    for (const text of ['a'.repeat(length), 'ß'.repeat(length)]) {
      for (let round = 0; round < 3; round += 1) {
        assert.deepEqual(read.of(encode(text, '')), { a: text, b: '' });
        assert.deepEqual(read.of(encode('', text)), { a: '', b: text });
      }
    }
  }
});

test('a known record that is cut is refused, at every byte', () => {
  const read = new Reading();
  const bytes = encode('shop', 'a longer text, of more than sixty-three bytes, so that its length has two bytes');
  for (let round = 0; round < 2; round += 1) read.of(bytes);
  for (let end = 0; end < bytes.length; end += 1) {
    assert.throws(() => read.of(bytes.slice(0, end)), { code: 'WEIR_SCHEMA_TRUNCATED' }, `${end} bytes`);
  }
});

test('what is not UTF-8 is refused each time', () => {
  const read = new Reading();
  for (let round = 0; round < 3; round += 1) {
    assert.throws(() => read.of(Uint8Array.of(2, 0xff, 0)), { code: 'WEIR_SCHEMA_INVALID' });
  }
});
