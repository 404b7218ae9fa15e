/**
 * What stages report of themselves. Names are in `METRICS`; no address or workload is ever a label.
 * Law, asserted in the tests: flows in = flows out + flows dropped + flows held, per stage.
 */
export interface Meter {
  /** Add to a counter. */
  add(name: MetricName, value: number, labels?: MetricLabels): void;
  /** Set a gauge. */
  set(name: MetricName, value: number, labels?: MetricLabels): void;
}

export type MetricLabels = Readonly<Record<string, string>>;

/** Type, help, and the names of its labels. */
export type MetricRow = readonly [type: 'counter' | 'gauge', help: string, ...labels: readonly string[]];

/** The closed list; docs/reference/metrics.md is generated from it. */
export const METRICS = {
  weir_build_info: ['gauge', 'Always 1; the version is a label.', 'version'],
  weir_sidecar_flows_in_total: ['counter', 'Flow numbers taken from the ring: records and drops.'],
  weir_sidecar_flows_out_total: ['counter', 'Flow numbers acknowledged by the log as rows.'],
  weir_sidecar_flows_dropped_total: ['counter', 'Flow numbers told as losses.', 'reason', 'intentional'],
  weir_sidecar_flows_held: ['gauge', 'Flow numbers read and not yet acknowledged.'],
  weir_sidecar_lag_seconds: ['gauge', 'Age of the oldest record not yet acknowledged.'],
  weir_sidecar_batches_total: ['counter', 'Raw batches acknowledged.'],
  weir_sidecar_claims_total: ['counter', 'Ownership messages sent.', 'kind'],
  weir_sidecar_recursion_misses_total: ['counter', 'Program runs that the kernel skipped.', 'program'],
  weir_sidecar_translations_held: ['gauge', 'Translated connections known from connection tracking.'],
  weir_sidecar_translation_events_total: ['counter', 'Beginnings and ends of translated connections read.'],
  weir_sidecar_translation_overruns_total: ['counter', 'Times that the kernel had no room for such events.'],
  weir_sidecar_translation_lookups_total: ['counter', 'Flows looked up among translated connections.'],
  weir_sidecar_flows_translated_total: ['counter', 'Flows whose translation was found.'],
  weir_watcher_objects: ['gauge', 'Objects known of the cluster.', 'resource'],
  weir_watcher_messages_total: ['counter', 'Ownership messages sent.', 'kind'],
  weir_watcher_lists_total: ['counter', 'Times a resource was listed whole.', 'resource'],
  weir_watcher_failures_total: ['counter', 'Lists and watches that failed and were begun again.', 'resource', 'code'],
  weir_watcher_lag_seconds: ['gauge', 'How far the last claim that all is told lies behind.'],
  weir_enricher_flows_in_total: ['counter', 'Flow numbers of raw batches read.'],
  weir_enricher_flows_out_total: ['counter', 'Flow numbers written as enriched rows.'],
  weir_enricher_flows_dropped_total: ['counter', 'Flow numbers told as losses.', 'reason', 'intentional'],
  weir_enricher_flows_held: ['gauge', 'Flow numbers read that wait for claims.'],
  weir_enricher_lag_messages: ['gauge', 'Raw messages not yet committed.', 'partition'],
  weir_enricher_lag_flows: ['gauge', 'Flow numbers not yet committed.', 'partition'],
  weir_enricher_lag_seconds: ['gauge', 'Age of the oldest raw message not yet committed.', 'partition'],
  weir_enricher_ends_total: ['counter', 'Ends attributed, by method; none is unattributed.', 'method'],
  weir_enricher_ends_unattributed_total: ['counter', 'Ends without an owner, by reason.', 'reason'],
  weir_enricher_dead_letters_total: ['counter', 'Messages refused.', 'code'],
  weir_enricher_claims_refused_total: ['counter', 'Ownership claims refused.', 'code'],
  weir_enricher_tables_read_total: [
    'counter',
    'Tables and MMDB files read anew while running; refused: it was broken, and the old one stays.',
    'table',
    'outcome',
  ],
  weir_sink_flows_in_total: ['counter', 'Flow numbers of enriched sources folded.'],
  weir_sink_flows_out_total: ['counter', 'Flow numbers stored as rows.'],
  weir_sink_flows_dropped_total: ['counter', 'Flow numbers stored as losses.', 'reason', 'intentional'],
  weir_sink_flows_held: ['gauge', 'Flow numbers folded and not yet stored.'],
  weir_sink_flows_repeated_total: ['counter', 'Flow numbers of sources that were seen before and skipped.'],
  weir_sink_lag_messages: ['gauge', 'Enriched messages not yet stored.', 'partition'],
  weir_sink_lag_flows: ['gauge', 'Flow numbers not yet stored.', 'partition'],
  weir_sink_lag_seconds: ['gauge', 'Age of the oldest enriched message not yet stored.', 'partition'],
  weir_sink_flow_messages_total: ['counter', 'Messages of the topic of single flows.'],
  weir_sink_objects_total: [
    'counter',
    'Objects created, by table; adopted are those that another writer won.',
    'table',
    'outcome',
  ],
} as const;

export type MetricName = keyof typeof METRICS;

/** The table as it is read: also the proof that every row has its parts. */
export const METRIC_ROWS: Readonly<Record<MetricName, MetricRow>> = METRICS;

/** For tests. */
export const silentMeter: Meter = { add: () => undefined, set: () => undefined };
