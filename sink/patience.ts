/** Trying again: growing pauses, and giving up a while after the partition was taken away. */
import type { Clock } from '../contract/clock.ts';
import { WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';

const PAUSE_MS_FIRST = 100;
const PAUSE_MS_MAX = 10_000;

/** Thrown out of whatever is under way when the time after `stop` is over. What was held is still in the log. */
export class GaveUp extends Error {}

export class Patience {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #over = new AbortController();
  readonly #done = new AbortController();
  readonly #gaveUp = Promise.withResolvers<never>();

  /** From the abort of `taken` on, `graceMs` are left. Call `end` when the work is done. */
  constructor(clock: Clock, logger: Logger, taken: AbortSignal, graceMs: number) {
    this.#clock = clock;
    this.#logger = logger;
    // It may reject when nobody waits.
    this.#gaveUp.promise.then(
      () => undefined,
      () => undefined,
    );
    const giveUp = (): void => this.#gaveUp.reject(new GaveUp('the time to stop is over'));
    this.#over.signal.addEventListener('abort', giveUp, { once: true });
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
    return Promise.race([work, this.#gaveUp.promise]);
  }

  /** Wait as long as the attempt deserves: 100 ms, doubled up to 10 s. */
  async pause(attempt: number): Promise<void> {
    const ms = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** Math.min(attempt, 16));
    await this.#clock.sleep(ms, this.#over.signal);
    if (this.#over.signal.aborted) throw new GaveUp('the time to stop is over');
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
