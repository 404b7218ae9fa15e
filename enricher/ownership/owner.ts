/** What the history answers about an address at an instant, and how exact each kind of claim is. */
import { Method } from '../../schemas/generated/common.ts';
import { methodOf } from './claims.ts';

/** How good an answer is. */
export const Level = {
  /** No claim holds that instant. */
  none: 0,
  /** Two owners are possible. */
  contested: 1,
  /** Two owners are certain. */
  conflict: 2,
  /**
   * One owner, whom a sidecar saw a moment before or after, and not then: it may not have come yet, or have left, and
   * somebody whom no sidecar saw may have been there.
   */
  near: 3,
  /** One owner, by somebody who sees all that could be there, and does not know its beginning and end exactly. */
  possible: 4,
  /** One owner. */
  certain: 5,
} as const;
export type Level = (typeof Level)[keyof typeof Level];

/** By method: how exact, 0 is best; a prefix is less exact the shorter it is. */
export const RANK: readonly number[] = [99, 99, 99, 0, 2, 1, 3, 4, 99];

/** An answer; callers keep one and let it be overwritten. */
export class OwnerAt {
  level: Level = Level.none;
  /** Id in the workload table, -1: none. */
  workload = -1;
  method: Method = Method.none;
  /** Since when the owner held it for certain, us; -1: none. Born as a double, so that its shape never changes. */
  sinceUs: number = Number.NaN;
  /** A live sidecar claimed the address then. */
  reported = false;
  /** Id of the Service at this address, -1: none. */
  service = -1;
  /** The answer holds within [loUs, hiUs]. */
  loUs: number = Number.NEGATIVE_INFINITY;
  hiUs: number = Number.POSITIVE_INFINITY;
  /** Somebody claimed it at some time. */
  claimed = false;
}

/** Whether a claim of that kind speaks of a holder whose own sidecar sees its connections. */
export function mayReport(meta: number): boolean {
  const method = methodOf(meta);
  return method !== Method.service && method !== Method.prefix;
}
