/**
 * The keys of the history: (network, address or prefix, port), by open addressing in typed arrays.
 * An entry keeps its number for life; the index of (hash, entry) pairs is what grows and moves, so growing reads no keys.
 *
 *   index   | hash | entry + 1 | hash | entry + 1 | ...     0: free; linear probing, load at most 3/4
 *   entry   | a0 a1 a2 a3 | port << 8 + prefix length | network | block | counts | last reporter | link |
 *           | head workload | head meta | f64 head from | head earlier | touched |
 *
 * The *head* repeats the claim that is the answer now, so that a look-up reads these 64 bytes and no claims: it is open,
 * names somebody, began last, and everything else on the key was over before it began. Where it is the only claim it is
 * that claim (`INLINE`), and `head earlier` says how long before `from` it may have begun.
 */
const INDEX_SLOTS_MIN = 1024;
const ENTRIES_MIN = 256;
/** Of an entry. A cache line has as many bytes: large blocks begin 16 after one, and so does the first entry. */
export const ENTRY_INTS = 16;
const ALIGN = 48;
export const DETAIL = 4;
export const NETWORK = 5;
const BLOCK = 6;
/** Claims, of them open, and the size class, in one word. */
const COUNTS = 7;
const LAST_REPORTER = 8;
/** Of an address: its first port's entry + 1; of a port: the next one's. 0: none. */
const LINK = 9;
export const HEAD_WORKLOAD = 10;
/** Reporter, method and flags; 0: no head. */
export const HEAD_META = 11;
export const ENTRY_DOUBLES: number = ENTRY_INTS / 2;
export const HEAD_FROM = 6;
/** us. */
const HEAD_EARLIER = 14;
/** Whole seconds since 1970. */
const TOUCHED = 15;
/** In place of the last reporter: the number is free. */
const FREE = -2;

/** Of `COUNTS`. */
const COUNT_BITS = 13;
const COUNT_MASK = (1 << COUNT_BITS) - 1;
const SIZE_SHIFT = 2 * COUNT_BITS;

/** The largest number of entries: 4 M addresses and ports are some 300 to 500 MB with their claims. New keys beyond are refused. */
export const ENTRIES_MAX: number = 1 << 22;

/** Port and prefix length in one word. */
export const keyDetail = (port: number, prefixLength: number): number => (port << 8) | prefixLength;

export class EntryTable {
  /** Entries in use. */
  size = 0;
  /** Entries below this number may be in use. */
  limit = 0;
  /** The entries, for reading in hot loops; both are replaced when they grow. */
  ints: Int32Array<ArrayBuffer>;
  doubles: Float64Array<ArrayBuffer>;

  #capacity = ENTRIES_MIN;
  #index = new Int32Array(2 * INDEX_SLOTS_MIN);
  #mask = INDEX_SLOTS_MIN - 1;
  readonly #free: number[] = [];

  constructor() {
    const buffer = new ArrayBuffer(ALIGN + 4 * ENTRY_INTS * ENTRIES_MIN);
    this.ints = new Int32Array(buffer, ALIGN);
    this.doubles = new Float64Array(buffer, ALIGN);
  }

  detail(entry: number): number {
    return this.ints[ENTRY_INTS * entry + DETAIL]!;
  }

  network(entry: number): number {
    return this.ints[ENTRY_INTS * entry + NETWORK]!;
  }

  /** First claim of its block; -1 without one. */
  block(entry: number): number {
    return this.ints[ENTRY_INTS * entry + BLOCK]!;
  }

  /** How many claims it has. */
  count(entry: number): number {
    return this.ints[ENTRY_INTS * entry + COUNTS]! & COUNT_MASK;
  }

  /** The block holds 2^sizeClass claims. */
  sizeClass(entry: number): number {
    return this.ints[ENTRY_INTS * entry + COUNTS]! >>> SIZE_SHIFT;
  }

  /** How many of its claims are open. */
  open(entry: number): number {
    return (this.ints[ENTRY_INTS * entry + COUNTS]! >>> COUNT_BITS) & COUNT_MASK;
  }

  /** Who spoke last of this address or one of its ports, -1: nobody. */
  lastReporter(entry: number): number {
    return this.ints[ENTRY_INTS * entry + LAST_REPORTER]!;
  }

  /** The first of an address's ports, -1 without one. */
  firstPort(whole: number): number {
    return this.ints[ENTRY_INTS * whole + LINK]! - 1;
  }

  /** The one after, -1 at the last. */
  nextPort(ofPort: number): number {
    return this.ints[ENTRY_INTS * ofPort + LINK]! - 1;
  }

  /** The newest as-of time at which somebody spoke of it, or up to a second later. */
  touchedUs(entry: number): number {
    return 1e6 * (this.ints[ENTRY_INTS * entry + TOUCHED]! >>> 0);
  }

  headWorkload(entry: number): number {
    return this.ints[ENTRY_INTS * entry + HEAD_WORKLOAD]!;
  }

  headMeta(entry: number): number {
    return this.ints[ENTRY_INTS * entry + HEAD_META]!;
  }

  headFromUs(entry: number): number {
    return this.doubles[ENTRY_DOUBLES * entry + HEAD_FROM]!;
  }

  headEarlier(entry: number): number {
    return this.ints[ENTRY_INTS * entry + HEAD_EARLIER]!;
  }

  setBlock(entry: number, block: number, sizeClass: number): void {
    const k = ENTRY_INTS * entry;
    this.ints[k + BLOCK] = block;
    this.ints[k + COUNTS] = (this.ints[k + COUNTS]! & ((1 << SIZE_SHIFT) - 1)) | (sizeClass << SIZE_SHIFT);
  }

  /** How many claims it has, and how many of them are open. */
  setCounts(entry: number, count: number, open: number): void {
    const k = ENTRY_INTS * entry + COUNTS;
    this.ints[k] = (this.ints[k]! & ~((1 << SIZE_SHIFT) - 1)) | (open << COUNT_BITS) | count;
  }

  /** Meta 0: it has none. */
  setHead(entry: number, workload: number, meta: number, fromUs: number): void {
    this.ints[ENTRY_INTS * entry + HEAD_WORKLOAD] = workload;
    this.ints[ENTRY_INTS * entry + HEAD_META] = meta;
    this.doubles[ENTRY_DOUBLES * entry + HEAD_FROM] = fromUs;
  }

  setHeadWorkload(entry: number, workload: number): void {
    this.ints[ENTRY_INTS * entry + HEAD_WORKLOAD] = workload;
  }

  setHeadMeta(entry: number, meta: number): void {
    this.ints[ENTRY_INTS * entry + HEAD_META] = meta;
  }

  setHeadEarlier(entry: number, us: number): void {
    this.ints[ENTRY_INTS * entry + HEAD_EARLIER] = us;
  }

  /** Hang a new port's entry on its address's. */
  linkPort(whole: number, ofPort: number): void {
    this.ints[ENTRY_INTS * ofPort + LINK] = this.ints[ENTRY_INTS * whole + LINK]!;
    this.ints[ENTRY_INTS * whole + LINK] = ofPort + 1;
  }

  unlinkPort(whole: number, ofPort: number): void {
    let before = whole;
    while (this.nextPort(before) !== ofPort) before = this.nextPort(before);
    this.ints[ENTRY_INTS * before + LINK] = this.ints[ENTRY_INTS * ofPort + LINK]!;
  }

  touch(entry: number, reporter: number, asOfUs: number): void {
    this.ints[ENTRY_INTS * entry + LAST_REPORTER] = reporter;
    const at = ENTRY_INTS * entry + TOUCHED;
    const seconds = Math.min(Math.ceil(asOfUs / 1e6), 0xffff_ffff);
    if (seconds > this.ints[at]! >>> 0) this.ints[at] = seconds;
  }

  /** The address of an entry, into four words. */
  copyAddress(entry: number, into: Int32Array): void {
    for (let word = 0; word < 4; word += 1) into[word] = this.ints[ENTRY_INTS * entry + word]!;
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
    const keys = this.ints;
    const mask = this.#mask;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = index[2 * slot + 1]! - 1;
      if (entry < 0) return -1;
      if (index[2 * slot] !== hash) continue;
      const k = ENTRY_INTS * entry;
      if (keys[k + 3] !== a3 || keys[k + 4] !== detail || keys[k + 5] !== network) continue;
      if (keys[k] === a0 && keys[k + 1] === a1 && keys[k + 2] === a2) return entry;
    }
  }

  /** The entry of a key, made when there is none; -1 when the table is full. */
  obtain(words: Int32Array, at: number, detail: number, network: number): number {
    const found = this.find(words, at, detail, network);
    if (found >= 0) return found;
    if (this.size >= ENTRIES_MAX) return -1;
    if (4 * (this.size + 1) > 3 * (this.#mask + 1)) this.#growIndex();
    const entry = this.#free.pop() ?? this.limit;
    if (entry === this.limit) {
      this.limit += 1;
      if (this.limit > this.#capacity) this.#growEntries();
    }
    const k = ENTRY_INTS * entry;
    this.ints.fill(0, k, k + ENTRY_INTS);
    for (let word = 0; word < 4; word += 1) this.ints[k + word] = words[at + word]!;
    this.ints[k + DETAIL] = detail;
    this.ints[k + NETWORK] = network;
    this.ints[k + BLOCK] = -1;
    this.ints[k + LAST_REPORTER] = -1;
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
    this.ints[ENTRY_INTS * entry + LAST_REPORTER] = FREE;
    this.#free.push(entry);
    this.size -= 1;
  }

  #hashOf(entry: number): number {
    const k = ENTRY_INTS * entry;
    const w = this.ints;
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
    old.buffer.transfer(0);
  }

  #growEntries(): void {
    this.#capacity *= 2;
    const old = this.ints;
    const buffer = new ArrayBuffer(ALIGN + 4 * ENTRY_INTS * this.#capacity);
    this.ints = new Int32Array(buffer, ALIGN);
    this.doubles = new Float64Array(buffer, ALIGN);
    this.ints.set(old);
    // At once, and not when the collector finds it. What is not written yet takes no memory.
    old.buffer.transfer(0);
  }
}

/** Independent products, mixed at the end: faster than a chain of them, and as even where keys differ in few bits. */
function hashKey(a0: number, a1: number, a2: number, a3: number, detail: number, network: number): number {
  const address = Math.imul(a3, 0x85ebca6b) ^ Math.imul(a2, 0xc2b2ae35) ^ Math.imul(a1, 0x27d4eb2f);
  let h = address ^ Math.imul(a0, 0x165667b1) ^ Math.imul(detail, 0x9e3779b1) ^ Math.imul(network, 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return h ^ (h >>> 13);
}
