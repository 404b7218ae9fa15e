/**
 * The claims of all entries. A claim is held for certain in [fromUs, toUs] and possibly in [earliestUs, latestUs]; while
 * it is open, both end at its reporter's confirmed time, which lies with the reporter, so that a heartbeat touches no
 * claim.
 *
 * Most addresses have one claim, which is open and stands as it was stated: it lies in its entry (`INLINE`), as its head.
 * Others lie in blocks of 2^n: those of one entry together, sorted by `earliestUs`, newest last.
 */
import type { EntryTable } from './entries.ts';

const CLAIMS_MIN = 1024;
const SIZE_CLASSES = 16;
/** Shorter lists are looked through; of longer ones it is known how far their claims reach. */
export const SCAN_MAX = 8;

/** Claims with this number and above lie in the entry that is left when it is taken away. */
export const INLINE: number = 1 << 28;

/** More claims of one key are refused: a reporter that claims and drops an address in a loop. */
export const CLAIMS_PER_ENTRY_MAX: number = 1 << 12;
/** Reporters that `meta` can number. */
export const REPORTERS_MAX: number = 1 << 20;

/** Still held when its reporter last spoke. */
export const OPEN = 1;
/** Ended only because its reporter's epoch did; the next epoch's full list may continue it. */
export const ORPHAN = 2;
/** Says only where a prefix is: its workload has no name, and owns nothing. */
export const PLACE = 4;
/** The last bit of the number of the full list that named it last: of an open claim that is the last one, or this one. */
const STAMP = 8;

export const packMeta = (reporter: number, method: number, flags: number): number =>
  (reporter << 8) | (method << 4) | flags;
export const reporterOf = (meta: number): number => meta >>> 8;
export const methodOf = (meta: number): number => (meta >>> 4) & 0xf;

export interface NewClaim {
  readonly earliestUs: number;
  readonly fromUs: number;
  /** Of a closed claim. */
  readonly toUs: number;
  /** Of a closed claim; of an open one the `from_us` that its epoch states, which a continued claim does not begin at. */
  readonly latestUs: number;
  /** Id in the workload table; -1: the prefix is only known. */
  readonly workload: number;
  /** `packMeta`. */
  readonly meta: number;
}

/**
 * One claim is half a cache line, because a look-up reads all of it and misses the cache once:
 *
 *   f64 from | f64 to, of an open one: stated from | i32 earliest before from | i32 latest after to | workload | meta |
 *
 * The two differences are mostly seconds; one that does not fit stands as -1, and the time itself in `#far`.
 */
const DOUBLES = 4;
const INTS = 2 * DOUBLES;
const FROM = 0;
const TO = 1;
const EARLIER = 4;
const LATER = 5;
const WORKLOAD = 6;
const META = 7;
const FAR = -1;
const DIFFERENCE_MAX = 0x7fff_ffff;

export class ClaimStore {
  readonly #entries: EntryTable;
  #times = new Float64Array(DOUBLES * CLAIMS_MIN);
  #ints = new Int32Array(this.#times.buffer);
  #capacity = CLAIMS_MIN;
  #used = 0;
  /** By size class: free blocks. */
  readonly #free: number[][] = Array.from({ length: SIZE_CLASSES }, () => []);
  /** By twice the claim `earliestUs`, and by one more `latestUs`, where they are far from `fromUs` and `toUs`. */
  readonly #far = new Map<number, number>();
  /** By block of more than `SCAN_MAX`: see `reaches`. */
  readonly #reaches = new Map<number, Float64Array>();

  constructor(entries: EntryTable) {
    this.#entries = entries;
  }

  earliestUs(claim: number): number {
    if (claim >= INLINE) return this.#entries.headFromUs(claim - INLINE) - this.#entries.headEarlier(claim - INLINE);
    const earlier = this.#ints[INTS * claim + EARLIER]!;
    return earlier === FAR ? this.#far.get(2 * claim)! : this.#times[DOUBLES * claim + FROM]! - earlier;
  }

  fromUs(claim: number): number {
    return claim >= INLINE ? this.#entries.headFromUs(claim - INLINE) : this.#times[DOUBLES * claim + FROM]!;
  }

  /** Of an open claim: `from_us` as its epoch states it. */
  statedFromUs(claim: number): number {
    return claim >= INLINE ? this.#entries.headFromUs(claim - INLINE) : this.#times[DOUBLES * claim + TO]!;
  }

  /** Of a closed claim. */
  toUs(claim: number): number {
    return this.#times[DOUBLES * claim + TO]!;
  }

  /** Of a closed claim. */
  latestUs(claim: number): number {
    const later = this.#ints[INTS * claim + LATER]!;
    return later === FAR ? this.#far.get(2 * claim + 1)! : this.#times[DOUBLES * claim + TO]! + later;
  }

  /** Id in the workload table; -1: the prefix is only known. */
  workload(claim: number): number {
    return claim >= INLINE ? this.#entries.headWorkload(claim - INLINE) : this.#ints[INTS * claim + WORKLOAD]!;
  }

  /** Reporter, method and flags: see `packMeta`. */
  meta(claim: number): number {
    return claim >= INLINE ? this.#entries.headMeta(claim - INLINE) : this.#ints[INTS * claim + META]!;
  }

  isOpen(claim: number): boolean {
    return (this.meta(claim) & OPEN) !== 0;
  }

  /** Of an open claim of a reporter whose last full list has that number: whether the list named it. */
  isStamped(claim: number, generation: number): boolean {
    return (this.meta(claim) & STAMP) === stampOf(generation);
  }

  /** The full list with that number names it. */
  stamp(claim: number, generation: number): void {
    const meta = (this.meta(claim) & ~STAMP) | stampOf(generation);
    if (claim >= INLINE) this.#entries.setHeadMeta(claim - INLINE, meta);
    else this.#ints[INTS * claim + META] = meta;
  }

  setWorkload(claim: number, workload: number): void {
    if (claim >= INLINE) this.#entries.setHeadWorkload(claim - INLINE, workload);
    else this.#ints[INTS * claim + WORKLOAD] = workload;
  }

  /** Of a claim in a block. */
  setMeta(claim: number, meta: number): void {
    this.#ints[INTS * claim + META] = meta;
  }

  write(claim: number, { earliestUs, fromUs, toUs, latestUs, workload, meta }: NewClaim): void {
    this.#times[DOUBLES * claim + FROM] = fromUs;
    this.#ints[INTS * claim + EARLIER] = this.#difference(2 * claim, fromUs - earliestUs, earliestUs);
    this.#ints[INTS * claim + WORKLOAD] = workload;
    this.#ints[INTS * claim + META] = meta;
    if ((meta & OPEN) === 0) this.end(claim, toUs, latestUs);
    else this.open(claim, latestUs);
  }

  /** Of a claim in a block: it is held, and its epoch states that it began then. */
  open(claim: number, statedFromUs: number): void {
    this.#times[DOUBLES * claim + TO] = statedFromUs;
    this.#ints[INTS * claim + LATER] = this.#difference(2 * claim + 1, 0, 0);
  }

  /** Of a claim in a block. */
  end(claim: number, toUs: number, latestUs: number): void {
    this.#times[DOUBLES * claim + TO] = toUs;
    this.#ints[INTS * claim + LATER] = this.#difference(2 * claim + 1, latestUs - toUs, latestUs);
  }

  /** Put a claim into its entry, where it can lie there; false where it cannot. */
  inline(entry: number, { earliestUs, fromUs, latestUs, workload, meta }: NewClaim): boolean {
    const earlier = fromUs - earliestUs;
    if (workload < 0 || (meta & OPEN) === 0 || latestUs !== fromUs || !fits(earlier)) return false;
    this.#entries.setHead(entry, workload, meta, fromUs);
    this.#entries.setHeadEarlier(entry, earlier);
    this.#entries.setBlock(entry, INLINE + entry, 0);
    return true;
  }

  /** A block of 2^sizeClass claims. */
  allocate(sizeClass: number): number {
    const reused = this.#free[sizeClass]!.pop();
    if (reused !== undefined) return reused;
    const block = this.#used;
    this.#used += 1 << sizeClass;
    if (this.#used > this.#capacity) this.#grow();
    return block;
  }

  release(block: number, sizeClass: number): void {
    if (block >= INLINE) return;
    this.#free[sizeClass]!.push(block);
    this.#reaches.delete(block);
    if (this.#far.size === 0) return;
    for (let key = 2 * block; key < 2 * (block + (1 << sizeClass)); key += 1) this.#far.delete(key);
  }

  /** Within blocks. */
  copy(from: number, to: number, count: number): void {
    // As bytes: a number that is copied as a double may lose the bits of a pair of integers.
    this.#ints.copyWithin(INTS * to, INTS * from, INTS * (from + count));
    if (this.#far.size === 0) return;
    const far = Array.from({ length: 2 * count }, (_, i) => this.#far.get(2 * from + i));
    far.forEach((timeUs, i) => {
      if (timeUs === undefined) this.#far.delete(2 * to + i);
      else this.#far.set(2 * to + i, timeUs);
    });
  }

  /** The latest possible end of the first `count` claims of a block; of an open one Infinity. */
  reachUs(block: number, count: number): number {
    if (count > SCAN_MAX) return this.reaches(block)[count - 1]!;
    let reachUs = Number.NEGATIVE_INFINITY;
    for (let claim = block; claim < block + count; claim += 1) reachUs = Math.max(reachUs, this.#endUs(claim));
    return reachUs;
  }

  /** Of a block of more than `SCAN_MAX`: by claim `reachUs` of it and the older ones, where a search backwards may stop. */
  reaches(block: number): Float64Array {
    return this.#reaches.get(block)!;
  }

  /** Recompute `reaches` of a block from one of its claims on. */
  reach(block: number, sizeClass: number, index: number, count: number): void {
    if (1 << sizeClass <= SCAN_MAX) return;
    let reaches = this.#reaches.get(block);
    const from = reaches === undefined ? 0 : index;
    if (reaches === undefined) this.#reaches.set(block, (reaches = new Float64Array(1 << sizeClass)));
    let reachUs = from === 0 ? Number.NEGATIVE_INFINITY : reaches[from - 1]!;
    for (let i = from; i < count; i += 1) reaches[i] = reachUs = Math.max(reachUs, this.#endUs(block + i));
  }

  #endUs(claim: number): number {
    return this.isOpen(claim) ? Number.POSITIVE_INFINITY : this.latestUs(claim);
  }

  #difference(key: number, us: number, timeUs: number): number {
    if (fits(us)) {
      if (this.#far.size > 0) this.#far.delete(key);
      return us;
    }
    this.#far.set(key, timeUs);
    return FAR;
  }

  #grow(): void {
    this.#capacity = Math.max(this.#used, 2 * this.#capacity);
    const old = this.#ints;
    this.#times = new Float64Array(DOUBLES * this.#capacity);
    this.#ints = new Int32Array(this.#times.buffer);
    this.#ints.set(old);
    // At once, and not when the collector finds it. What is not written yet takes no memory.
    old.buffer.transfer(0);
  }
}

const fits = (us: number): boolean => us >= 0 && us <= DIFFERENCE_MAX && us === Math.trunc(us);
/** As flags of `meta`. */
export const stampOf = (generation: number): number => (generation & 1) * STAMP;
