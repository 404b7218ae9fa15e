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

export class ClaimStore {
  earliestUs: Float64Array = new Float64Array(CLAIMS_MIN);
  fromUs: Float64Array = new Float64Array(CLAIMS_MIN);
  /** Of a closed claim. */
  toUs: Float64Array = new Float64Array(CLAIMS_MIN);
  /** Of a closed claim; of an open one the `from_us` that its epoch states, which a continued claim does not begin at. */
  latestUs: Float64Array = new Float64Array(CLAIMS_MIN);
  /** The latest possible end of this and the older claims of its entry: where a search backwards may stop. */
  reachUs: Float64Array = new Float64Array(CLAIMS_MIN);
  /** Id in the workload table; -1: the prefix is only known. */
  workload: Int32Array = new Int32Array(CLAIMS_MIN);
  meta: Int32Array = new Int32Array(CLAIMS_MIN);
  /** The number of the full list that named it last. */
  stamp: Int32Array = new Int32Array(CLAIMS_MIN);

  #capacity = CLAIMS_MIN;
  #used = 0;
  /** By size class: free blocks. */
  readonly #free: number[][] = Array.from({ length: SIZE_CLASSES }, () => []);

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
    for (const column of this.#columns()) column.copyWithin(to, from, from + count);
  }

  isOpen(claim: number): boolean {
    return (this.meta[claim]! & OPEN) !== 0;
  }

  /** Recompute `reachUs` of a block from one of its claims on. */
  reach(block: number, index: number, count: number): void {
    let reachUs = index === 0 ? Number.NEGATIVE_INFINITY : this.reachUs[block + index - 1]!;
    for (let claim = block + index; claim < block + count; claim += 1) {
      const endUs = this.isOpen(claim) ? Number.POSITIVE_INFINITY : this.latestUs[claim]!;
      if (endUs > reachUs) reachUs = endUs;
      this.reachUs[claim] = reachUs;
    }
  }

  #columns(): (Float64Array | Int32Array)[] {
    return [this.earliestUs, this.fromUs, this.toUs, this.latestUs, this.reachUs, this.workload, this.meta, this.stamp];
  }

  #grow(): void {
    this.#capacity = Math.max(this.#used, Math.ceil(this.#capacity * 1.5));
    const doubles = (old: Float64Array): Float64Array => {
      const column = new Float64Array(this.#capacity);
      column.set(old);
      return column;
    };
    const ints = (old: Int32Array): Int32Array => {
      const column = new Int32Array(this.#capacity);
      column.set(old);
      return column;
    };
    this.earliestUs = doubles(this.earliestUs);
    this.fromUs = doubles(this.fromUs);
    this.toUs = doubles(this.toUs);
    this.latestUs = doubles(this.latestUs);
    this.reachUs = doubles(this.reachUs);
    this.workload = ints(this.workload);
    this.meta = ints(this.meta);
    this.stamp = ints(this.stamp);
  }
}
