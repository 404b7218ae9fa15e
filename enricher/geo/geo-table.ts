/**
 * Places by address, compiled: sorted starts of disjoint ranges with an index of the first 16 bits before those of
 * IPv4, in shared memory that nobody writes any more. One look-up is a search of a few steps.
 */
import type { Place } from '../../schemas/generated/common.ts';
import { isMapped } from '../ownership/address.ts';

/** What threads share; a new one takes its place whole. */
export interface GeoMemory {
  /** Grows with each that is made. */
  readonly version: number;
  readonly starts4: SharedArrayBuffer;
  /** Number of the place from there on, -1: none. */
  readonly places4: SharedArrayBuffer;
  readonly index4: SharedArrayBuffer;
  /** Four words each. */
  readonly starts6: SharedArrayBuffer;
  readonly places6: SharedArrayBuffer;
  /** The places, a JSON array. */
  readonly places: SharedArrayBuffer;
}

export class GeoTable {
  readonly version: number;
  readonly places: readonly Place[];
  readonly #starts4: Uint32Array;
  readonly #places4: Int32Array;
  readonly #index4: Int32Array;
  readonly #starts6: Uint32Array;
  readonly #places6: Int32Array;

  constructor(memory: GeoMemory) {
    this.version = memory.version;
    this.#starts4 = new Uint32Array(memory.starts4);
    this.#places4 = new Int32Array(memory.places4);
    this.#index4 = new Int32Array(memory.index4);
    this.#starts6 = new Uint32Array(memory.starts6);
    this.#places6 = new Int32Array(memory.places6);
    this.places = JSON.parse(Buffer.from(new Uint8Array(memory.places)).toString('utf8')) as readonly Place[];
  }

  /** The number of the place of an address, -1: not known. Allocates nothing. */
  find(words: Int32Array, at: number): number {
    if (!isMapped(words, at)) return this.#find6(words, at);
    const address = bigEndian(words[at + 3]!);
    const starts = this.#starts4;
    if (starts.length === 0) return -1;
    const top = address >>> 16;
    let low = this.#index4[top]!;
    let high = this.#index4[top + 1]!;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= address) low = middle;
      else high = middle - 1;
    }
    return starts[low]! <= address ? this.#places4[low]! : -1;
  }

  #find6(words: Int32Array, at: number): number {
    let low = -1;
    let high = this.#places6.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#startsAtOrBefore(middle, words, at)) low = middle;
      else high = middle - 1;
    }
    return low < 0 ? -1 : this.#places6[low]!;
  }

  #startsAtOrBefore(range: number, words: Int32Array, at: number): boolean {
    for (let k = 0; k < 4; k += 1) {
      const start = this.#starts6[4 * range + k]!;
      const word = bigEndian(words[at + k]!);
      if (start !== word) return start < word;
    }
    return true;
  }
}

function bigEndian(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
