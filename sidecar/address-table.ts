/**
 * A set of 16-byte addresses with a number each, asked by a position in a column: no string, no object a question.
 * Open addressing, linear probing, at most half full. Made once, then only read.
 */
const EMPTY = -1;

export class AddressTable {
  readonly #words: Int32Array;
  readonly #values: Int32Array;
  readonly #mask: number;

  /** `values[i]` (0 or more) belongs to `addresses[i]`; a repeated address keeps its first number. */
  constructor(addresses: readonly Uint8Array[], values: readonly number[]) {
    let slots = 16;
    while (slots < 2 * addresses.length) slots *= 2;
    this.#mask = slots - 1;
    this.#words = new Int32Array(4 * slots);
    this.#values = new Int32Array(slots).fill(EMPTY);
    addresses.forEach((addr, i) => this.#insert(wordsOf(Uint8Array.from(addr)), values[i]!));
  }

  /** The number of the address in words at[4 * row …], -1 when it is not here. */
  find(words: Int32Array, row: number): number {
    const a = words[4 * row]!;
    const b = words[4 * row + 1]!;
    const c = words[4 * row + 2]!;
    const d = words[4 * row + 3]!;
    for (let slot = mix(a, b, c, d) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const value = this.#values[slot]!;
      if (value === EMPTY) return EMPTY;
      const at = 4 * slot;
      const own = this.#words;
      if (own[at] === a && own[at + 1] === b && own[at + 2] === c && own[at + 3] === d) return value;
    }
  }

  #insert(words: Int32Array, value: number): void {
    if (this.find(words, 0) !== EMPTY) return;
    let slot = mix(words[0]!, words[1]!, words[2]!, words[3]!) & this.#mask;
    while (this.#values[slot] !== EMPTY) slot = (slot + 1) & this.#mask;
    this.#words.set(words, 4 * slot);
    this.#values[slot] = value;
  }
}

/** A column of addresses as four words a row. The column begins at a multiple of 4. */
export function wordsOf(column: Uint8Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length >> 2);
}

/** Spread the bits of an address. */
export function mix(a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a ^ Math.imul(b, 0x85ebca6b), 0xc2b2ae35) ^ Math.imul(c, 0x27d4eb2f) ^ d;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return h ^ (h >>> 15);
}
