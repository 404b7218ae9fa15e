/**
 * The answer of now without looking at claims: from the heads of an address and of one of its ports. What is certain of
 * an address leaves its prefixes nothing to say.
 */
import { Method } from '../../schemas/generated/common.ts';
import { methodOf, reporterOf } from './claims.ts';
import { ENTRY_DOUBLES, ENTRY_INTS, HEAD_FROM, HEAD_META, HEAD_WORKLOAD } from './entries.ts';
import { Level, mayReport, type OwnerAt, RANK } from './owner.ts';
import type { HistoryTables } from './tables.ts';

/** True when `out` is the answer; false when all claims must be asked, and `out` means nothing. */
export function glance(history: HistoryTables, whole: number, ofPort: number, timeUs: number, out: OwnerAt): boolean {
  if (whole < 0) return false;
  const { entries, reporters } = history;
  const { ints, doubles } = entries;
  const { confirmedUs, isSidecar } = reporters;
  const k = ENTRY_INTS * whole;
  const meta = ints[k + HEAD_META]!;
  if (ofPort >= 0 && entries.count(ofPort) > 0) return glanceAtPort(history, whole, ofPort, timeUs, out);
  if (meta === 0) return false;
  const reporter = reporterOf(meta);
  const method = methodOf(meta);
  const skewUs = history.skewUs(reporter);
  const sinceUs = doubles[ENTRY_DOUBLES * whole + HEAD_FROM]!;
  const fromUs = sinceUs + skewUs;
  const toUs = confirmedUs[reporter]! - skewUs;
  if (timeUs < fromUs || timeUs > toUs) return false;
  const workload = ints[k + HEAD_WORKLOAD]!;
  out.level = Level.certain;
  out.workload = workload;
  out.method = method as Method;
  out.sinceUs = sinceUs;
  out.loUs = fromUs;
  out.hiUs = toUs;
  out.reported = isSidecar[reporter] === 1 && mayReport(meta);
  out.service = method === Method.service ? workload : -1;
  out.claimed = true;
  return true;
}

/** Where the port has claims: its head, and the address's where that has claims too. */
function glanceAtPort(history: HistoryTables, whole: number, ofPort: number, timeUs: number, out: OwnerAt): boolean {
  if (!glance(history, ofPort, -1, timeUs, out)) return false;
  if (history.entries.count(whole) === 0) return true;
  const rank = RANK[out.method]!;
  const { workload, method, sinceUs, loUs, hiUs, reported, service } = out;
  if (!glance(history, whole, -1, timeUs, out)) return false;
  // Two of a kind may contradict each other; of two kinds the more exact one names the owner.
  if (RANK[out.method] === rank) return false;
  out.loUs = Math.max(loUs, out.loUs);
  out.hiUs = Math.min(hiUs, out.hiUs);
  out.reported = reported || out.reported;
  if (service >= 0) out.service = service;
  if (RANK[out.method]! < rank) return true;
  out.workload = workload;
  out.method = method;
  out.sinceUs = sinceUs;
  return true;
}
