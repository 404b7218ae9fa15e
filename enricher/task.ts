/** What goes between the pool and its workers. Bytes of raw messages lie in slots of shared memory; all else is cloned. */
import type { EnrichResult, Provenance } from './enrich.ts';
import type { GeoMemory } from './geo/geo-table.ts';
import type { HistoryOptions } from './ownership/history.ts';
import type { ExternalAddresses } from './privacy.ts';
import type { Need } from './ready.ts';
import type { UpdateLogMemory } from './update-log.ts';
import type { Headers } from '../transport/log.ts';

/** One slot holds the raw messages of one task. At least one message of the largest size fits. */
export const SLOT_BYTES: number = 1024 * 1024;

/** Given to each worker when it starts. */
export interface WorkerSetup {
  readonly updates: UpdateLogMemory;
  readonly slots: SharedArrayBuffer;
  readonly history: HistoryOptions;
  readonly externalAddresses: ExternalAddresses;
}

export interface SlotMessage {
  readonly offset: number;
  readonly appendMs: number;
  readonly headers: Headers;
  readonly force: boolean;
  readonly oversize: boolean;
  /** In the slot. */
  readonly from: number;
  readonly bytes: number;
}

/** Join the messages of a slot at the provenance's ownership position. */
export interface EnrichTask {
  readonly kind: 'enrich';
  readonly provenance: Provenance;
  readonly slot: number;
  /** The table of places at this time; its memory is shared. */
  readonly geo: GeoMemory | null;
  readonly messages: readonly SlotMessage[];
}

/** Ask whether what a batch waited for has come. */
export interface LookTask {
  readonly kind: 'look';
  readonly ownershipNext: number;
  readonly needs: readonly Need[];
}

export type Task = EnrichTask | LookTask;

/** Ownership messages and claims that this worker's history refused since it began: the same in every worker. */
export interface ClaimCounts {
  readonly applied: number;
  readonly refused: number;
  /** The newest refusal, for the log. */
  readonly fault: string;
  /** Messages applied so far reach up to here: of two workers' counts the further one is the truth. */
  readonly next: number;
}

export interface TaskResult {
  /** The worker's history is past the position already: the task must be given again at a later one. */
  readonly stale: boolean;
  readonly result: EnrichResult | null;
  /** Of a look: worth another try. */
  readonly changed: boolean;
  readonly claims: ClaimCounts;
}
