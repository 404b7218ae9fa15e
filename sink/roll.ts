/** When an object is closed; always between messages, at least one message. Pure. */

/** What has been gathered for the next object. */
export interface Held {
  readonly messages: number;
  readonly rows: number;
  readonly lossEntries: number;
  /** Bytes of memory that the rows hold. */
  readonly bytes: number;
  /** Of the first message, on the injected clock. */
  readonly sinceMs: number;
}

export interface RollLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
  readonly lossEntriesMax: number;
  readonly messagesMax: number;
  readonly ageMs: number;
  /**
   * The age of an object that would have neither rows nor losses: heartbeats must not fill the lake with empty files.
   */
  readonly emptyAgeMs: number;
}

/** Ledger entries lie in the footer as JSON of about 200 bytes each, and a footer is read whole. */
export const LOSS_ENTRIES_MAX = 20_000;
/** Messages of an object: they hold no memory, but what is not stored is read again after a restart. */
export const MESSAGES_MAX = 1_000_000;
export const EMPTY_AGE_MS: number = 10 * 60_000;

export type CloseReason = 'rows' | 'bytes' | 'losses' | 'messages' | 'age';

/** Null: go on gathering. */
export function closeReason(held: Held, limits: RollLimits, nowMs: number): CloseReason | null {
  if (held.messages === 0) return null;
  if (held.rows >= limits.rowsMax) return 'rows';
  if (held.bytes >= limits.bytesMax) return 'bytes';
  if (held.lossEntries >= limits.lossEntriesMax) return 'losses';
  if (held.messages >= limits.messagesMax) return 'messages';
  return nowMs >= closeAtMs(held, limits) ? 'age' : null;
}

/** When the age alone closes it, on the injected clock. */
export function closeAtMs(held: Held, limits: RollLimits): number {
  const empty = held.rows === 0 && held.lossEntries === 0;
  return held.sinceMs + (empty ? Math.max(limits.emptyAgeMs, limits.ageMs) : limits.ageMs);
}

/** A message of so many rows must go into the next object: what is held may never exceed the limit. */
export function wouldOverflow(held: Held, limits: RollLimits, rows: number): boolean {
  return held.messages > 0 && held.rows > 0 && held.rows + rows > limits.rowsMax;
}
