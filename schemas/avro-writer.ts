import { DICTIONARY_ENTRIES_MAX, STRING_BYTES_MAX } from '../contract/limits.ts';
import { WeirError } from '../contract/errors.ts';
import { invalid, tooLarge } from './schema-error.ts';

/** A buffer that one odd batch blew up past this is let go. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;

const encoder = new TextEncoder();

/** An int's zigzag of any length. The caller vouches for 5 writable bytes. Returns the position after it. */
export function putInt(bytes: Uint8Array, p: number, value: number): number {
  let n = ((value << 1) ^ (value >> 31)) >>> 0;
  while (n >= 0x80) {
    bytes[p++] = n | 0x80;
    n >>>= 7;
  }
  bytes[p++] = n;
  return p;
}

/**
 * A long from a double, without BigInt. The caller vouches for 10 writable bytes. Returns the position after it.
 * @throws WEIR_SCHEMA_INVALID unless it is an integer within +-(2^53 - 1)
 */
export function putLong(bytes: Uint8Array, p: number, value: number): number {
  if ((value | 0) === value) return putInt(bytes, p, value);
  if (!Number.isSafeInteger(value)) throw invalid('a long', value, p);
  // zigzag: 2 * half, or 2 * half + 1 for a negative value; halves first, they stay exact.
  const half = value < 0 ? -value - 1 : value;
  const top = Math.floor(half / 0x800_0000);
  const low = ((half - top * 0x800_0000) << 1) | (value < 0 ? 1 : 0);
  bytes[p] = low | 0x80;
  bytes[p + 1] = (low >>> 7) | 0x80;
  bytes[p + 2] = (low >>> 14) | 0x80;
  bytes[p + 3] = (low >>> 21) | 0x80;
  p += 4;
  let n = top;
  while (n >= 0x80) {
    bytes[p++] = n | 0x80;
    n >>>= 7;
  }
  bytes[p++] = n;
  return p;
}

/** Avro's binary encoding into a buffer that grows. `take` hands out a copy, so one writer serves many messages. */
export class AvroWriter {
  bytes: Uint8Array = new Uint8Array(64 * 1024);
  position = 0;

  /** Room for `bytes` more. Growing replaces `this.bytes`. */
  ensure(bytes: number): void {
    const need = this.position + bytes;
    if (need <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(need, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.position));
    this.bytes = grown;
  }

  /** Begin a message with these bytes. */
  begin(header: Uint8Array): void {
    this.position = 0;
    this.ensure(header.length);
    this.bytes.set(header);
    this.position = header.length;
  }

  /** What was written since `begin`, as bytes of the caller's own. */
  take(): Uint8Array {
    const out = this.bytes.slice(0, this.position);
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = new Uint8Array(64 * 1024);
    return out;
  }

  writeLong(value: number): void {
    this.ensure(10);
    this.position = putLong(this.bytes, this.position, value);
  }

  /** @throws WEIR_SCHEMA_INVALID unless it is an integer of 32 bits */
  writeInt(value: number, field: string): void {
    if ((value | 0) !== value) throw invalid(field, value, this.position);
    this.ensure(5);
    this.position = putInt(this.bytes, this.position, value);
  }

  writeEnum(index: number, count: number, field: string): void {
    if (!(index >= 0 && index < count)) throw invalid(field, index, this.position);
    this.writeInt(index, field);
  }

  writeBoolean(value: boolean): void {
    this.ensure(1);
    this.bytes[this.position] = value ? 1 : 0;
    this.position += 1;
  }

  /** @throws WEIR_SCHEMA_INVALID unless there are as many bytes */
  writeFixed(value: Uint8Array, size: number, field: string): void {
    if (value.length !== size) throw invalid(`the length of ${field}`, value.length, this.position);
    this.ensure(size);
    this.bytes.set(value, this.position);
    this.position += size;
  }

  /** A lone surrogate becomes U+FFFD, as everywhere. @throws WEIR_SCHEMA_TOO_LARGE past STRING_BYTES_MAX */
  writeString(text: string, field: string): void {
    if (text.length > STRING_BYTES_MAX) throw tooLarge(field, text.length, STRING_BYTES_MAX);
    this.ensure(10 + 3 * text.length);
    const { bytes, position } = this;
    let p = putInt(bytes, position, text.length);
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) {
        this.writeUtf8(text, field);
        return;
      }
      bytes[p++] = unit;
    }
    this.position = p;
  }

  private writeUtf8(text: string, field: string): void {
    const length = Buffer.byteLength(text);
    if (length > STRING_BYTES_MAX) throw tooLarge(field, length, STRING_BYTES_MAX);
    const from = putInt(this.bytes, this.position, length);
    const { written } = encoder.encodeInto(text, this.bytes.subarray(from));
    if (written !== length) {
      throw new WeirError('WEIR_INTERNAL', `${field}: ${written} bytes of UTF-8 written, ${length} announced`);
    }
    this.position = from + length;
  }

  /** An array of objects as one block. @throws WEIR_SCHEMA_TOO_LARGE past DICTIONARY_ENTRIES_MAX */
  writeArray<T>(items: readonly T[], write: (writer: AvroWriter, item: T) => void, field: string): void {
    if (items.length > DICTIONARY_ENTRIES_MAX) throw tooLarge(field, items.length, DICTIONARY_ENTRIES_MAX);
    if (items.length > 0) {
      this.writeLong(items.length);
      for (const item of items) write(this, item);
    }
    this.writeLong(0);
  }
}
