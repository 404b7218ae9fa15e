/**
 * The prefixes of one network, compiled: disjoint ranges of addresses, each with its longest prefix, and of every prefix
 * the one around it. IPv4 has an index of the first 16 bits before its ranges; IPv6 is searched. Compiled anew at the
 * first question after a prefix came or went.
 */
import { isMapped } from './address.ts';
import type { EntryTable } from './entries.ts';
import { rangeIndexOf } from '../range-index.ts';

/** IPv4 is ::ffff:0:0/96. */
const MAPPED_BITS = 96;
/** Four words a start. */
const WORDS = 4;

interface Range {
  readonly entry: number;
  readonly start: Uint32Array;
  readonly length: number;
}

export class PrefixIndex {
  readonly #entries: EntryTable;
  readonly #prefixes = new Set<number>();
  #isStale = false;
  /** By number, as they are sorted: the entry, and the number of the prefix around it, -1: none. */
  #entryOf = new Int32Array(0);
  #around = new Int32Array(0);
  /** Of IPv4: where ranges start, each range's longest prefix, and by the first 16 bits the first range. */
  #starts4 = new Uint32Array(0);
  #longest4 = new Int32Array(0);
  #index4 = new Int32Array(0);
  #starts6 = new Uint32Array(0);
  #longest6 = new Int32Array(0);

  constructor(entries: EntryTable) {
    this.#entries = entries;
  }

  get size(): number {
    return this.#prefixes.size;
  }

  add(entry: number): void {
    this.#prefixes.add(entry);
    this.#isStale = true;
  }

  remove(entry: number): void {
    this.#prefixes.delete(entry);
    this.#isStale = true;
  }

  /** The number of the longest prefix around an address, -1 without one. */
  longest(words: Int32Array, at: number): number {
    if (this.#prefixes.size === 0) return -1;
    if (this.#isStale) this.#compile();
    return isMapped(words, at) ? this.#longestIpv4(bigEndian(words[at + 3]!)) : this.#longestIpv6(words, at);
  }

  /** The entry of prefix number `prefix`. */
  entryAt(prefix: number): number {
    return this.#entryOf[prefix]!;
  }

  /** The number of the next shorter prefix around it, -1 without one. */
  around(prefix: number): number {
    return this.#around[prefix]!;
  }

  #longestIpv4(address: number): number {
    if (this.#starts4.length === 0) return -1;
    const top = address >>> 16;
    let low = this.#index4[top]!;
    let high = this.#index4[top + 1]!;
    // The last range that starts at or before the address.
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#starts4[middle]! <= address) low = middle;
      else high = middle - 1;
    }
    return this.#starts4[low]! <= address ? this.#longest4[low]! : -1;
  }

  #longestIpv6(words: Int32Array, at: number): number {
    let low = -1;
    let high = this.#longest6.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#startsAtOrBefore(middle, words, at)) low = middle;
      else high = middle - 1;
    }
    return low < 0 ? -1 : this.#longest6[low]!;
  }

  #startsAtOrBefore(range: number, words: Int32Array, at: number): boolean {
    for (let k = 0; k < WORDS; k += 1) {
      const start = this.#starts6[WORDS * range + k]!;
      const word = bigEndian(words[at + k]!);
      if (start !== word) return start < word;
    }
    return true;
  }

  #compile(): void {
    this.#isStale = false;
    const ranges = [...this.#prefixes].map((entry) => this.#rangeOf(entry)).sort(byStartThenLength);
    this.#entryOf = Int32Array.from(ranges, ({ entry }) => entry);
    this.#around = new Int32Array(ranges.length).fill(-1);
    const is4 = ({ start, length }: Range): boolean =>
      length >= MAPPED_BITS && start[0] === 0 && start[1] === 0 && start[2] === 0xffff;
    const ipv4 = this.#flatten(ranges, is4);
    // What lies after 255.255.255.255 is no IPv4 any more.
    const within = ipv4.starts.filter((start) => start[2] === 0xffff);
    this.#starts4 = Uint32Array.from(within, (start) => start[3]!);
    this.#longest4 = Int32Array.from(ipv4.longest.slice(0, within.length));
    this.#index4 = rangeIndexOf(this.#starts4);
    const ipv6 = this.#flatten(ranges, (range) => !is4(range));
    this.#starts6 = new Uint32Array(WORDS * ipv6.starts.length);
    ipv6.starts.forEach((start, i) => this.#starts6.set(start, WORDS * i));
    this.#longest6 = Int32Array.from(ipv6.longest);
  }

  #rangeOf(entry: number): Range {
    const words = new Int32Array(WORDS);
    this.#entries.copyAddress(entry, words);
    return { entry, start: Uint32Array.from(words, bigEndian), length: this.#entries.detail(entry) & 0xff };
  }

  /** Disjoint ranges of sorted, nested prefixes: a new one starts where a prefix does, and after each one's end. */
  #flatten(ranges: readonly Range[], isOf: (range: Range) => boolean): { starts: Uint32Array[]; longest: number[] } {
    const starts: Uint32Array[] = [];
    const longest: number[] = [];
    const open: number[] = [];
    const put = (start: Uint32Array, prefix: number): void => {
      const last = starts.at(-1);
      // Two at one place: the later one is the truth.
      if (last !== undefined && compare(last, start) === 0) longest[longest.length - 1] = prefix;
      else {
        starts.push(start);
        longest.push(prefix);
      }
    };
    const close = (): void => {
      const after = afterEnd(ranges[open.pop()!]!);
      if (after !== null) put(after, open.at(-1) ?? -1);
    };
    ranges.forEach((range, number) => {
      if (!isOf(range)) return;
      while (open.length > 0 && !holds(ranges[open.at(-1)!]!, range)) close();
      this.#around[number] = open.at(-1) ?? -1;
      put(range.start, number);
      open.push(number);
    });
    while (open.length > 0) close();
    return { starts, longest };
  }
}

function byStartThenLength(a: Range, b: Range): number {
  return compare(a.start, b.start) || a.length - b.length;
}

function compare(a: Uint32Array, b: Uint32Array): number {
  for (let k = 0; k < WORDS; k += 1) if (a[k] !== b[k]) return a[k]! - b[k]!;
  return 0;
}

function holds(outer: Range, inner: Range): boolean {
  for (let k = 0; k < WORDS; k += 1) {
    const bits = Math.min(Math.max(outer.length - 32 * k, 0), 32);
    const mask = bits === 0 ? 0 : -1 << (32 - bits);
    if (((outer.start[k]! ^ inner.start[k]!) & mask) !== 0) return false;
  }
  return true;
}

/** The first address after a prefix, null after the last. */
function afterEnd({ start, length }: Range): Uint32Array | null {
  const end = Uint32Array.from(start);
  for (let k = WORDS - 1; k >= 0; k -= 1) {
    const bits = Math.min(Math.max(length - 32 * k, 0), 32);
    if (bits === 0) continue;
    const sum = end[k]! + 2 ** (32 - bits);
    end[k] = sum % 2 ** 32;
    if (sum < 2 ** 32) return end;
    return carry(end, k - 1);
  }
  return null;
}

function carry(words: Uint32Array, from: number): Uint32Array | null {
  for (let k = from; k >= 0; k -= 1) {
    words[k] = (words[k]! + 1) % 2 ** 32;
    if (words[k] !== 0) return words;
  }
  return null;
}

function bigEndian(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
