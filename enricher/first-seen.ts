/**
 * Since when the messages of a partition could be read: the hold of a message begins there, also while its partition
 * waits for an earlier one. Samples of the partition's end with their times; bounded, and late rather than early.
 */
const SAMPLES_MAX = 1024;

export class FirstSeen {
  #samples: { end: number; atMs: number }[] = [];

  /** The partition ended before offset `end` at that time. */
  record(end: number, atMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && end <= last.end) return;
    this.#samples.push({ end, atMs });
    // Every second one less: the messages of a dropped sample count as seen with the next.
    if (this.#samples.length > SAMPLES_MAX) this.#samples = this.#samples.filter((_, index) => index % 2 === 1);
  }

  /** Null for a message that no sample has seen. */
  of(offset: number): number | null {
    let low = 0;
    let high = this.#samples.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#samples[middle]!.end > offset) high = middle;
      else low = middle + 1;
    }
    return this.#samples[low]?.atMs ?? null;
  }

  /** Forget what only concerns offsets below `next`. */
  done(next: number): void {
    const keep = this.#samples.findIndex(({ end }) => end > next);
    this.#samples = keep < 0 ? this.#samples.slice(-1) : this.#samples.slice(keep);
  }
}
