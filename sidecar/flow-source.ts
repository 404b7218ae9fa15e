/**
 * The seam between capture and everything else. eBPF is one implementation, a recording that is played back another.
 * Ring bytes are `struct flow_record` (256) and `struct listen_record` (64) of bpf/flow_record.h, each preceded by
 * its u32 length and u32 zero (8 bytes), back to back.
 */
export interface SourceStart {
  /** The life of this ring: a new one each time a ring is made. URL-safe, at most 40 characters. */
  readonly ringId: string;
  /** Add to a CLOCK_BOOTTIME microsecond to get microseconds since 1970. */
  readonly bootToUnixUs: number;
  /** Jiffies a second of this kernel, for the *_jiffies fields. */
  readonly jiffiesHz: number;
}

export interface SourceRead {
  /** Bytes written to the buffer; 0: nothing there. */
  readonly bytes: number;
  /** Where the reader stands now; hand it to `release` once everything up to here is durable. */
  readonly position: number;
}

/** Cumulative since the ring was made. `made` = records reserved + every drop: what flow numbers count. */
export interface SourceCounters {
  readonly made: number;
  /** By reason: ring_full. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Listen records that found no room (claims, not flows). */
  readonly listenDropped: number;
  /** Connections whose opening found the state map full: a flow without role, owner and opening time, not a loss. */
  readonly stateFull: number;
  readonly recursionMisses: Readonly<Record<string, number>>;
}

/** What outlives the process: the ring, and a page beside it for whoever reads. */
export interface PinnedRing {
  /** An earlier process has left it: reading begins where that one released last. */
  readonly adopted: boolean;
  /** What was written last; empty for a new ring. */
  readJournal(): Uint8Array;
  /** Replace it, all or nothing: at most 4,032 bytes. */
  writeJournal(bytes: Uint8Array): void;
  /** In place of `stop`: this process lets go, the kernel goes on recording, the next process adopts. Idempotent. */
  leave(): Promise<void>;
}

export interface FlowSource {
  readonly kind: 'ebpf' | 'recording';
  start(): Promise<SourceStart>;
  /** After `start`; absent or null where the ring ends with the process. */
  readonly pinned?: PinnedRing | null;
  /** Copy whole records into `into` (at least 64 KiB): a stretch of the ring that ends at `position`. Never blocks. */
  read(into: Uint8Array): SourceRead;
  /** Give the ring's room up to `position` back. */
  release(position: number): void;
  /** `bootToUnixUs` as it is now: the wall clock may have been set since the start. A recording's stands still. */
  bootToUnixUs?(): number;
  /** Share of the ring that is not released, 0 to 1; only a kernel's ring has it. */
  backlog?(): number;
  counters(): SourceCounters;
  /**
   * Write a record of every open connection into the ring; the first pass seeds the ones older than the capture.
   * Counters advance only for those that found room.
   */
  reportOpen(): Promise<void>;
  /** A recording is at its end and everything was read; never true for a kernel. */
  readonly ended: boolean;
  /**
   * Make no more records; what the ring holds can still be read, and counters stand still. A pinned ring and its page
   * stay: a next process finds them, with no more to come. Idempotent.
   */
  detach(): Promise<void>;
  /** Give everything back, what is pinned too; implies `detach`. Idempotent. */
  stop(): Promise<void>;
}
