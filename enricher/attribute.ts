/**
 * The owner of one end over the life of a flow: looked up at its start and at its end.
 * The same owner at both: attributed. Two: `ambiguous`. One missing, or seen only a moment before or after: `gap`. None
 * ever: `no_claim`.
 * What is not ready when the hold ends keeps only what is certain; the rest is `hold_expired`, or `reporter_silent`.
 */
import { Method, Reason } from '../schemas/generated/common.ts';
import { Level, type OwnerAt } from './ownership/owner.ts';

/** The verdict on one end; callers keep one and let it be overwritten. */
export class Verdict {
  /** Id in the history's workload table, -1: none. */
  workload = -1;
  method: Method = Method.none;
  reason: Reason = Reason.noClaim;
  /** us, -1: none. Born as a double, so that its shape never changes. */
  sinceUs: number = Number.NaN;
}

/** `isSame`: start and end name the same owner, where both name one. */
export function judge(
  start: OwnerAt,
  end: OwnerAt,
  isSame: boolean,
  isReady: boolean,
  isSilent: boolean,
  out: Verdict,
): void {
  const reason = isReady ? readyReason(start, end, isSame) : expiredReason(start, end, isSame, isSilent);
  const isNamed = reason === Reason.none;
  out.reason = reason;
  out.workload = isNamed ? start.workload : -1;
  out.method = isNamed ? start.method : Method.none;
  out.sinceUs = isNamed ? start.sinceUs : -1;
}

function readyReason(start: OwnerAt, end: OwnerAt, isSame: boolean): Reason {
  if (start.level >= Level.possible && end.level >= Level.possible) return isSame ? Reason.none : Reason.ambiguous;
  if (start.level >= Level.near && end.level >= Level.near && !isSame) return Reason.ambiguous;
  if (isDisputed(start) || isDisputed(end)) return Reason.ambiguous;
  return start.claimed ? Reason.gap : Reason.noClaim;
}

function expiredReason(start: OwnerAt, end: OwnerAt, isSame: boolean, isSilent: boolean): Reason {
  if (start.level === Level.certain && end.level === Level.certain) {
    return isSame ? Reason.none : Reason.ambiguous;
  }
  if (start.level === Level.conflict || end.level === Level.conflict) return Reason.ambiguous;
  return isSilent ? Reason.reporterSilent : Reason.holdExpired;
}

const isDisputed = ({ level }: OwnerAt): boolean => level === Level.contested || level === Level.conflict;
