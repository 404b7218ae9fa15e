/**
 * An idle stream sends its total again and again, as a batch without rows: where its last batches were lost between here and
 * the lake (retention, a topic made anew), nobody would otherwise learn of it before its next flow.
 */
const IDLE_MS = 60_000;

export class IdleTotal {
  #seq = -1;
  #sinceMs = 0;

  /**
   * `seq`: of the next batch; `next`: the total. True once both have been the same for a minute, and then the wait begins
   * anew. A stream without flows has nothing to tell.
   */
  isDue({ seq, next }: { readonly seq: number; readonly next: number }, nowMs: number): boolean {
    if (next === 0) return false;
    const isNew = seq !== this.#seq || nowMs < this.#sinceMs;
    if (!isNew && nowMs - this.#sinceMs < IDLE_MS) return false;
    this.#seq = seq;
    this.#sinceMs = nowMs;
    return !isNew;
  }
}
