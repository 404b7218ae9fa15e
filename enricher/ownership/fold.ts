/** The steps of the fold on the claims of one entry. */
import type { ClaimColumns, OwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { OwnershipKind } from '../../schemas/generated/common.ts';
import { INLINE, methodOf, type NewClaim, OPEN, ORPHAN, packMeta, PLACE, reporterOf } from './claims.ts';
import type { Reporter } from './reporters.ts';
import type { HistoryTables } from './tables.ts';
import { continues } from './workloads.ts';

/**
 * Claim `i` of a message as a statement about a claim that is known already: the same reporter, method and instance,
 * and the same beginning. False when there is none: it is a new one.
 */
export function statesClaim(
  history: HistoryTables,
  reporter: Reporter,
  entry: number,
  message: OwnershipMessage,
  i: number,
  workload: number,
): boolean {
  const { claims: stated, asOfUs } = message;
  const fromUs = stated.fromUs[i]!;
  const claim = findStated(history, reporter, entry, stated.method[i]!, fromUs, workload);
  if (stated.toUs[i]! < 0) {
    if (claim >= 0) reopen(history, reporter, entry, claim, fromUs, workload);
    else return message.kind === OwnershipKind.full && continueOrphan(history, reporter, entry, message, i, workload);
    return true;
  }
  if (claim < 0) return false;
  const own = inBlock(history, entry, claim);
  close(history, reporter, own, Math.min(stated.toUs[i]!, asOfUs), possibleEndUs(stated, i, asOfUs), 0);
  settle(history, entry);
  return true;
}

function findStated(
  history: HistoryTables,
  reporter: Reporter,
  entry: number,
  method: number,
  fromUs: number,
  workload: number,
): number {
  const { claims, entries } = history;
  const block = entries.block(entry);
  for (let claim = block + entries.count(entry) - 1; claim >= block && claim >= 0; claim -= 1) {
    const isOpen = claims.isOpen(claim);
    if ((isOpen ? claims.statedFromUs(claim) : claims.fromUs(claim)) !== fromUs) continue;
    if (isSame(history, claim, reporter, method, workload)) return claim;
  }
  return -1;
}

function isSame(history: HistoryTables, claim: number, reporter: Reporter, method: number, workload: number): boolean {
  const meta = history.claims.meta(claim);
  if (reporterOf(meta) !== reporter.id || methodOf(meta) !== method) return false;
  const known = history.claims.workload(claim);
  if (known < 0 || workload < 0) return known === workload;
  return history.workloads.isSame(known, workload);
}

/** The newest orphan that the new epoch's full list holds too: it was held all the while. */
function continueOrphan(
  history: HistoryTables,
  reporter: Reporter,
  entry: number,
  message: OwnershipMessage,
  i: number,
  workload: number,
): boolean {
  const { claims, entries, workloads } = history;
  const { fromUs, method } = message.claims;
  const block = entries.block(entry);
  for (let claim = block + entries.count(entry) - 1; claim >= block && claim >= 0; claim -= 1) {
    if ((claims.meta(claim) & ORPHAN) === 0 || claims.fromUs(claim) > fromUs[i]!) continue;
    if (!isSame(history, claim, reporter, method[i]!, workload)) continue;
    if (workload >= 0 && !continues(workloads.get(claims.workload(claim)), workloads.get(workload))) continue;
    reopen(history, reporter, entry, claim, fromUs[i]!, workload);
    return true;
  }
  return false;
}

function reopen(
  history: HistoryTables,
  reporter: Reporter,
  entry: number,
  claim: number,
  statedFromUs: number,
  workload: number,
): void {
  const { claims, workloads } = history;
  const meta = claims.meta(claim);
  const known = claims.workload(claim);
  if (known !== workload) {
    workloads.retain(workload);
    workloads.release(known);
    claims.setWorkload(claim, workload);
  }
  if ((meta & OPEN) === 0) {
    claims.setMeta(claim, packMeta(reporterOf(meta), methodOf(meta), OPEN | (meta & PLACE)));
    claims.open(claim, statedFromUs);
    reporter.openClaims += 1;
  }
  claims.stamp(claim, reporter.generation);
  if ((meta & OPEN) === 0) settle(history, entry);
  else if (known !== workload) crown(history, entry);
  reporter.openEntries.push(entry);
}

/** Close the reporter's open claims of an entry, but for those that full list `spared` named; -1: all. */
export function closeOpen(
  history: HistoryTables,
  reporter: Reporter,
  entry: number,
  toUs: number,
  latestUs: number,
  flags: number,
  spared: number,
): void {
  const { claims, entries } = history;
  let closed = false;
  for (let index = 0; index < entries.count(entry); index += 1) {
    const claim = entries.block(entry) + index;
    if (!claims.isOpen(claim) || reporterOf(claims.meta(claim)) !== reporter.id) continue;
    if (spared >= 0 && claims.isStamped(claim, spared)) continue;
    close(history, reporter, inBlock(history, entry, claim), toUs, latestUs, flags);
    closed = true;
  }
  if (closed) settle(history, entry);
}

/** The claim, moved from its entry into a block where it lies there: so that it can be closed. */
function inBlock(history: HistoryTables, entry: number, claim: number): number {
  if (claim < INLINE) return claim;
  const { claims, entries } = history;
  const block = claims.allocate(0);
  const fromUs = claims.fromUs(claim);
  const times = { earliestUs: claims.earliestUs(claim), fromUs, toUs: 0, latestUs: fromUs };
  claims.write(block, { ...times, workload: claims.workload(claim), meta: claims.meta(claim) });
  entries.setBlock(entry, block, 0);
  return block;
}

/** Of a claim in a block. */
function close(
  history: HistoryTables,
  reporter: Reporter,
  claim: number,
  toUs: number,
  latestUs: number,
  flags: number,
): void {
  const { claims } = history;
  const meta = claims.meta(claim);
  if ((meta & OPEN) !== 0) reporter.openClaims -= 1;
  claims.setMeta(claim, packMeta(reporterOf(meta), methodOf(meta), flags | (meta & PLACE)));
  claims.end(claim, toUs, latestUs);
}

/** Too late to continue them. */
export function clearOrphans(history: HistoryTables, reporter: Reporter, entry: number): void {
  const { claims, entries } = history;
  const block = entries.block(entry);
  for (let claim = block; claim < block + entries.count(entry); claim += 1) {
    const meta = claims.meta(claim);
    if ((meta & ORPHAN) !== 0 && reporterOf(meta) === reporter.id) claims.setMeta(claim, meta & ~ORPHAN);
  }
}

/** Until when a claim that a message closes is possible. */
export function possibleEndUs(stated: ClaimColumns, i: number, asOfUs: number): number {
  const latestUs = stated.latestUs[i]!;
  return latestUs < 0 ? Math.max(stated.toUs[i]!, asOfUs) : latestUs;
}

/** After claims of an entry opened or closed: what is derived from them. */
function settle(history: HistoryTables, entry: number): void {
  const { claims, entries } = history;
  const block = entries.block(entry);
  const count = entries.count(entry);
  let open = 0;
  for (let claim = block; claim < block + count; claim += 1) if (claims.isOpen(claim)) open += 1;
  entries.setCounts(entry, count, open);
  if (count > 0) claims.reach(block, entries.sizeClass(entry), 0, count);
  crown(history, entry);
}

/** Find the head of an entry, from claims whose `reaches` are right; the only claim moves into its entry if it can. */
function crown(history: HistoryTables, entry: number): void {
  const { claims, entries } = history;
  const count = entries.count(entry);
  const block = entries.block(entry);
  if (block >= INLINE && count > 0) return;
  const newest = block + count - 1;
  if (count === 0 || !claims.isOpen(newest) || claims.workload(newest) < 0) return entries.setHead(entry, -1, 0, 0);
  const fromUs = claims.fromUs(newest);
  const workload = claims.workload(newest);
  const meta = claims.meta(newest);
  // An older claim by another clock is possible a little longer.
  const olderUs = count > 1 ? claims.reachUs(block, count - 1) + history.clockSkewUs : Number.NEGATIVE_INFINITY;
  if (olderUs >= fromUs) return entries.setHead(entry, -1, 0, 0);
  entries.setHead(entry, workload, meta, fromUs);
  if (count > 1) return;
  const sizeClass = entries.sizeClass(entry);
  const earliestUs = claims.earliestUs(newest);
  const latestUs = claims.statedFromUs(newest);
  if (claims.inline(entry, { earliestUs, fromUs, toUs: 0, latestUs, workload, meta })) claims.release(block, sizeClass);
}

/** Insert by `earliestUs`, after its equals. The claim takes a reference of its workload. */
export function addClaim(history: HistoryTables, entry: number, claim: NewClaim): void {
  const { claims, entries, workloads } = history;
  const count = entries.count(entry);
  if (claim.workload >= 0) workloads.retain(claim.workload);
  if (count === 0 && claims.inline(entry, claim)) return entries.setCounts(entry, 1, 1);
  makeRoom(history, entry, count + 1);
  const block = entries.block(entry);
  let index = count;
  while (index > 0 && claims.earliestUs(block + index - 1) > claim.earliestUs) index -= 1;
  claims.copy(block + index, block + index + 1, count - index);
  const at = block + index;
  claims.write(at, claim);
  entries.setCounts(entry, count + 1, entries.open(entry) + (claims.isOpen(at) ? 1 : 0));
  claims.reach(block, entries.sizeClass(entry), index, count + 1);
  crown(history, entry);
}

function makeRoom(history: HistoryTables, entry: number, count: number): void {
  const { claims, entries } = history;
  if (count > 1) inBlock(history, entry, entries.block(entry));
  const block = entries.block(entry);
  const sizeClass = entries.sizeClass(entry);
  if (block >= 0 && count <= 1 << sizeClass) return;
  const larger = block < 0 ? 0 : sizeClass + 1;
  const to = claims.allocate(larger);
  if (block >= 0) {
    claims.copy(block, to, count - 1);
    claims.release(block, sizeClass);
  }
  entries.setBlock(entry, to, larger);
}

/** Remove the claims that `gone` names; the entry keeps its block until it is empty. */
export function removeClaims(history: HistoryTables, entry: number, gone: (claim: number) => boolean): void {
  const { claims, entries, workloads, reporters } = history;
  const block = entries.block(entry);
  let kept = 0;
  for (let index = 0; index < entries.count(entry); index += 1) {
    const claim = block + index;
    if (!gone(claim)) {
      if (kept !== index) claims.copy(claim, block + kept, 1);
      kept += 1;
      continue;
    }
    if (claims.isOpen(claim)) reporters.all[reporterOf(claims.meta(claim))]!.openClaims -= 1;
    if (claims.workload(claim) >= 0) workloads.release(claims.workload(claim));
  }
  if (kept === entries.count(entry)) return;
  entries.setCounts(entry, kept, 0);
  settle(history, entry);
  if (kept > 0) return;
  claims.release(block, entries.sizeClass(entry));
  entries.setBlock(entry, -1, 0);
}

/** Forget the entries whose claims have closed, once they are most of the list. */
export function compactOpen(history: HistoryTables, reporter: Reporter): void {
  if (reporter.openEntries.length <= 2 * reporter.openClaims + 64) return;
  const { claims, entries } = history;
  const holds = (entry: number): boolean => {
    const block = entries.block(entry);
    for (let claim = block; claim < block + entries.count(entry); claim += 1) {
      if (claims.isOpen(claim) && reporterOf(claims.meta(claim)) === reporter.id) return true;
    }
    return false;
  };
  reporter.openEntries = [...new Set(reporter.openEntries)].filter(holds);
}
