/** The recorded time of one node while it is played. Nodes of one recording stay within a second of each other. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock, type Clock, type UnixMs } from '../../contract/clock.ts';

/** No node runs ahead of the slowest by more. */
const LEAD_MS_MAX = 1000;

/** What the clocks of one playback share. */
export class PlaybackPace {
  readonly paced: boolean;
  readonly #clocks = new Set<PlaybackClock>();
  #waiting: (() => void)[] = [];

  /** `paced`: as slowly as it was recorded; else as fast as it goes. */
  constructor(paced: boolean) {
    this.paced = paced;
  }

  join(clock: PlaybackClock): void {
    this.#clocks.add(clock);
  }

  leave(clock: PlaybackClock): void {
    this.#clocks.delete(clock);
    this.moved();
  }

  moved(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves once nobody who plays is far behind, or `signal` aborts. */
  async keepUp(clock: PlaybackClock, signal?: AbortSignal): Promise<void> {
    const ahead = (): boolean => [...this.#clocks].some((other) => other.now + LEAD_MS_MAX < clock.now);
    const wake = (): void => this.moved();
    signal?.addEventListener('abort', wake);
    while (signal?.aborted !== true && this.#clocks.has(clock) && ahead()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    signal?.removeEventListener('abort', wake);
  }
}

export class PlaybackClock implements Clock {
  readonly #pace: PlaybackPace;
  /** Milliseconds since 1970, recorded time. */
  now: number;

  constructor(pace: PlaybackPace, startUs: number) {
    this.#pace = pace;
    this.now = Math.floor(startUs / 1000);
  }

  nowMs(): UnixMs {
    return this.now as UnixMs;
  }

  /** Recorded time passes by as much as somebody sleeps; real time only when it is paced. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.#pace.paced) await systemClock.sleep(ms, signal);
    else await nextTurn();
    this.now += ms;
    this.#pace.moved();
    await this.#pace.keepUp(this, signal);
  }
}
