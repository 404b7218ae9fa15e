/** Trying again: growing pauses, and giving up a while after the partition was taken away. */
import type { Clock } from '../contract/clock.ts';
import { WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';

const PAUSE_MS_FIRST = 100;
const PAUSE_MS_MAX = 10_000;
const TIME_IS_OVER = 'the time to stop is over';

/** Thrown out of whatever is under way when the time after `stop` is over. What was held is still in the log. */
export class GaveUp extends Error {}

export class Patience {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #over = new AbortController();
  readonly #done = new AbortController();

  /** From the abort of `taken` on, `graceMs` are left. Call `end` when the work is done. */
  constructor(clock: Clock, logger: Logger, taken: AbortSignal, graceMs: number) {
    this.#clock = clock;
    this.#logger = logger;
    const start = async (): Promise<void> => {
      await clock.sleep(graceMs, this.#done.signal);
      if (!this.#done.signal.aborted) this.#over.abort();
    };
    if (taken.aborted) void start();
    else taken.addEventListener('abort', () => void start(), { once: true, signal: this.#done.signal });
  }

  end(): void {
    this.#done.abort();
  }

  /** The promise, or `GaveUp` when time is over first. */
  bounded<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#over;
    // Not raced against one promise for all: that would hold every result, so every message read, for as long as it lives.
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(new GaveUp(TIME_IS_OVER));
      const settled = (): void => signal.removeEventListener('abort', giveUp);
      work.then(resolve, reject).then(settled, settled);
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Wait as long as the attempt deserves: 100 ms, doubled up to 10 s. */
  async pause(attempt: number): Promise<void> {
    const ms = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** Math.min(attempt, 16));
    await this.#clock.sleep(ms, this.#over.signal);
    if (this.#over.signal.aborted) throw new GaveUp(TIME_IS_OVER);
  }

  /** Do it until it succeeds or fails for good; errors of disposition `retry` are tried again. */
  async until<T>(what: string, work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.bounded(work());
      } catch (error) {
        if (!(error instanceof WeirError) || error.disposition !== 'retry') throw error;
        this.#logger.warn({ code: error.code, attempt, error: error.message }, `${what} failed, tried again`);
        await this.pause(attempt);
      }
    }
  }
}
