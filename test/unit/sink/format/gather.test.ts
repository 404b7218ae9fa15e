import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ColumnData } from '../../../../sink/format/columns.ts';
import { beginChunk, CHUNK_ROWS, enumWidth, gather, newScratch, type Scratch } from '../../../../sink/format/gather.ts';

const order = Int32Array.of(2, 0, 1);

function chunkOf(column: ColumnData, n: number = 3, rows: Int32Array | null = order, from: number = 0) {
  const scratch = newScratch();
  beginChunk(rows, from, n, scratch);
  return { scratch, width: gather(column, n, scratch) };
}

function nullsOf(scratch: Scratch, n: number = 3): boolean[] {
  const isValid = (row: number): boolean => ((scratch.valid[row >> 5]! >>> (row & 31)) & 1) === 1;
  return Array.from({ length: n }, (_, row) => scratch.nulls && !isValid(row));
}

describe('gathering a chunk', () => {
  it('writes whole numbers as 64 bits, exact to 2^53 and below zero', () => {
    const numbers = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 32 - 1, 2 ** 53, -(2 ** 53), -(2 ** 32) - 1, 1.7e15];
    const values = Float64Array.from(numbers);
    const { scratch, width } = chunkOf({ kind: 'doubles', values, sentinel: false }, numbers.length, null);
    const words = new BigInt64Array(scratch.words.buffer, 0, numbers.length);
    assert.equal(width, 8);
    assert.deepEqual([...words], numbers.map(BigInt));
    assert.equal(scratch.nulls, false);
  });

  it('takes the rows in the order of the file, and negative sentinels as null', () => {
    const ints = chunkOf({ kind: 'ints', values: Int32Array.of(10, -1, 30), sentinel: true });
    assert.deepEqual([ints.width, [...ints.scratch.ints.subarray(0, 2)]], [4, [30, 10]]);
    assert.deepEqual(nullsOf(ints.scratch), [false, false, true]);
    const doubles = chunkOf({ kind: 'doubles', values: Float64Array.of(10, 20, -1), sentinel: true });
    assert.deepEqual(nullsOf(doubles.scratch), [true, false, false]);
    const kept = chunkOf({ kind: 'ints', values: Int32Array.of(10, -1, 30), sentinel: false });
    assert.equal(kept.scratch.nulls, false);
  });

  it('looks texts up in two steps, null at either', () => {
    const index = Int32Array.of(1, -1, 0);
    const codes = Int32Array.of(-1, 1);
    for (const texts of [2, 300, 70_000]) {
      const column: ColumnData = {
        kind: 'texts',
        index,
        codes,
        texts: Array.from({ length: texts }, (_, i) => `${i}`),
      };
      const { scratch, width } = chunkOf(column);
      const out = width === 1 ? scratch.bytes : width === 2 ? scratch.shorts : scratch.ints;
      assert.equal(width, enumWidth(texts));
      assert.deepEqual(
        [nullsOf(scratch), [...out.subarray(0, 3)]],
        [
          [true, false, true],
          [0, 1, 0],
        ],
      );
    }
  });

  it('looks numbers up, null at either step', () => {
    const column: ColumnData = { kind: 'looked_up', index: Int32Array.of(1, -1, 0), values: Float64Array.of(-1, 7) };
    const { scratch } = chunkOf(column);
    assert.deepEqual(nullsOf(scratch), [true, false, true]);
    assert.equal(scratch.words[2], 7);
  });

  it('keeps columns of different indexes apart, and flags as they are', () => {
    const scratch = newScratch();
    beginChunk(null, 0, 2, scratch);
    const values = Float64Array.of(5, 6);
    gather({ kind: 'looked_up', index: Int32Array.of(0, 1), values }, 2, scratch);
    assert.deepEqual([scratch.words[0], scratch.words[2]], [5, 6]);
    gather({ kind: 'looked_up', index: Int32Array.of(1, 1), values }, 2, scratch);
    assert.deepEqual([scratch.words[0], scratch.words[2]], [6, 6]);
    assert.equal(gather({ kind: 'flags', values: Uint8Array.of(1, 0) }, 2, scratch), 1);
    assert.deepEqual([...scratch.bytes.subarray(0, 2)], [1, 0]);
  });

  it('fills a whole chunk from the middle of a table', () => {
    const rows = Int32Array.from({ length: 3 * CHUNK_ROWS }, (_, i) => i);
    const values = Float64Array.from(rows);
    const { scratch } = chunkOf({ kind: 'doubles', values, sentinel: true }, CHUNK_ROWS, rows, CHUNK_ROWS);
    const words = new BigInt64Array(scratch.words.buffer);
    assert.deepEqual([words[0], words[CHUNK_ROWS - 1]], [BigInt(CHUNK_ROWS), BigInt(2 * CHUNK_ROWS - 1)]);
  });

  it('writes codes as wide as DuckDB expects them', () => {
    assert.deepEqual([1, 255, 256, 65_535, 65_536].map(enumWidth), [1, 1, 2, 2, 4]);
  });
});
