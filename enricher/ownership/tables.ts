/** What a history consists of; `history.ts` folds messages into it, `owner-at.ts` and `holders.ts` read it. */
import { ClaimStore } from './claims.ts';
import { EntryTable, keyDetail } from './entries.ts';
import { type Network, ReporterTable } from './reporters.ts';
import { WorkloadTable } from './workloads.ts';

export class HistoryTables {
  readonly entries: EntryTable = new EntryTable();
  readonly claims: ClaimStore = new ClaimStore();
  readonly workloads: WorkloadTable = new WorkloadTable();
  readonly reporters: ReporterTable = new ReporterTable();
  /** Claims that ended this long before the newest as-of time are forgotten. */
  readonly retainUs: number;
  /** Where the next sweep goes on. */
  sweepAt = 0;

  constructor(retainUs: number) {
    this.retainUs = retainUs;
  }

  /** The entry of an address, -1 without one. */
  entryOf(network: Network, words: Int32Array, at: number): number {
    return this.entries.find(words, at, keyDetail(0, 128), network.id);
  }

  /** The entry of one of its ports, -1 without one; most addresses have none, and are not searched for it. */
  portEntryOf(network: Network, words: Int32Array, at: number, port: number, whole: number): number {
    if (port <= 0 || whole < 0 || this.entries.ports(whole) === 0) return -1;
    return this.entries.find(words, at, keyDetail(port, 128), network.id);
  }
}
