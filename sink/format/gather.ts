/**
 * From a column's shape to one chunk of a vector: values in the order of the file, and which of them are null.
 * Hot: no allocation, one loop per shape. `n` is at most CHUNK_ROWS; the scratch is the caller's and is overwritten.
 */
import type { ColumnData } from './columns.ts';

/** Rows of a DuckDB vector (STANDARD_VECTOR_SIZE). */
export const CHUNK_ROWS = 2048;

/** Scratch for one column of one chunk. 64-bit values are pairs of 32-bit words, low word first. */
export interface Scratch {
  readonly words: Int32Array;
  readonly ints: Int32Array;
  readonly shorts: Uint16Array;
  readonly bytes: Uint8Array;
  /** One bit a row, 1: valid. */
  readonly valid: Uint32Array;
}

export function newScratch(): Scratch {
  const buffer = new ArrayBuffer(CHUNK_ROWS * 8);
  return {
    words: new Int32Array(buffer),
    ints: new Int32Array(buffer, 0, CHUNK_ROWS),
    shorts: new Uint16Array(buffer, 0, CHUNK_ROWS),
    bytes: new Uint8Array(buffer, 0, CHUNK_ROWS),
    valid: new Uint32Array(CHUNK_ROWS / 32),
  };
}

/** Bytes of one code in an ENUM of so many texts (DuckDB: EnumTypeInfo::DictType). */
export function enumWidth(texts: number): 1 | 2 | 4 {
  if (texts <= 255) return 1;
  return texts <= 65_535 ? 2 : 4;
}

/**
 * Fill the scratch with rows [from, from + n) of a column.
 * @returns bytes of one value; `scratch.valid` means something only where `hasNull(column)`.
 */
export function gather(
  column: ColumnData,
  order: Int32Array,
  from: number,
  n: number,
  scratch: Scratch,
): 1 | 2 | 4 | 8 {
  switch (column.kind) {
    case 'doubles':
      gatherDoubles(column.values, order, from, n, scratch, column.sentinel);
      return 8;
    case 'looked_up':
      gatherLookedUp(column.index, column.values, order, from, n, scratch);
      return 8;
    case 'ints':
      gatherInts(column.values, order, from, n, scratch, column.sentinel);
      return 4;
    case 'flags':
      for (let i = 0; i < n; i++) scratch.bytes[i] = column.values[order[from + i]!]!;
      return 1;
    case 'texts':
      return gatherTexts(column, order, from, n, scratch);
    case 'none':
    case 'constant':
      throw new Error('a column without values is not gathered');
  }
}

/** Whether rows of the column can be null, so that `valid` must be handed over. */
export function hasNull(column: ColumnData): boolean {
  switch (column.kind) {
    case 'doubles':
    case 'ints':
      return column.sentinel;
    case 'flags':
    case 'constant':
      return false;
    default:
      return true;
  }
}

function gatherDoubles(
  values: Float64Array,
  order: Int32Array,
  from: number,
  n: number,
  { words, valid }: Scratch,
  sentinel: boolean,
): void {
  if (sentinel) valid.fill(0xffffffff);
  for (let i = 0; i < n; i++) {
    const value = values[order[from + i]!]!;
    if (sentinel && value < 0) valid[i >>> 5]! &= ~(1 << (i & 31));
    putLong(words, i, value);
  }
}

function gatherLookedUp(
  index: Int32Array,
  values: Float64Array,
  order: Int32Array,
  from: number,
  n: number,
  { words, valid }: Scratch,
): void {
  valid.fill(0xffffffff);
  for (let i = 0; i < n; i++) {
    const at = index[order[from + i]!]!;
    const value = at < 0 ? -1 : values[at]!;
    if (value < 0) valid[i >>> 5]! &= ~(1 << (i & 31));
    putLong(words, i, value);
  }
}

function gatherInts(
  values: Int32Array,
  order: Int32Array,
  from: number,
  n: number,
  { ints, valid }: Scratch,
  sentinel: boolean,
): void {
  if (sentinel) valid.fill(0xffffffff);
  for (let i = 0; i < n; i++) {
    const value = values[order[from + i]!]!;
    if (sentinel && value < 0) valid[i >>> 5]! &= ~(1 << (i & 31));
    ints[i] = value;
  }
}

/** A null's code is 0: DuckDB looks at no code of a null, but every code must be one of the ENUM. */
function gatherTexts(
  column: ColumnData & { kind: 'texts' },
  order: Int32Array,
  from: number,
  n: number,
  { bytes, shorts, ints, valid }: Scratch,
): 1 | 2 | 4 {
  const { index, codes } = column;
  const width = enumWidth(column.texts.length);
  const out = width === 1 ? bytes : width === 2 ? shorts : ints;
  valid.fill(0xffffffff);
  for (let i = 0; i < n; i++) {
    const at = index[order[from + i]!]!;
    const code = at < 0 ? -1 : codes[at]!;
    if (code < 0) {
      valid[i >>> 5]! &= ~(1 << (i & 31));
      out[i] = 0;
    } else out[i] = code;
  }
  return width;
}

/** A whole number as two's complement of 64 bits, without a BigInt. */
function putLong(words: Int32Array, i: number, value: number): void {
  const low = value | 0;
  if (low === value) {
    words[2 * i] = low;
    words[2 * i + 1] = low >> 31;
    return;
  }
  const high = Math.floor(value / 4294967296);
  words[2 * i] = (value - high * 4294967296) | 0;
  words[2 * i + 1] = high;
}
