/** Forgetting: each message that is applied also looks at a few entries, so that what is old goes at a bounded pace. */
import { removeClaims } from './fold.ts';
import type { HistoryTables } from './tables.ts';
import { reporterOf } from './claims.ts';
import { keyDetail } from './entries.ts';

/** Entries looked at a message, besides two for each of its claims: a table of 1 M is through after 16 k heartbeats. */
const SWEEP_ENTRIES = 64;

/** Drop claims that ended, or whose reporter fell silent, longer than `retainUs` before their network's newest time. */
export function sweep(history: HistoryTables, claimsCount: number): void {
  const { entries } = history;
  const steps = Math.min(entries.limit, SWEEP_ENTRIES + 2 * claimsCount);
  for (let step = 0; step < steps; step += 1) {
    history.sweepAt = history.sweepAt + 1 < entries.limit ? history.sweepAt + 1 : 0;
    if (entries.isUsed(history.sweepAt)) sweepEntry(history, history.sweepAt);
  }
}

function sweepEntry(history: HistoryTables, entry: number): void {
  const { entries, claims, reporters } = history;
  const network = reporters.networkAt(entries.network(entry));
  const horizonUs = network.newestUs - history.retainUs;
  if (entries.count(entry) > 0) {
    removeClaims(history, entry, (claim) => {
      if (!claims.isOpen(claim)) return claims.latestUs(claim) < horizonUs;
      return reporters.asOfUs[reporterOf(claims.meta(claim))]! < horizonUs;
    });
  }
  // An address stays while one of its ports does: look-ups come by it.
  const detail = entries.detail(entry);
  const isLinked = detail >>> 8 === 0 && entries.firstPort(entry) >= 0;
  if (entries.count(entry) > 0 || isLinked || entries.touchedUs(entry) >= horizonUs) return;
  if (detail >>> 8 > 0) {
    const address = new Int32Array(4);
    entries.copyAddress(entry, address);
    entries.unlinkPort(entries.find(address, 0, keyDetail(0, 128), network.id), entry);
  }
  entries.remove(entry);
  if ((detail & 0xff) < 128) network.prefixes.remove(entry);
}
