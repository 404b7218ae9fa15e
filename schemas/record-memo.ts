import type { AvroReader } from './avro-reader.ts';

/** Of records that were read lately; a power of two. With their bytes some 6 MB at most. */
const SLOTS = 8192;
/** Larger ones are read anew each time. */
const RECORD_BYTES_MAX = 384;

/**
 * Records that consist of texts alone, such as workloads, come again with every batch: where the bytes are those of one
 * that was read before, it is that one, and none of its texts is looked at. The same object for many batches: it is
 * not to be changed. What is new, large or strange is read as ever.
 */
export class RecordMemo<T extends object> {
  readonly #fields: number;
  readonly #read: (reader: AvroReader) => T;
  readonly #records: (T | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #lengths = new Int32Array(SLOTS);
  /** Hashes of the records that came last. */
  readonly #tags = new Int32Array(SLOTS);
  readonly #words = new Int32Array((SLOTS * RECORD_BYTES_MAX) / 4);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  /** Output of `#endOf`. */
  #hash = 0;

  /** `read` reads a record of `fields` texts. */
  constructor(fields: number, read: (reader: AvroReader) => T) {
    this.#fields = fields;
    this.#read = read;
  }

  /** @throws as the reader of its texts */
  read(reader: AvroReader): T {
    const { bytes, position: from } = reader;
    const to = this.#endOf(bytes, from, reader.end);
    if (to < 0) return this.#read(reader);
    const length = to - from;
    const slot = this.#hash & (SLOTS - 1);
    if (this.#lengths[slot] === length && this.#isEqual(slot, reader.view, from, length)) {
      reader.position = to;
      return this.#records[slot]!;
    }
    const record = this.#read(reader);
    // Kept when it comes again soon: what comes once, as at a start, would only fill the heap.
    if (this.#tags[slot] !== this.#hash) {
      this.#tags[slot] = this.#hash;
      return record;
    }
    this.#records[slot] = record;
    this.#lengths[slot] = length;
    const base = slot * RECORD_BYTES_MAX;
    for (let i = 0; i < length; i += 1) this.#bytes[base + i] = bytes[from + i]!;
    return record;
  }

  /** Where a record ends whose texts have lengths of one or two bytes, -1 for another one or where it is cut. */
  #endOf(bytes: Uint8Array, from: number, end: number): number {
    let p = from;
    let hash = 0;
    for (let field = 0; field < this.#fields; field += 1) {
      if (p + 2 > end) return -1;
      let length = bytes[p]!;
      p += 1;
      if (length >= 0x80) {
        const more = bytes[p]!;
        if (more >= 0x80) return -1;
        length = (length & 0x7f) | (more << 7);
        p += 1;
      }
      if ((length & 1) !== 0) return -1;
      p += length >>> 1;
      if (p > end || p - from > RECORD_BYTES_MAX) return -1;
      // The ends of texts tell them apart.
      hash = Math.imul(hash ^ (length | (bytes[p - 1]! << 8) | (bytes[p - 2]! << 16)), 0x2c1b3c6d);
      hash ^= hash >>> 15;
    }
    this.#hash = hash;
    return p;
  }

  #isEqual(slot: number, view: DataView, from: number, length: number): boolean {
    const base = (slot * RECORD_BYTES_MAX) >> 2;
    const whole = length & ~3;
    for (let i = 0; i < whole; i += 4) if (this.#words[base + (i >> 2)] !== view.getInt32(from + i, true)) return false;
    for (let i = whole; i < length; i += 1) {
      if (this.#bytes[4 * base + i] !== view.getUint8(from + i)) return false;
    }
    return true;
  }
}
