import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AvroReader } from '../../../schemas/avro-reader.ts';

const reader = (hex: string): AvroReader => new AvroReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 0, 'a test');

/** Each as it stands at the end of the bytes (the padded path) and with bytes behind it (the quick one). */
function bothEnds(hex: string, check: (reader: AvroReader) => void): void {
  check(reader(hex));
  check(reader(`${hex} 0000000000000000000000`));
}

test('a long is read exactly up to +-(2^53 - 1)', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['00', 0],
    ['01', -1],
    ['02', 1],
    ['7f', -64],
    ['8001', 64],
    ['ffffff7f', -(2 ** 27)],
    ['8080808001', 2 ** 27],
    ['feffffffffffff1f', 2 ** 53 - 1],
    ['fdffffffffffff1f', -(2 ** 53 - 1)],
    ['8080808080808010', 2 ** 52],
  ];
  for (const [hex, value] of cases) bothEnds(hex, (r) => assert.equal(r.readLong(), value, hex));
});

test('a long beyond +-(2^53 - 1) is invalid', () => {
  for (const hex of ['8080808080808020', 'ffffffffffffff1f', 'feffffffffffffffff01', 'ffffffffffffffffff01']) {
    bothEnds(hex, (r) => assert.throws(() => r.readLong(), { code: 'WEIR_SCHEMA_INVALID' }, hex));
  }
});

test('a varint padded with zeros is its value, as long as its type allows', () => {
  bothEnds('80808080808080808000', (r) => assert.equal(r.readLong(), 0));
  bothEnds('8280808000', (r) => assert.equal(r.readInt(), 1));
});

test('a varint past its type is overlong', () => {
  for (const hex of ['80808080808080808002', '8080808080808080808000']) {
    bothEnds(hex, (r) => assert.throws(() => r.readLong(), { code: 'WEIR_SCHEMA_OVERLONG' }, hex));
  }
  for (const hex of ['8080808010', '808080808000', 'ffffffff1f']) {
    bothEnds(hex, (r) => assert.throws(() => r.readInt(), { code: 'WEIR_SCHEMA_OVERLONG' }, hex));
  }
});

test('an int has 32 bits', () => {
  bothEnds('feffffff0f', (r) => assert.equal(r.readInt(), 2 ** 31 - 1));
  bothEnds('ffffffff0f', (r) => assert.equal(r.readInt(), -(2 ** 31)));
});

test('a varint that is cut is truncated', () => {
  for (const hex of ['', '80', '808080', '808080808080808080']) {
    assert.throws(() => reader(hex).readLong(), { code: 'WEIR_SCHEMA_TRUNCATED' }, hex);
    assert.throws(() => reader(hex.slice(0, 8)).readInt(), { code: 'WEIR_SCHEMA_TRUNCATED' }, hex);
  }
});

test('a string is bounded before it is looked at', () => {
  assert.throws(() => reader('01').readString('f'), { code: 'WEIR_SCHEMA_INVALID' });
  assert.throws(() => reader('feffffff0f 61').readString('f'), { code: 'WEIR_SCHEMA_TOO_LARGE' });
  assert.throws(() => reader('06 6162').readString('f'), { code: 'WEIR_SCHEMA_TRUNCATED' });
});

test('a boolean is 0 or 1, an enum one of its symbols', () => {
  assert.equal(reader('01').readBoolean('f'), true);
  assert.throws(() => reader('02').readBoolean('f'), { code: 'WEIR_SCHEMA_INVALID' });
  assert.throws(() => reader('').readBoolean('f'), { code: 'WEIR_SCHEMA_TRUNCATED' });
  assert.equal(reader('04').readEnum(3, 'f'), 2);
  for (const hex of ['06', '01']) assert.throws(() => reader(hex).readEnum(3, 'f'), { code: 'WEIR_SCHEMA_INVALID' });
});

test('an array is read from blocks of both forms', () => {
  const items = (hex: string): number[] => reader(hex).readArray(1, (r) => r.readLong(), 'f');
  assert.deepEqual(items('00'), []);
  assert.deepEqual(items('04 02 04 02 06 00'), [1, 2, 3]);
  assert.deepEqual(items('03 04 02 04 01 02 06 00'), [1, 2, 3]);
});

test('a count is not believed beyond the bytes that are there', () => {
  const read = (hex: string, itemBytesMin: number) => (): unknown =>
    reader(hex).readArray(itemBytesMin, () => assert.fail('an item was read'), 'f');
  assert.throws(read('808008', 14), { code: 'WEIR_SCHEMA_TRUNCATED' });
  assert.throws(read('feffffff0f', 1), { code: 'WEIR_SCHEMA_TOO_LARGE' });
  assert.throws(read('feffffffffffff1f', 1), { code: 'WEIR_SCHEMA_TOO_LARGE' });
  assert.throws(read('03 ffffff0f 00', 1), { code: 'WEIR_SCHEMA_INVALID' });
  assert.throws(read('03 feffff0f 00', 1), { code: 'WEIR_SCHEMA_TRUNCATED' });
});

test('the bound of an array holds over all its blocks', () => {
  const block = `feff03${'00'.repeat(32_767)}`;
  assert.throws(() => reader(`${block}${block}${block}00`).readArray(1, (r) => r.readLong(), 'f'), {
    code: 'WEIR_SCHEMA_TOO_LARGE',
  });
});

test('a block that is shorter or longer than it says is invalid', () => {
  for (const hex of ['01 04 02 00 00', '03 02 02 04 00']) {
    assert.throws(() => reader(hex).readArray(1, (r) => r.readLong(), 'f'), { code: 'WEIR_SCHEMA_INVALID' }, hex);
  }
});

test('bytes behind the end are overlong', () => {
  const r = reader('02 00');
  r.readLong();
  assert.throws(() => r.finish(), { code: 'WEIR_SCHEMA_OVERLONG' });
  r.readLong();
  r.finish();
});
