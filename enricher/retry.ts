/** Calls of the log that are made again until they succeed, with a growing pause. */
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, type WeirError } from '../contract/errors.ts';

const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 5000;

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told of each failure that is tried again. */
  readonly onRetry: (error: WeirError, pauseMs: number) => void;
}

/** The result; null when the signal aborted before a call succeeded. @throws what has another disposition than retry */
export async function untilDone<T>(call: () => Promise<T>, options: RetryOptions): Promise<T | null> {
  for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
    try {
      return await call();
    } catch (cause) {
      const error = fromUnknown(cause, 'WEIR_INTERNAL', 'the log failed');
      if (error.disposition !== 'retry') throw error;
      if (options.signal.aborted) return null;
      options.onRetry(error, pauseMs);
    }
    await options.clock.sleep(pauseMs, options.signal);
  }
}
