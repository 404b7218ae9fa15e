/**
 * From a column's shape to one chunk of a vector: values in the order of the file, and which of them are null.
 * Hot: no allocation, one loop per shape and width so that each sees one kind of array. The scratch is the caller's.
 */
import type { ColumnData } from './columns.ts';

/** Rows of a DuckDB vector (STANDARD_VECTOR_SIZE). */
export const CHUNK_ROWS = 2048;

/** Scratch for one column of one chunk. */
export interface Scratch {
  /** Values: 64-bit ones as pairs of words, low word first; the others are views on the same bytes. */
  readonly words: Int32Array;
  readonly ints: Int32Array;
  readonly shorts: Uint16Array;
  readonly bytes: Uint8Array;
  /** One bit a row, 1: valid. Means something only where `nulls` says so. */
  readonly valid: Uint32Array;
  /** Whether the last column gathered has a null in this chunk. */
  nulls: boolean;
  /** The chunk's rows, and the entities of one index of them: many columns share an index. */
  readonly rows: Int32Array;
  readonly entities: Int32Array;
  entitiesOf: Int32Array | null;
}

export function newScratch(): Scratch {
  const buffer = new ArrayBuffer(CHUNK_ROWS * 8);
  return {
    words: new Int32Array(buffer),
    ints: new Int32Array(buffer, 0, CHUNK_ROWS),
    shorts: new Uint16Array(buffer, 0, CHUNK_ROWS),
    bytes: new Uint8Array(buffer, 0, CHUNK_ROWS),
    valid: new Uint32Array(CHUNK_ROWS / 32),
    nulls: false,
    rows: new Int32Array(CHUNK_ROWS),
    entities: new Int32Array(CHUNK_ROWS),
    entitiesOf: null,
  };
}

/** Bytes of one code in an ENUM of so many texts (DuckDB: EnumTypeInfo::DictType). */
export function enumWidth(texts: number): 1 | 2 | 4 {
  if (texts <= 255) return 1;
  return texts <= 65_535 ? 2 : 4;
}

/** Choose the rows of a chunk: [from, from + n) of the file's order; `n` is at most CHUNK_ROWS. */
export function beginChunk(order: Int32Array | null, from: number, n: number, scratch: Scratch): void {
  const { rows } = scratch;
  if (order === null) for (let i = 0; i < n; i++) rows[i] = from + i;
  else rows.set(order.subarray(from, from + n));
  scratch.entitiesOf = null;
}

/**
 * Fill the scratch with one column's values of the chunk's first `n` rows; sets `scratch.nulls`, and `valid` with it.
 * @returns bytes of one value.
 */
export function gather(column: ColumnData, n: number, scratch: Scratch): 1 | 2 | 4 | 8 {
  scratch.nulls = false;
  switch (column.kind) {
    case 'doubles':
      gatherDoubles(column.values, n, scratch);
      if (column.sentinel === 'nan') nullNaN(column.values, n, scratch);
      else if (column.sentinel) nullDoubles(column.values, n, scratch);
      return 8;
    case 'ints':
      gatherInts(column.values, n, scratch);
      if (column.sentinel) nullNegative(scratch.ints, n, scratch);
      return 4;
    case 'flags':
      gatherFlags(column.values, n, scratch);
      return 1;
    case 'looked_up':
      chooseEntities(column.index, n, scratch);
      gatherLookedUp(column.values, n, scratch);
      return 8;
    case 'texts': {
      chooseEntities(column.index, n, scratch);
      const width = enumWidth(column.texts.length);
      if (width === 1) gatherBytes(column.codes, n, scratch);
      else if (width === 2) gatherShorts(column.codes, n, scratch);
      else gatherCodes(column.codes, n, scratch);
      return width;
    }
    case 'none':
    case 'constant':
      throw new Error('a column without values is not gathered');
  }
}

function chooseEntities(index: Int32Array, n: number, scratch: Scratch): void {
  if (scratch.entitiesOf === index) return;
  const { rows, entities } = scratch;
  for (let i = 0; i < n; i++) entities[i] = index[rows[i]!]!;
  scratch.entitiesOf = index;
}

function setNull(scratch: Scratch, i: number): void {
  if (!scratch.nulls) {
    scratch.nulls = true;
    scratch.valid.fill(0xffffffff);
  }
  scratch.valid[i >>> 5]! &= ~(1 << (i & 31));
}

const TWO_32 = 4294967296;
/** Exact: a power of two. */
const TWO_MINUS_32 = 1 / TWO_32;

/** Whole numbers as two's complement of 64 bits, without a BigInt. */
function gatherDoubles(values: Float64Array, n: number, { rows, words }: Scratch): void {
  for (let i = 0; i < n; i++) {
    const value = values[rows[i]!]!;
    const high = Math.floor(value * TWO_MINUS_32);
    words[2 * i] = value - high * TWO_32;
    words[2 * i + 1] = high;
  }
}

function nullDoubles(values: Float64Array, n: number, scratch: Scratch): void {
  const { rows } = scratch;
  for (let i = 0; i < n; i++) if (values[rows[i]!]! < 0) setNull(scratch, i);
}

function nullNaN(values: Float64Array, n: number, scratch: Scratch): void {
  const { rows } = scratch;
  for (let i = 0; i < n; i++) if (Number.isNaN(values[rows[i]!])) setNull(scratch, i);
}

function gatherLookedUp(values: Float64Array, n: number, scratch: Scratch): void {
  const { entities, words } = scratch;
  for (let i = 0; i < n; i++) {
    const entity = entities[i]!;
    const value = entity < 0 ? -1 : values[entity]!;
    if (value < 0) setNull(scratch, i);
    const high = Math.floor(value * TWO_MINUS_32);
    words[2 * i] = value - high * TWO_32;
    words[2 * i + 1] = high;
  }
}

function gatherInts(values: Int32Array, n: number, { rows, ints }: Scratch): void {
  for (let i = 0; i < n; i++) ints[i] = values[rows[i]!]!;
}

function nullNegative(ints: Int32Array, n: number, scratch: Scratch): void {
  for (let i = 0; i < n; i++) if (ints[i]! < 0) setNull(scratch, i);
}

function gatherFlags(values: Uint8Array, n: number, { rows, bytes }: Scratch): void {
  for (let i = 0; i < n; i++) bytes[i] = values[rows[i]!]!;
}

// A null's code is 0: DuckDB looks at no code of a null, but every code must be one of the ENUM.

function gatherBytes(codes: Int32Array, n: number, scratch: Scratch): void {
  const { entities, bytes } = scratch;
  for (let i = 0; i < n; i++) {
    const entity = entities[i]!;
    const code = entity < 0 ? -1 : codes[entity]!;
    if (code < 0) setNull(scratch, i);
    bytes[i] = code < 0 ? 0 : code;
  }
}

function gatherShorts(codes: Int32Array, n: number, scratch: Scratch): void {
  const { entities, shorts } = scratch;
  for (let i = 0; i < n; i++) {
    const entity = entities[i]!;
    const code = entity < 0 ? -1 : codes[entity]!;
    if (code < 0) setNull(scratch, i);
    shorts[i] = code < 0 ? 0 : code;
  }
}

function gatherCodes(codes: Int32Array, n: number, scratch: Scratch): void {
  const { entities, ints } = scratch;
  for (let i = 0; i < n; i++) {
    const entity = entities[i]!;
    const code = entity < 0 ? -1 : codes[entity]!;
    if (code < 0) setNull(scratch, i);
    ints[i] = code < 0 ? 0 : code;
  }
}
