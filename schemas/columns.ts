/**
 * A batch of rows as typed-array columns: what every stage works on between decoding and encoding.
 * Column i of every array is row i. Only rows below `length` mean anything; arrays are at least `capacity` long.
 * Types: Avro int, enum -> Int32Array; long -> Float64Array (exact to 2^53); boolean -> Uint8Array;
 * fixed(16) -> Uint8Array of 16 a row.
 */
export abstract class Columns {
  /** Rows in use; the owner sets it. */
  length = 0;
  /** Rows that fit without growing. */
  capacity: number;

  protected constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Make room for `rows` rows in all, keeping what is there. Growing replaces the arrays. */
  ensure(rows: number): void {
    if (rows <= this.capacity) return;
    const capacity = Math.max(rows, 2 * this.capacity, 64);
    this.resize(capacity);
    this.capacity = capacity;
  }

  protected abstract resize(capacity: number): void;
}

export function grownInt32(from: Int32Array, length: number): Int32Array {
  const to = new Int32Array(length);
  to.set(from);
  return to;
}

export function grownFloat64(from: Float64Array, length: number): Float64Array {
  const to = new Float64Array(length);
  to.set(from);
  return to;
}

export function grownUint8(from: Uint8Array, length: number): Uint8Array {
  const to = new Uint8Array(length);
  to.set(from);
  return to;
}

/** The same bytes, four a word, for copying fixed(16) quickly; a column's array is aligned. */
export function int32Words(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}
