/** What a history consists of; `history.ts` folds messages into it, `owner-at.ts` and `holders.ts` read it. */
import { ClaimStore } from './claims.ts';
import { EntryTable } from './entries.ts';
import { ReporterTable } from './reporters.ts';
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
}
