/** What a sidecar is started with. Durations in ms. */
import type { Clock } from '../contract/clock.ts';
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import type { Log } from '../transport/log.ts';
import type { FlowSource } from './flow-source.ts';
import type { TranslationFeed } from './conntrack/feed.ts';
import type { HostView } from './host-view.ts';
import type { SpoolOptions } from './spool.ts';

export interface SidecarOptions {
  readonly log: Log;
  readonly source: FlowSource;
  readonly host: HostView;
  /** Translations of this machine, which the sidecar closes. Without it, addresses are as the sockets see them. */
  readonly translations?: TranslationFeed;
  /** For pauses between tries: always the wall clock. */
  readonly clock: Clock;
  /** Paces reading, scanning and batching; a playback's own clock. Default: `clock`. */
  readonly eventClock?: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly cluster: string;
  readonly network: string;
  readonly node: string;
  /** Topic names with their prefix. */
  readonly rawTopic: string;
  readonly ownershipTopic: string;
  /** Of the raw topic. Default: where Kafka's partitioner puts the key cluster/node. */
  readonly partition?: number;
  /** How often the partitions of the raw topic are looked at; default 30 s. */
  readonly partitionsMs?: number;
  /** Rows of a batch at most. */
  readonly batchFlows: number;
  /** A row waits at most this long for its batch. */
  readonly batchAgeMs: number;
  /** Interim reports of open connections. */
  readonly intervalMs: number;
  /** The reporter speaks at least this often. */
  readonly heartbeatMs: number;
  /** Looks at the machine at least this far apart; a scan that takes long is followed by a longer pause. */
  readonly scanMs: number;
  readonly ringPollMs: number;
  /** Where batches wait while the log is away and the ring fills. Without it they wait in memory. */
  readonly spool?: SpoolOptions;
  /** Messages of sealed batches in memory; more than this is merged, then dropped. Default 8 MiB. */
  readonly messagesBytesMax?: number;
  /** A life of the reporter. Default: random; a playback names its own, so that playing again changes nothing. */
  readonly epoch?: string;
}

/** What `weir sidecar` uses where nothing else is configured. */
export const SIDECAR_DEFAULTS = {
  batchFlows: 1000,
  batchAgeMs: 1000,
  intervalMs: 60_000,
  heartbeatMs: 5000,
  scanMs: 1000,
  ringPollMs: 100,
} as const;
