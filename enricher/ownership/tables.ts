/** What a history consists of; `history.ts` folds messages into it, `owner-at.ts` and `holders.ts` read it. */
import { ClaimStore } from './claims.ts';
import { EntryTable, keyDetail } from './entries.ts';
import { type Network, ReporterTable } from './reporters.ts';
import { WorkloadTable } from './workloads.ts';

/** In place of a port's entry: no port was asked for. */
export const NO_PORT = -1;
/** One was, and nobody ever claimed it. */
export const UNKNOWN_PORT = -2;

export class HistoryTables {
  readonly entries: EntryTable = new EntryTable();
  readonly claims: ClaimStore = new ClaimStore(this.entries);
  readonly workloads: WorkloadTable = new WorkloadTable();
  readonly reporters: ReporterTable;
  /** Claims that ended this long before the newest as-of time are forgotten. */
  readonly retainUs: number;
  /** No two clocks are further apart. */
  readonly clockSkewUs: number;
  /** The number of the clock that times the flows in hand, -1: who has it never spoke. */
  ownClock = -1;
  /** Where the next sweep goes on. */
  sweepAt = 0;

  constructor(retainUs: number, clockSkewUs: number) {
    this.retainUs = retainUs;
    this.clockSkewUs = clockSkewUs;
    this.reporters = new ReporterTable(this.entries, clockSkewUs);
  }

  /** How far a reporter's times may be from the flows'. */
  skewUs(reporter: number): number {
    return this.reporters.clocks[reporter] === this.ownClock ? 0 : this.clockSkewUs;
  }

  /** The entry of an address, -1 without one. */
  entryOf(network: Network, words: Int32Array, at: number): number {
    return this.entries.find(words, at, keyDetail(0, 128), network.id);
  }

  /** The entry of one of its ports; most addresses have none, and are not searched for it. */
  portEntryOf(network: Network, words: Int32Array, at: number, port: number, whole: number): number {
    if (port <= 0) return NO_PORT;
    if (whole < 0 || this.entries.firstPort(whole) < 0) return UNKNOWN_PORT;
    const entry = this.entries.find(words, at, keyDetail(port, 128), network.id);
    return entry < 0 ? UNKNOWN_PORT : entry;
  }
}
