/**
 * The claims of all entries, in blocks of 2^n: those of one entry lie together, sorted by `earliestUs`, newest last.
 * A claim is held for certain in [fromUs, toUs] and possibly in [earliestUs, latestUs]; while it is open, both end at
 * its reporter's confirmed time, which lies with the reporter, so that a heartbeat touches no claim.
 */
const CLAIMS_MIN = 1024;
const SIZE_CLASSES = 16;

/** More claims of one key are refused: a reporter that claims and drops an address in a loop. */
export const CLAIMS_PER_ENTRY_MAX: number = 1 << 12;
/** Reporters that `meta` can number. */
export const REPORTERS_MAX: number = 1 << 20;

/** Still held when its reporter last spoke. */
export const OPEN = 1;
/** Ended only because its reporter's epoch did; the next epoch's full list may continue it. */
export const ORPHAN = 2;

export const packMeta = (reporter: number, method: number, flags: number): number =>
  (reporter << 8) | (method << 4) | flags;
export const reporterOf = (meta: number): number => meta >>> 8;
export const methodOf = (meta: number): number => (meta >>> 4) & 0xf;
/** Says only where a prefix is: its workload has no name, and owns nothing. */
export const PLACE = 4;

/**
 * One claim lies in one stretch of memory, because a look-up reads all of it and misses the cache once:
 *
 *   f64   0 earliest | 1 from | 2 to | 3 latest | 4 reach | 5 workload, meta | 6 stamp, unused |
 */
const DOUBLES = 7;
const INTS = 2 * DOUBLES;

export class ClaimStore {
  #times = new Float64Array(DOUBLES * CLAIMS_MIN);
  #ints = new Int32Array(this.#times.buffer);
  #capacity = CLAIMS_MIN;
  #used = 0;
  /** By size class: free blocks. */
  readonly #free: number[][] = Array.from({ length: SIZE_CLASSES }, () => []);

  earliestUs(claim: number): number {
    return this.#times[DOUBLES * claim]!;
  }

  fromUs(claim: number): number {
    return this.#times[DOUBLES * claim + 1]!;
  }

  /** Of a closed claim. */
  toUs(claim: number): number {
    return this.#times[DOUBLES * claim + 2]!;
  }

  /** Of a closed claim; of an open one the `from_us` that its epoch states, which a continued claim does not begin at. */
  latestUs(claim: number): number {
    return this.#times[DOUBLES * claim + 3]!;
  }

  /** The latest possible end of this and the older claims of its entry: where a search backwards may stop. */
  reachUs(claim: number): number {
    return this.#times[DOUBLES * claim + 4]!;
  }

  /** Id in the workload table; -1: the prefix is only known. */
  workload(claim: number): number {
    return this.#ints[INTS * claim + 10]!;
  }

  /** Reporter, method and flags: see `packMeta`. */
  meta(claim: number): number {
    return this.#ints[INTS * claim + 11]!;
  }

  /** The number of the full list that named it last. */
  stamp(claim: number): number {
    return this.#ints[INTS * claim + 12]!;
  }

  isOpen(claim: number): boolean {
    return (this.meta(claim) & OPEN) !== 0;
  }

  setTimes(claim: number, earliestUs: number, fromUs: number, toUs: number, latestUs: number): void {
    this.#times[DOUBLES * claim] = earliestUs;
    this.#times[DOUBLES * claim + 1] = fromUs;
    this.setEnd(claim, toUs, latestUs);
  }

  setEnd(claim: number, toUs: number, latestUs: number): void {
    this.#times[DOUBLES * claim + 2] = toUs;
    this.#times[DOUBLES * claim + 3] = latestUs;
  }

  setWorkload(claim: number, workload: number): void {
    this.#ints[INTS * claim + 10] = workload;
  }

  setMeta(claim: number, meta: number): void {
    this.#ints[INTS * claim + 11] = meta;
  }

  setStamp(claim: number, stamp: number): void {
    this.#ints[INTS * claim + 12] = stamp;
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
    this.#free[sizeClass]!.push(block);
  }

  copy(from: number, to: number, count: number): void {
    // As bytes: a number that is copied as a double may lose the bits of a pair of integers.
    this.#ints.copyWithin(INTS * to, INTS * from, INTS * (from + count));
  }

  /** Recompute `reachUs` of a block from one of its claims on. */
  reach(block: number, index: number, count: number): void {
    let reachUs = index === 0 ? Number.NEGATIVE_INFINITY : this.reachUs(block + index - 1);
    for (let claim = block + index; claim < block + count; claim += 1) {
      const endUs = this.isOpen(claim) ? Number.POSITIVE_INFINITY : this.latestUs(claim);
      if (endUs > reachUs) reachUs = endUs;
      this.#times[DOUBLES * claim + 4] = reachUs;
    }
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
