/**
 * Kafka's primitive types, as its protocol guide gives them: big-endian integers, length-prefixed strings, and since
 * KIP-482 compact ones (length + 1 as a varint) with tagged fields, which we write empty and skip.
 * A reader throws RangeError where the bytes end too early; the lane makes an error of it.
 */
const TWO_POW_32 = 0x1_0000_0000;
const VARINT_BYTES_MAX = 10;

export class WireReader {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  int8(): number {
    return this.bytes.readInt8(this.#step(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#step(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#step(4));
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#step(4));
  }

  /** Exact to 2^53; offsets and times stay below. */
  int64(): number {
    const high = this.int32();
    return high * TWO_POW_32 + this.uint32();
  }

  bool(): boolean {
    return this.int8() !== 0;
  }

  uvarint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_BYTES_MAX; count++) {
      const byte = this.bytes.readUInt8(this.#step(1));
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError('a varint is longer than its type');
  }

  /** Zigzag, of 32 or 64 bits; exact to 2^52. */
  varint(): number {
    const value = this.uvarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A view of the bytes; nothing is copied. */
  take(length: number): Buffer {
    if (length < 0) throw new RangeError('a negative length');
    const start = this.#step(length);
    return this.bytes.subarray(start, start + length);
  }

  string(): string {
    return this.nullableString() ?? '';
  }

  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.take(length).toString('utf8');
  }

  nullableBytes(): Buffer | null {
    const length = this.int32();
    return length < 0 ? null : this.take(length);
  }

  array<T>(element: () => T): T[] {
    return this.#elements(this.int32(), element);
  }

  compactString(): string | null {
    const length = this.uvarint() - 1;
    return length < 0 ? null : this.take(length).toString('utf8');
  }

  compactBytes(): Buffer | null {
    const length = this.uvarint() - 1;
    return length < 0 ? null : this.take(length);
  }

  compactArray<T>(element: () => T): T[] {
    return this.#elements(this.uvarint() - 1, element);
  }

  /** 22 characters base64url. */
  uuid(): string {
    return this.take(16).toString('base64url');
  }

  skipTags(): void {
    for (let count = this.uvarint(); count > 0; count--) {
      this.uvarint();
      this.take(this.uvarint());
    }
  }

  #elements<T>(count: number, element: () => T): T[] {
    // An element has a byte at least: a forged count ends here and not in memory.
    if (count > this.left) throw new RangeError(`${count} elements in ${this.left} bytes`);
    const elements: T[] = [];
    for (let index = 0; index < count; index++) elements.push(element());
    return elements;
  }

  #step(length: number): number {
    const start = this.at;
    if (start + length > this.bytes.length) throw new RangeError('the bytes end too early');
    this.at = start + length;
    return start;
  }
}

const BYTES_AT_FIRST = 256;

export class WireWriter {
  #bytes: Buffer;
  #length = 0;

  /** `bytes`: room for so many without a copy; V8 collects all of its heap for every few megabytes of buffers. */
  constructor(bytes: number = BYTES_AT_FIRST) {
    this.#bytes = Buffer.allocUnsafe(bytes);
  }

  /** What was written so far; owned by the writer. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  int8(value: number): this {
    const at = this.#grow(1);
    this.#bytes.writeInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#grow(2);
    this.#bytes.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#grow(4);
    this.#bytes.writeInt32BE(value, at);
    return this;
  }

  uint32(value: number): this {
    const at = this.#grow(4);
    this.#bytes.writeUInt32BE(value, at);
    return this;
  }

  int64(value: number): this {
    const high = Math.floor(value / TWO_POW_32);
    return this.int32(high).uint32(value - high * TWO_POW_32);
  }

  bool(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  uvarint(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    return this.#byte(rest);
  }

  varint(value: number): this {
    return this.uvarint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const bytes = Buffer.from(value, 'utf8');
    return this.int16(bytes.length).raw(bytes);
  }

  bytes(value: Uint8Array): this {
    return this.int32(value.length).raw(value);
  }

  array<T>(values: readonly T[], element: (value: T) => void): this {
    this.int32(values.length);
    for (const value of values) element(value);
    return this;
  }

  compactString(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    return this.uvarint(bytes.length + 1).raw(bytes);
  }

  compactArray<T>(values: readonly T[], element: (value: T) => void): this {
    this.uvarint(values.length + 1);
    for (const value of values) element(value);
    return this;
  }

  uuid(id: string): this {
    return this.raw(Buffer.from(id, 'base64url'));
  }

  /** No tagged fields. */
  noTags(): this {
    return this.uvarint(0);
  }

  #byte(value: number): this {
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  /** The offset where `length` bytes may be written. Before `#bytes` is looked at: growing replaces it. */
  #grow(length: number): number {
    const start = this.#length;
    const needed = start + length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.written);
      this.#bytes = larger;
    }
    this.#length = needed;
    return start;
  }
}
