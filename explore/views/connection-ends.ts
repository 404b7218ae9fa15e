import type { Dialect } from './dialect.ts';
import { columns, knowledge, otherSide, OWNER_COLUMNS, type Side, SIDES, type View } from './view.ts';

const endpointText = (addr: string, port: string): string =>
  `coalesce(${addr}, '') || ' ' || CAST(coalesce(${port}, -1) AS varchar)`;
const own = (side: Side): string => endpointText(`${side}_addr`, `${side}_port`);
/**
 * The endpoint strings that both ends of a connection agree on, whatever each holds for its role: those behind a
 * translation, as the called end's socket has them. `localKey` with the node and the socket cookie is the identity of one
 * end: all its rows have it, also those from before the translation was known.
 */
const endpoint = (side: Side): string =>
  `CASE WHEN ${side}_nat_addr IS NULL OR (reporter = 'dst' AND role_method <> 'unknown') THEN ${own(side)} ` +
  `ELSE ${endpointText(`${side}_nat_addr`, `coalesce(${side}_nat_port, ${side}_port)`)} END`;
const localKey = `CASE WHEN reporter = 'src' THEN ${own('src')} ELSE ${own('dst')} END`;
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

const NAT_COLUMNS = SIDES.flatMap((side) => [`${side}_nat_addr`, `${side}_nat_port`]);

/** The columns of a row that an account is made of. */
const KEPT = [
  'reporter_node',
  'reporter',
  'report',
  'flow_number',
  'src_addr',
  'src_port',
  'dst_addr',
  'dst_port',
  ...NAT_COLUMNS,
  'nat_source',
  'role_method',
  'seeded',
  'peer_reports',
  'connection_count',
  'connection_start_time',
  'start_time',
  'end_time',
  'duration_us',
  'outcome',
  'error',
  ...ownerNames('src'),
  ...ownerNames('dst'),
  'dst_service',
  'dst_service_namespace',
  'protocol',
  'src_addr_scope',
  'dst_addr_scope',
  'process_name',
  'process_pid',
  'container_id',
  ...DIRECTED_COLUMNS.flatMap((name) => SIDES.map((side) => `${name}_to_${side}`)),
  ...DELTA_COLUMNS,
  'rtt_us',
  'rtt_min_us',
  'connect_us',
];

/** What identifies an end's account. */
const IDENTITY = [
  'reporter_node',
  'connection_id',
  'attempt_key',
  'local_key',
  'reporter',
  'src_addr',
  'src_port',
  'dst_addr',
  'dst_port',
];

/** The endpoints of an account: as a row has them that knows of the translation, where one does. */
const foldedKey = (side: Side): string =>
  `coalesce(max(CASE WHEN nat_source IS NOT NULL THEN ${side}_key END), max(${side}_key)) AS ${side}_key`;
const KEYS = SIDES.map((side) => `${side}_key`);

/** name, from several rows of one end, from the only row. */
type Account = readonly [name: string, folded: string, single: string];

const best = (name: string): Account => [name, `max(CASE WHEN pick = 1 THEN ${name} END)`, name];
const added = (name: string): Account => [name, `CAST(sum(${name}) AS bigint)`, name];
const aggregated = (name: string, by: 'min' | 'max' | 'bool_or'): Account => [name, `${by}(${name})`, name];

const ACCOUNT: readonly Account[] = [
  aggregated('role_method', 'min'),
  aggregated('seeded', 'bool_or'),
  aggregated('peer_reports', 'bool_or'),
  ['finished', "bool_or(report <> 'interim')", 'true'],
  ['row_count', 'count(*)', 'CAST(1 AS bigint)'],
  added('connection_count'),
  aggregated('connection_start_time', 'min'),
  ['first_seen', 'min(start_time)', 'start_time'],
  ['last_seen', 'max(end_time)', 'end_time'],
  aggregated('duration_us', 'max'),
  ['outcome', "coalesce(max(CASE WHEN report <> 'interim' THEN outcome END), 'open')", 'outcome'],
  ['error', "max(CASE WHEN report <> 'interim' THEN error END)", 'error'],
  best('scope_key'),
  ...[...ownerNames('src'), ...ownerNames('dst'), 'dst_service', 'dst_service_namespace'].map(best),
  ...[...NAT_COLUMNS, 'nat_source'].map((name) => aggregated(name, 'max')),
  ...['protocol', 'src_addr_scope', 'dst_addr_scope', 'process_name', 'process_pid', 'container_id'].map((name) =>
    aggregated(name, 'max'),
  ),
  ...DIRECTED_COLUMNS.flatMap((name) => SIDES.map((side) => added(`${name}_to_${side}`))),
  ...DELTA_COLUMNS.map(added),
  ['rtt_us', 'max_by(rtt_us, end_time) FILTER (WHERE rtt_us IS NOT NULL)', 'rtt_us'],
  aggregated('rtt_min_us', 'min'),
  aggregated('connect_us', 'max'),
];

/**
 * A row that covers its connection from the beginning to the end is the only one of its end: most are, and need no folding.
 * The kernel moves a connection's baseline with each interim row, so that a final row after one begins later.
 */
const ONLY_ROW = "(report = 'failed' OR (report = 'final' AND coalesce(start_time = connection_start_time, false)))";

/** Written out twice rather than named once: an engine would keep a named one in memory, with all its columns. */
const keyedSql = (where: string): string => `SELECT
${columns([
  ...KEPT,
  'coalesce(connection_id, -1) AS connection_id',
  `${attemptKey} AS attempt_key`,
  `${localKey} AS local_key`,
  `${endpoint('src')} AS src_key`,
  `${endpoint('dst')} AS dst_key`,
  `${scopeKey} AS scope_key`,
])}
FROM flows WHERE report <> 'merged' AND ${where}`;

/**
 * One row an end and connection: interim rows folded, the owners from the row that knows the far end best.
 * @param names the columns that are wanted besides the identity.
 */
function mergedSql(names: ReadonlySet<string>): string {
  const wanted = ACCOUNT.filter(([name]) => names.has(name));
  return `SELECT
${columns([...IDENTITY, ...SIDES.map(foldedKey), ...wanted.map(([name, folded]) => `${folded} AS ${name}`)])}
FROM (
SELECT keyed.*, row_number() OVER (
  PARTITION BY reporter_node, connection_id, attempt_key, local_key, reporter, src_addr, src_port, dst_addr, dst_port
  ORDER BY ${knowledge('src_method')} + ${knowledge('dst_method')} DESC, end_time DESC, flow_number DESC) AS pick
FROM (${keyedSql(`NOT ${ONLY_ROW}`)}) AS keyed
) AS numbered
GROUP BY ${IDENTITY.join(', ')}
UNION ALL
SELECT
${columns([...IDENTITY, ...KEYS, ...wanted.map(([name, , single]) => (name === single ? name : `${single} AS ${name}`))])}
FROM (${keyedSql(ONLY_ROW)}) AS keyed`;
}

/** What pairing looks at. */
const NARROW: ReadonlySet<string> = new Set([
  'role_method',
  'connection_start_time',
  'first_seen',
  'last_seen',
  'scope_key',
]);
const WIDE: ReadonlySet<string> = new Set(ACCOUNT.map(([name]) => name).filter((name) => name !== 'scope_key'));

/** `reset_by_src` seen from the other side. */
const flippedOutcome =
  "CASE WHEN flipped AND outcome = 'reset_by_src' THEN 'reset_by_dst' " +
  "WHEN flipped AND outcome = 'reset_by_dst' THEN 'reset_by_src' ELSE outcome END";

const turned = (side: Side, name: string): string =>
  `CASE WHEN flipped THEN ${otherSide(side)}_${name} ELSE ${side}_${name} END AS ${side}_${name}`;

function finalSql(): string {
  const endColumns = ['addr', 'port', 'addr_scope', 'nat_addr', 'nat_port', ...OWNER_COLUMNS];
  return `SELECT
${columns([
  'tuple_key',
  'tuple_number',
  'a.reporter_node',
  'a.connection_id',
  'a.attempt_key',
  'a.local_key',
  'flipped',
  "CASE WHEN flipped AND reporter = 'src' THEN 'dst' WHEN flipped THEN 'src' ELSE reporter END AS reporter",
  'a.role_method',
  'seeded',
  'peer_reports',
  'finished',
  'row_count',
  'connection_count',
  'connection_start_time',
  'first_seen',
  'a.last_seen',
  'duration_us',
  `${flippedOutcome} AS outcome`,
  'error',
  'protocol',
  'nat_source',
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
FROM (
${mergedSql(WIDE)}
) AS a
JOIN oriented ON oriented.reporter_node = a.reporter_node AND oriented.connection_id = a.connection_id
  AND oriented.local_key = a.local_key AND oriented.attempt_key = a.attempt_key AND oriented.own_src_key = a.src_key`;
}

const tupleKey = (scope: string, a: string, b: string): string =>
  `${scope} || ' ' || CASE WHEN ${a} >= ${b} THEN ${a} || ' ' || ${b} ELSE ${b} || ' ' || ${a} END`;
/** What the end that called has, as the called end knows it. */
const asked = (side: Side): string =>
  endpointText(`coalesce(${side}_nat_addr, ${side}_addr)`, `coalesce(${side}_nat_port, ${side}_port)`);

/**
 * Where only the called end's node knows of the translation (a node's port, a load balancer there), its rows say what the
 * caller's have. Addresses and ports that led to several ends are left out.
 */
const BRIDGES = `SELECT asked_key, max(src_key) AS src_key, max(tuple_key) AS tuple_key
FROM (
SELECT ${tupleKey(scopeKey, asked('src'), asked('dst'))} AS asked_key,
  ${own('src')} AS src_key,
  ${tupleKey(scopeKey, own('src'), own('dst'))} AS tuple_key
FROM flows
WHERE nat_source IS NOT NULL AND reporter = 'dst' AND role_method <> 'unknown' AND report <> 'merged'
) AS served
GROUP BY asked_key
HAVING min(tuple_key) = max(tuple_key) AND min(src_key) = max(src_key)`;

/**
 * Pairing without a self-join, and with the few columns that it looks at: of one tuple, the ends in the order of their
 * beginning; an end belongs to the one before it when that is the other end, still lived a second ago (clocks differ),
 * and is nearer than the one after. At most two ends make a connection, also where the tuple is used again at once.
 */
export const connectionEnds: View = {
  name: 'connection_ends',
  doc: "One end's account of one connection, its interim rows folded; (tuple_key, tuple_number) is shared by both ends.",
  sql(dialect: Dialect): string {
    const byTuple = 'PARTITION BY tuple_key ORDER BY begun, last_seen, local_key, reporter_node, connection_id';
    const text = `WITH bridges AS (
${BRIDGES}
), placed AS (
SELECT reporter_node, connection_id, attempt_key, local_key, role_method, last_seen, merged.src_key AS own_src_key,
  coalesce(bridges.src_key, merged.src_key) AS src_key,
  coalesce(bridges.tuple_key, merged.tuple_key) AS tuple_key,
  coalesce(connection_start_time, first_seen) AS begun
FROM (
SELECT unplaced.*, ${tupleKey('scope_key', 'src_key', 'dst_key')} AS tuple_key
FROM (
${mergedSql(NARROW)}
) AS unplaced
) AS merged
LEFT JOIN bridges ON bridges.asked_key = merged.tuple_key AND merged.reporter = 'src' AND merged.role_method <> 'unknown'
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
