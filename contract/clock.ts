/** Time as Weir uses it. Brands are free at run time and keep clocks and units apart. */

/** Wall clock, milliseconds since 1970. */
export type UnixMs = number & { readonly __clock: 'unix'; readonly __unit: 'ms' };
/** Wall clock, microseconds since 1970; exact in a double until 2255. */
export type UnixUs = number & { readonly __clock: 'unix'; readonly __unit: 'us' };

/** The injected clock: tests and playbacks bring their own. */
export interface Clock {
  nowMs(): UnixMs;
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now() as UnixMs,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
