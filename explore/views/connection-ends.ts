import type { Dialect } from './dialect.ts';
import { columns, knowledge, otherSide, OWNER_COLUMNS, type Side, SIDES, type View } from './view.ts';

/**
 * The endpoint strings that both ends of a connection agree on, whatever each holds for its role: translated where the
 * translation is known. `localKey` with the node and the socket cookie is the identity of one end.
 */
const endpoint = (side: Side): string =>
  `coalesce(${side}_nat_addr, ${side}_addr, '') || ' ' || CAST(coalesce(${side}_nat_port, ${side}_port, -1) AS varchar)`;
const localKey = `CASE WHEN reporter = 'src' THEN ${endpoint('src')} ELSE ${endpoint('dst')} END`;
/** A failed attempt is one row, and a program may try again on the same socket. */
const attemptKey = `CASE WHEN report = 'failed' THEN ring_id || ' ' || CAST(flow_number AS varchar) ELSE '' END`;

/** The only type name in these expressions that engines spell differently. */
export const inDialect = (sql: string, dialect: Dialect): string =>
  sql.replaceAll('AS varchar)', `AS ${dialect.type('string')})`);

/** What makes a row part of one end's account of one connection: columns for the table `flows`. */
export const END_KEY_OF_ROW: readonly (readonly [name: string, expression: string])[] = [
  ['reporter_node', 'reporter_node'],
  ['connection_id', 'coalesce(connection_id, -1)'],
  ['attempt_key', attemptKey],
  ['local_key', localKey],
];

/** Counters that add up over the rows of a connection. */
export const DELTA_COLUMNS = [
  'retransmitted_segments',
  'retransmitted_bytes',
  'lost_segments',
  'reordering_events',
  'out_of_order_segments',
  'rto_timeouts',
  'busy_us',
  'rwnd_limited_us',
  'sndbuf_limited_us',
] as const;

/** Counters with a direction. */
export const DIRECTED_COLUMNS = ['bytes', 'segments'] as const;

const ownerNames = (side: Side): string[] => OWNER_COLUMNS.map((name) => `${side}_${name}`);

/**
 * Addresses that mean something on one machine only are kept apart by machine, and loopback by who listens there; others
 * by the network of the reporting end.
 */
const scopeKey =
  `CASE WHEN src_addr_scope = 'loopback' THEN 'loopback ' || reporter_node || ' ' || coalesce(dst_instance_uid, '') ` +
  `ELSE coalesce(CASE WHEN reporter = 'src' THEN src_network ELSE dst_network END, src_network, dst_network, '') END`;

/** One row an end and connection: interim rows folded, the owners from the row that knows the far end best. */
function mergedSql(): string {
  const picked = [...ownerNames('src'), ...ownerNames('dst'), 'dst_service', 'dst_service_namespace'];
  const once = ['protocol', 'src_addr_scope', 'dst_addr_scope', 'process_name', 'process_pid', 'container_id'];
  return `SELECT
${columns([
  'reporter_node',
  'connection_id_key AS connection_id',
  'attempt_key',
  'local_key',
  'reporter',
  'src_addr',
  'src_port',
  'dst_addr',
  'dst_port',
  'src_key',
  'dst_key',
  'min(role_method) AS role_method',
  'bool_or(seeded) AS seeded',
  'bool_or(peer_reports) AS peer_reports',
  "bool_or(report <> 'interim') AS finished",
  'count(*) AS row_count',
  'CAST(sum(connection_count) AS bigint) AS connection_count',
  'min(connection_start_time) AS connection_start_time',
  'min(start_time) AS first_seen',
  'max(end_time) AS last_seen',
  'max(duration_us) AS duration_us',
  "coalesce(max(CASE WHEN report <> 'interim' THEN outcome END), 'open') AS outcome",
  "max(CASE WHEN report <> 'interim' THEN error END) AS error",
  'max(CASE WHEN pick = 1 THEN scope_key END) AS scope_key',
  ...picked.map((name) => `max(CASE WHEN pick = 1 THEN ${name} END) AS ${name}`),
  ...once.map((name) => `max(${name}) AS ${name}`),
  ...DIRECTED_COLUMNS.flatMap((name) =>
    SIDES.map((side) => `CAST(sum(${name}_to_${side}) AS bigint) AS ${name}_to_${side}`),
  ),
  ...DELTA_COLUMNS.map((name) => `CAST(sum(${name}) AS bigint) AS ${name}`),
  'max_by(rtt_us, end_time) FILTER (WHERE rtt_us IS NOT NULL) AS rtt_us',
  'min(rtt_min_us) AS rtt_min_us',
  'max(connect_us) AS connect_us',
])}
FROM numbered
GROUP BY reporter_node, connection_id_key, attempt_key, local_key, reporter, src_addr, src_port, dst_addr, dst_port, src_key, dst_key`;
}

/** `reset_by_src` seen from the other side. */
const flippedOutcome =
  "CASE WHEN flipped AND outcome = 'reset_by_src' THEN 'reset_by_dst' " +
  "WHEN flipped AND outcome = 'reset_by_dst' THEN 'reset_by_src' ELSE outcome END";

const turned = (side: Side, name: string): string =>
  `CASE WHEN flipped THEN ${otherSide(side)}_${name} ELSE ${side}_${name} END AS ${side}_${name}`;

function finalSql(): string {
  const endColumns = ['addr', 'port', 'addr_scope', ...OWNER_COLUMNS];
  return `SELECT
${columns([
  'tuple_key',
  'tuple_number',
  'reporter_node',
  'connection_id',
  'attempt_key',
  'local_key',
  'flipped',
  "CASE WHEN flipped AND reporter = 'src' THEN 'dst' WHEN flipped THEN 'src' ELSE reporter END AS reporter",
  'role_method',
  'seeded',
  'peer_reports',
  'finished',
  'row_count',
  'connection_count',
  'connection_start_time',
  'first_seen',
  'last_seen',
  'duration_us',
  `${flippedOutcome} AS outcome`,
  'error',
  'protocol',
  ...SIDES.flatMap((side) => endColumns.map((name) => turned(side, name))),
  'CASE WHEN flipped THEN NULL ELSE dst_service END AS dst_service',
  'CASE WHEN flipped THEN NULL ELSE dst_service_namespace END AS dst_service_namespace',
  ...DIRECTED_COLUMNS.flatMap((name) =>
    SIDES.map(
      (side) =>
        `CASE WHEN flipped THEN ${name}_to_${otherSide(side)} ELSE ${name}_to_${side} END AS ${name}_to_${side}`,
    ),
  ),
  ...DELTA_COLUMNS,
  'rtt_us',
  'rtt_min_us',
  'connect_us',
  'process_name',
  'process_pid',
  'container_id',
])}
FROM oriented`;
}

/**
 * Pairing without a self-join: of one tuple, the ends in the order of their beginning; an end belongs to the one before it
 * when that is the other end, still lived a second ago (clocks differ), and is nearer than the one after. At most two ends
 * make a connection, also where the tuple is used again at once.
 */
export const connectionEnds: View = {
  name: 'connection_ends',
  doc: "One end's account of one connection, its interim rows folded; (tuple_key, tuple_number) is shared by both ends.",
  sql(dialect: Dialect): string {
    const byTuple = 'PARTITION BY tuple_key ORDER BY begun, last_seen, local_key, reporter_node, connection_id';
    const text = `WITH keyed AS (
SELECT flows.*,
  coalesce(connection_id, -1) AS connection_id_key,
  ${attemptKey} AS attempt_key,
  ${localKey} AS local_key,
  ${endpoint('src')} AS src_key,
  ${endpoint('dst')} AS dst_key,
  ${scopeKey} AS scope_key
FROM flows WHERE report <> 'merged'
), numbered AS (
SELECT keyed.*, row_number() OVER (
  PARTITION BY reporter_node, connection_id_key, attempt_key, local_key, reporter, src_key, dst_key
  ORDER BY ${knowledge('src_method')} + ${knowledge('dst_method')} DESC, end_time DESC, flow_number DESC) AS pick
FROM keyed
), merged AS (
${mergedSql()}
), placed AS (
SELECT merged.*,
  scope_key || ' ' || CASE WHEN src_key >= dst_key THEN src_key || ' ' || dst_key ELSE dst_key || ' ' || src_key END AS tuple_key,
  coalesce(connection_start_time, first_seen) AS begun
FROM merged
), spaced AS (
SELECT placed.*,
  CASE WHEN lag(local_key) OVER (${byTuple}) <> local_key
    AND lag(last_seen) OVER (${byTuple}) + INTERVAL '1' SECOND >= begun
    THEN begun - lag(begun) OVER (${byTuple}) END AS gap
FROM placed
), joined AS (
SELECT spaced.*,
  CASE WHEN gap IS NOT NULL
    AND (lag(gap) OVER (${byTuple}) IS NULL OR gap < lag(gap) OVER (${byTuple}))
    AND (lead(gap) OVER (${byTuple}) IS NULL OR gap <= lead(gap) OVER (${byTuple}))
    THEN 0 ELSE 1 END AS first_of_connection
FROM spaced
), told AS (
SELECT joined.*,
  CAST(sum(first_of_connection) OVER (${byTuple} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS bigint) AS tuple_number
FROM joined
), oriented AS (
SELECT told.*,
  src_key <> first_value(src_key) OVER (
    PARTITION BY tuple_key, tuple_number ORDER BY role_method, begun, local_key
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS flipped
FROM told
)
${finalSql()}`;
    return inDialect(text, dialect);
  },
};
