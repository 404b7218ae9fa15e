import { DICTIONARY_ENTRIES_MAX, STRING_BYTES_MAX } from '../contract/limits.ts';
import { WeirError } from '../contract/errors.ts';
import { invalid, overlong, refused, tooLarge, truncated } from './schema-error.ts';
import { readText, type TextBytes } from './text.ts';

/** The longest varint of a long; int takes 5. */
export const VARINT_BYTES_MAX = 10;

/** Where the last wide varint ended: a second return value that allocates nothing. */
export const wide: { end: number } = { end: 0 };

/**
 * An int's varint of any length, not yet un-zigzagged: value = (n >>> 1) ^ -(n & 1). Sets `wide.end`.
 * The caller vouches for 5 readable bytes at `p`.
 * @throws WEIR_SCHEMA_OVERLONG past 32 bits
 */
export function wideInt(bytes: Uint8Array, p: number): number {
  let b = bytes[p]!;
  let n = b & 0x7f;
  if (b >= 0x80) {
    b = bytes[p + 1]!;
    n |= (b & 0x7f) << 7;
    if (b < 0x80) {
      wide.end = p + 2;
      return n;
    }
    b = bytes[p + 2]!;
    n |= (b & 0x7f) << 14;
    if (b < 0x80) {
      wide.end = p + 3;
      return n;
    }
    b = bytes[p + 3]!;
    n |= (b & 0x7f) << 21;
    if (b < 0x80) {
      wide.end = p + 4;
      return n;
    }
    b = bytes[p + 4]!;
    if (b > 0x0f) throw overlong(p);
    wide.end = p + 5;
    return n | (b << 28);
  }
  wide.end = p + 1;
  return n;
}

/**
 * A long as a double, without BigInt: the low 28 bits and the rest apart. Sets `wide.end`.
 * The caller vouches for 10 readable bytes at `p`.
 * @throws WEIR_SCHEMA_OVERLONG past 64 bits, WEIR_SCHEMA_INVALID past +-(2^53 - 1)
 */
export function wideLong(bytes: Uint8Array, p: number): number {
  let b = bytes[p]!;
  let low = b & 0x7f;
  let end = p + 1;
  if (b >= 0x80) {
    b = bytes[end++]!;
    low |= (b & 0x7f) << 7;
    if (b >= 0x80) {
      b = bytes[end++]!;
      low |= (b & 0x7f) << 14;
      if (b >= 0x80) {
        b = bytes[end++]!;
        low |= (b & 0x7f) << 21;
        if (b >= 0x80) return wideLongRest(bytes, p, low);
      }
    }
  }
  wide.end = end;
  return (low >>> 1) ^ -(low & 1);
}

/** Bytes 5 to 10; `low` holds the first 28 bits. */
function wideLongRest(bytes: Uint8Array, p: number, low: number): number {
  let b = bytes[p + 4]!;
  let high = b & 0x7f;
  let end = p + 5;
  if (b >= 0x80) {
    b = bytes[end++]!;
    high |= (b & 0x7f) << 7;
    if (b >= 0x80) {
      b = bytes[end++]!;
      high |= (b & 0x7f) << 14;
      if (b >= 0x80) {
        b = bytes[end++]!;
        high |= (b & 0x7f) << 21;
        if (b >= 0x80) {
          b = bytes[end++]!;
          high += (b & 0x7f) * 0x1000_0000;
          if (b >= 0x80) {
            b = bytes[end++]!;
            if (b > 1) throw overlong(p);
            high += b * 0x8_0000_0000;
          }
        }
      }
    }
  }
  wide.end = end;
  // n = high * 2^28 + low; zigzag: n / 2 where n is even, -(n + 1) / 2 where it is odd. Halves first: they stay exact.
  const half = high * 0x800_0000 + (low >>> 1);
  const value = (low & 1) === 0 ? half : -half - 1;
  if (half >= Number.MAX_SAFE_INTEGER && !Number.isSafeInteger(value)) throw invalid('a long', value, p);
  return value;
}

/**
 * Avro's binary encoding, read once from front to back. The careful one, for headers and dictionaries;
 * rows have generated readers that use `wideInt` and `wideLong` where they know that enough bytes follow.
 * Owner: the caller keeps `bytes` unchanged while reading; nothing read refers to them afterwards.
 */
export class AvroReader {
  readonly bytes: Uint8Array;
  /** The same bytes. */
  readonly view: DataView;
  /** The same once more: only a Buffer reads texts fast. */
  readonly #texts: TextBytes;
  readonly end: number;
  /** What is read, for messages. */
  readonly what: string;
  position: number;
  /** Where the block that `readBlock` began must end, -1 where it did not say. */
  blockEnd = -1;

  constructor(bytes: Uint8Array, position: number, what: string) {
    // A Buffer has a hidden class of its own; one class keeps the hot loops monomorphic.
    this.bytes =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as unknown as TextBytes;
    this.end = bytes.byteLength;
    this.position = position;
    this.what = what;
  }

  /** @throws WEIR_SCHEMA_TRUNCATED, _OVERLONG, _INVALID */
  readLong(): number {
    const p = this.position;
    if (this.end - p >= VARINT_BYTES_MAX) {
      const value = wideLong(this.bytes, p);
      this.position = wide.end;
      return value;
    }
    const value = wideLong(this.padded(VARINT_BYTES_MAX), 0);
    return this.took(value);
  }

  /** @throws WEIR_SCHEMA_TRUNCATED, _OVERLONG */
  readInt(): number {
    const p = this.position;
    let n: number;
    if (this.end - p >= VARINT_BYTES_MAX) {
      n = wideInt(this.bytes, p);
      this.position = wide.end;
    } else {
      n = this.took(wideInt(this.padded(VARINT_BYTES_MAX), 0));
    }
    return (n >>> 1) ^ -(n & 1);
  }

  /** @throws WEIR_SCHEMA_INVALID unless 0 <= index < count */
  readEnum(count: number, field: string): number {
    const index = this.readInt();
    if (index < 0 || index >= count) throw invalid(field, index, this.position);
    return index;
  }

  readBoolean(field: string): boolean {
    if (this.position >= this.end) throw truncated(this.what, this.end);
    const b = this.bytes[this.position]!;
    if (b > 1) throw invalid(field, b, this.position);
    this.position += 1;
    return b === 1;
  }

  /** @throws WEIR_SCHEMA_TOO_LARGE past STRING_BYTES_MAX, WEIR_SCHEMA_INVALID where it is not UTF-8 */
  readString(field: string): string {
    // Most lengths are one byte.
    const first = this.position < this.end ? this.bytes[this.position]! : 0xff;
    let bytes = first >>> 1;
    if ((first & 0x81) === 0) this.position += 1;
    else {
      bytes = this.readLong();
      if (bytes < 0) throw invalid(`the length of ${field}`, bytes, this.position);
      if (bytes > STRING_BYTES_MAX) throw tooLarge(field, bytes, STRING_BYTES_MAX);
    }
    const from = this.position;
    if (bytes > this.end - from) throw truncated(this.what, this.end);
    this.position = from + bytes;
    return readText(this.bytes, this.#texts, from, from + bytes, field);
  }

  /** So many bytes, as a copy. @throws WEIR_SCHEMA_TRUNCATED */
  readFixed(size: number): Uint8Array {
    const from = this.position;
    if (size > this.end - from) throw truncated(this.what, this.end);
    this.position = from + size;
    return this.bytes.slice(from, from + size);
  }

  /**
   * The items of an array, as objects. Nothing is allocated ahead of the items.
   * @throws WEIR_SCHEMA_TOO_LARGE past DICTIONARY_ENTRIES_MAX
   */
  readArray<T>(itemBytesMin: number, read: (reader: AvroReader) => T, field: string): T[] {
    const items: T[] = [];
    for (;;) {
      const count = this.readBlock(itemBytesMin, items.length, DICTIONARY_ENTRIES_MAX, field);
      if (count === 0) return items;
      const { blockEnd } = this;
      for (let i = 0; i < count; i += 1) items.push(read(this));
      this.endBlock(blockEnd, field);
    }
  }

  /**
   * Begin the next block of an array: its count, 0 after the last. Both forms: count, or -count and the block's bytes.
   * A count is believed only as far as the bytes that are there can hold that many items.
   */
  readBlock(itemBytesMin: number, have: number, max: number, field: string): number {
    let count = this.readLong();
    this.blockEnd = -1;
    if (count < 0) {
      count = -count;
      const bytes = this.readLong();
      if (bytes < 0) throw invalid(`the block size of ${field}`, bytes, this.position);
      if (bytes > this.end - this.position) throw truncated(this.what, this.end);
      this.blockEnd = this.position + bytes;
    }
    if (count > max - have) throw tooLarge(field, have + count, max);
    if (count * itemBytesMin > this.end - this.position) throw truncated(this.what, this.end);
    return count;
  }

  /** A block that told its size must have had it. */
  endBlock(blockEnd: number, field: string): void {
    if (blockEnd >= 0 && blockEnd !== this.position) {
      throw invalid(`the end of a block of ${field}`, blockEnd, this.position);
    }
  }

  /** Nothing may follow. @throws WEIR_SCHEMA_OVERLONG */
  finish(): void {
    const left = this.end - this.position;
    if (left === 0) return;
    const context = { what: this.what, position: this.position, left };
    throw new WeirError('WEIR_SCHEMA_OVERLONG', `${left} bytes are left over after ${this.what}`, context);
  }

  /** What is left, at most `bytes` of it, with as many zeros behind it: a row or varint that is cut ends there. */
  padded(bytes: number): Uint8Array {
    const out = new Uint8Array(2 * bytes);
    out.set(this.bytes.subarray(this.position, Math.min(this.end, this.position + bytes)));
    return out;
  }

  /** Advance over the varint that was read from `padded`. */
  private took(value: number): number {
    if (wide.end > this.end - this.position) throw refused(this.what, value, this.end + 1, this.end);
    this.position += wide.end;
    return value;
  }
}
