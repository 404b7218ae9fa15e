import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHUNK_ROWS, enumWidth, gather, hasNull, newScratch } from '../../../../sink/format/gather.ts';

const order = Int32Array.of(2, 0, 1);
const isValid = (valid: Uint32Array, row: number): boolean => ((valid[row >> 5]! >>> (row & 31)) & 1) === 1;

describe('gathering a chunk', () => {
  it('writes whole numbers as 64 bits, exact to 2^53 and below zero', () => {
    const numbers = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 32 - 1, 2 ** 53, -(2 ** 53), -(2 ** 32) - 1, 1.7e15];
    const scratch = newScratch();
    const rows = Int32Array.from(numbers, (_, i) => i);
    const width = gather(
      { kind: 'doubles', values: Float64Array.from(numbers), sentinel: false },
      rows,
      0,
      rows.length,
      scratch,
    );
    const words = new BigInt64Array(scratch.words.buffer, 0, numbers.length);
    assert.equal(width, 8);
    assert.deepEqual([...words], numbers.map(BigInt));
  });

  it('takes the rows in the order of the file, and negative sentinels as null', () => {
    const scratch = newScratch();
    const column = { kind: 'ints', values: Int32Array.of(10, -1, 30), sentinel: true } as const;
    assert.equal(gather(column, order, 0, 3, scratch), 4);
    assert.deepEqual([...scratch.ints.subarray(0, 2)], [30, 10]);
    assert.deepEqual(
      [0, 1, 2].map((i) => isValid(scratch.valid, i)),
      [true, true, false],
    );
    assert.ok(hasNull(column) && !hasNull({ ...column, sentinel: false }));
  });

  it('looks texts up in two steps, null at either', () => {
    const scratch = newScratch();
    const column = {
      kind: 'texts',
      index: Int32Array.of(1, -1, 0),
      codes: Int32Array.of(-1, 1),
      texts: ['a', 'b'],
    } as const;
    assert.equal(gather(column, order, 0, 3, scratch), 1);
    assert.deepEqual(
      [0, 1, 2].map((i) => isValid(scratch.valid, i)),
      [false, true, false],
    );
    assert.deepEqual([...scratch.bytes.subarray(0, 3)], [0, 1, 0]);
  });

  it('fills a whole chunk from the middle of a table', () => {
    const scratch = newScratch();
    const rows = Int32Array.from({ length: 3 * CHUNK_ROWS }, (_, i) => i);
    const values = Float64Array.from(rows);
    gather({ kind: 'doubles', values, sentinel: true }, rows, CHUNK_ROWS, CHUNK_ROWS, scratch);
    const words = new BigInt64Array(scratch.words.buffer);
    assert.deepEqual([words[0], words[CHUNK_ROWS - 1]], [BigInt(CHUNK_ROWS), BigInt(2 * CHUNK_ROWS - 1)]);
  });

  it('writes codes as wide as DuckDB expects them', () => {
    assert.deepEqual([1, 255, 256, 65_535, 65_536].map(enumWidth), [1, 1, 2, 2, 4]);
  });
});
