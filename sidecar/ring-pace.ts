/** How far apart the readings of the ring are. Pure. */
import type { ListenEvent } from './decode.ts';

export interface RingReading {
  readonly listens: readonly ListenEvent[];
  /** The ring was empty in the end. */
  readonly drained: boolean;
  /** Up to where it was read. */
  readonly position: number;
}

/** Bytes of a record in the ring, with its header. */
const RECORD_BYTES = 264;
const PAUSE_MS_MIN = 5;

/**
 * Pause after a reading of `bytes` that came within `elapsedMs`: the next one shall find about one batch. So a burst is
 * read, sealed and on its way long before it fills the ring, and a quiet ring is looked at every `ringPollMs`.
 */
export function ringPauseMs(bytes: number, elapsedMs: number, batchFlows: number, ringPollMs: number): number {
  if (bytes <= 0) return ringPollMs;
  const batchMs = (elapsedMs * batchFlows * RECORD_BYTES) / bytes;
  return Math.min(ringPollMs, Math.max(PAUSE_MS_MIN, batchMs));
}
