/**
 * The keys of the history: (network, address or prefix, port), by open addressing in typed arrays.
 * An entry keeps its number for life; the index of (hash, entry) pairs is what grows and moves, so growing reads no keys.
 *
 *   index   | hash | entry + 1 | hash | entry + 1 | ...     0: free; linear probing, load at most 5/8
 *   ints    | a0 a1 a2 a3 | port << 8 + prefix length | network | block | count | size class | open | last reporter | link |
 */
const INDEX_SLOTS_MIN = 1024;
const INTS = 12;
const DETAIL = 4;
const NETWORK = 5;
const BLOCK = 6;
const COUNT = 7;
const SIZE_CLASS = 8;
const OPEN_COUNT = 9;
const LAST_REPORTER = 10;
/** Of an address: its first port's entry + 1; of a port: the next one's. 0: none. */
const LINK = 11;
/** In place of the last reporter: the number is free. */
const FREE = -2;

/** The largest number of entries: 4 M addresses and ports are some 600 MB with their claims. New keys beyond are refused. */
export const ENTRIES_MAX: number = 1 << 22;

/** Port and prefix length in one word. */
export const keyDetail = (port: number, prefixLength: number): number => (port << 8) | prefixLength;

export class EntryTable {
  /** Entries in use. */
  size = 0;
  /** Entries below this number may be in use. */
  limit = 0;

  #capacity = 256;
  #ints = new Int32Array(INTS * 256);
  #touchedUs = new Float64Array(256);
  #index = new Int32Array(2 * INDEX_SLOTS_MIN);
  #mask = INDEX_SLOTS_MIN - 1;
  #free: number[] = [];

  detail(entry: number): number {
    return this.#ints[INTS * entry + DETAIL]!;
  }

  network(entry: number): number {
    return this.#ints[INTS * entry + NETWORK]!;
  }

  /** First claim of its block; -1 without one. */
  block(entry: number): number {
    return this.#ints[INTS * entry + BLOCK]!;
  }

  /** How many claims it has. */
  count(entry: number): number {
    return this.#ints[INTS * entry + COUNT]!;
  }

  /** The block holds 2^sizeClass claims. */
  sizeClass(entry: number): number {
    return this.#ints[INTS * entry + SIZE_CLASS]!;
  }

  /** How many of its claims are open. */
  open(entry: number): number {
    return this.#ints[INTS * entry + OPEN_COUNT]!;
  }

  /** Who spoke last of this address or one of its ports, -1: nobody. */
  lastReporter(entry: number): number {
    return this.#ints[INTS * entry + LAST_REPORTER]!;
  }

  /** The first of an address's ports, -1 without one. */
  firstPort(whole: number): number {
    return this.#ints[INTS * whole + LINK]! - 1;
  }

  /** The one after, -1 at the last. */
  nextPort(ofPort: number): number {
    return this.#ints[INTS * ofPort + LINK]! - 1;
  }

  /** The newest as-of time at which somebody spoke of it. */
  touchedUs(entry: number): number {
    return this.#touchedUs[entry]!;
  }

  setBlock(entry: number, block: number, sizeClass: number): void {
    this.#ints[INTS * entry + BLOCK] = block;
    this.#ints[INTS * entry + SIZE_CLASS] = sizeClass;
  }

  setCount(entry: number, count: number): void {
    this.#ints[INTS * entry + COUNT] = count;
  }

  setOpen(entry: number, open: number): void {
    this.#ints[INTS * entry + OPEN_COUNT] = open;
  }

  /** Hang a new port's entry on its address's. */
  linkPort(whole: number, ofPort: number): void {
    this.#ints[INTS * ofPort + LINK] = this.#ints[INTS * whole + LINK]!;
    this.#ints[INTS * whole + LINK] = ofPort + 1;
  }

  unlinkPort(whole: number, ofPort: number): void {
    let before = whole;
    while (this.nextPort(before) !== ofPort) before = this.nextPort(before);
    this.#ints[INTS * before + LINK] = this.#ints[INTS * ofPort + LINK]!;
  }

  touch(entry: number, reporter: number, asOfUs: number): void {
    this.#ints[INTS * entry + LAST_REPORTER] = reporter;
    if (asOfUs > this.#touchedUs[entry]!) this.#touchedUs[entry] = asOfUs;
  }

  /** The address of an entry, into four words. */
  copyAddress(entry: number, into: Int32Array): void {
    for (let word = 0; word < 4; word += 1) into[word] = this.#ints[INTS * entry + word]!;
  }

  /** The entry of a key, -1 without one. `at` is the index of the address's first word. Allocates nothing. */
  find(words: Int32Array, at: number, detail: number, network: number): number {
    const a0 = words[at]!;
    const a1 = words[at + 1]!;
    const a2 = words[at + 2]!;
    const a3 = words[at + 3]!;
    return this.findWords(a0, a1, a2, a3, detail, network);
  }

  findWords(a0: number, a1: number, a2: number, a3: number, detail: number, network: number): number {
    const hash = hashKey(a0, a1, a2, a3, detail, network);
    const index = this.#index;
    const keys = this.#ints;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = index[2 * slot + 1]! - 1;
      if (entry < 0) return -1;
      if (index[2 * slot] !== hash) continue;
      const k = INTS * entry;
      if (keys[k + 3] !== a3 || keys[k + 4] !== detail || keys[k + 5] !== network) continue;
      if (keys[k] === a0 && keys[k + 1] === a1 && keys[k + 2] === a2) return entry;
    }
  }

  /** The entry of a key, made when there is none; -1 when the table is full. */
  obtain(words: Int32Array, at: number, detail: number, network: number): number {
    const found = this.find(words, at, detail, network);
    if (found >= 0) return found;
    if (this.size >= ENTRIES_MAX) return -1;
    if (8 * (this.size + 1) > 5 * (this.#mask + 1)) this.#growIndex();
    const entry = this.#free.pop() ?? this.limit;
    if (entry === this.limit) {
      this.limit += 1;
      if (this.limit > this.#capacity) this.#growEntries();
    }
    const k = INTS * entry;
    this.#ints.fill(0, k, k + INTS);
    for (let word = 0; word < 4; word += 1) this.#ints[k + word] = words[at + word]!;
    this.#ints[k + DETAIL] = detail;
    this.#ints[k + NETWORK] = network;
    this.#ints[k + BLOCK] = -1;
    this.#ints[k + LAST_REPORTER] = -1;
    this.#touchedUs[entry] = 0;
    this.size += 1;
    this.#place(this.#hashOf(entry), entry);
    return entry;
  }

  /** False for a number that is free. */
  isUsed(entry: number): boolean {
    return this.lastReporter(entry) !== FREE;
  }

  /** Forget an entry without claims. */
  remove(entry: number): void {
    const index = this.#index;
    const mask = this.#mask;
    let slot = this.#hashOf(entry) & mask;
    while (index[2 * slot + 1] !== entry + 1) slot = (slot + 1) & mask;
    // Close the hole: a later pair moves up when its own place is at or before the hole.
    for (let next = (slot + 1) & mask; index[2 * next + 1] !== 0; next = (next + 1) & mask) {
      const home = index[2 * next]! & mask;
      if (((next - home) & mask) < ((next - slot) & mask)) continue;
      index[2 * slot] = index[2 * next]!;
      index[2 * slot + 1] = index[2 * next + 1]!;
      slot = next;
    }
    index[2 * slot + 1] = 0;
    this.#ints[INTS * entry + LAST_REPORTER] = FREE;
    this.#free.push(entry);
    this.size -= 1;
  }

  #hashOf(entry: number): number {
    const k = INTS * entry;
    const w = this.#ints;
    return hashKey(w[k]!, w[k + 1]!, w[k + 2]!, w[k + 3]!, w[k + 4]!, w[k + 5]!);
  }

  #place(hash: number, entry: number): void {
    let slot = hash & this.#mask;
    while (this.#index[2 * slot + 1] !== 0) slot = (slot + 1) & this.#mask;
    this.#index[2 * slot] = hash;
    this.#index[2 * slot + 1] = entry + 1;
  }

  #growIndex(): void {
    const old = this.#index;
    this.#index = new Int32Array(2 * old.length);
    this.#mask = old.length - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) this.#place(old[at]!, old[at + 1]! - 1);
    }
  }

  #growEntries(): void {
    this.#capacity = Math.ceil(this.#capacity * 1.5);
    const ints = new Int32Array(INTS * this.#capacity);
    ints.set(this.#ints);
    this.#ints = ints;
    const touchedUs = new Float64Array(this.#capacity);
    touchedUs.set(this.#touchedUs);
    this.#touchedUs = touchedUs;
  }
}

/** MurmurHash3's mixing over the six words. */
function hashKey(a0: number, a1: number, a2: number, a3: number, detail: number, network: number): number {
  let h = mix(network, a3);
  h = mix(h, detail);
  h = mix(h, a2);
  h = mix(h, a1);
  h = mix(h, a0);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function mix(h: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const x = h ^ k;
  return (Math.imul((x << 13) | (x >>> 19), 5) + 0xe6546b64) | 0;
}
