import { END_KEY_OF_ROW, inDialect } from './connection-ends.ts';
import { JOINED, joinedColumns, ROWS_OF_END } from './connections.ts';
import type { Dialect } from './dialect.ts';
import { columns, otherSide, type Side, SIDES, type View } from './view.ts';

/** What names an end of an edge: its owner, or where its address lies. */
const END = [
  'network',
  'cluster',
  'namespace',
  'workload',
  'workload_kind',
  'availability_zone',
  'country',
  'as_org',
  'method',
  'reason',
];
/** What each end's kernel counts of its own. */
const OWN = ['retransmitted_segments', 'rto_timeouts', 'busy_us', 'rwnd_limited_us', 'sndbuf_limited_us', 'rtt_us'];
const DIRECTED = ['bytes', 'segments'].flatMap((name) => SIDES.map((side) => [name, side] as const));

const of = (names: readonly string[]): string[] => SIDES.flatMap((side) => names.map((name) => `${side}_${name}`));
const KEY = [...of([...END, 'addr_scope']), 'dst_service', 'dst_service_namespace', 'dst_port'];
const REST = [
  'counted',
  'connection_count',
  'outcome',
  ...DIRECTED.map(([name, side]) => `${name}_to_${side}`),
  'connect_us',
  ...of(OWN),
];

const byReporter = (reporter: string): string[] =>
  SIDES.flatMap((side) => OWN.map((name) => `CASE WHEN ${reporter} = '${side}' THEN r.${name} END AS ${side}_${name}`));

/** Connections whose ends have one row each, nearly all: as the view `connections` has them, in the minute of their end. */
const WHOLE = `SELECT
${columns(['CASE WHEN s.tuple_key IS NOT NULL THEN s.last_seen ELSE d.last_seen END AS told_at', ...joinedColumns([...KEY, ...REST])])}
${JOINED}
WHERE ${ROWS_OF_END} = 1`;

const turn = (name: string, side: Side): string =>
  `CASE WHEN ends.flipped THEN r.${name}_to_${otherSide(side)} ELSE r.${name}_to_${side} END AS ${name}_to_${side}`;

/** Long connections, row by row: each in its own minute, with the owners of the connection. */
const LONG = `SELECT
${columns([
  'r.end_time AS told_at',
  ...of([...END, 'addr_scope']).map((name) => `owners.${name} AS ${name}`),
  'owners.dst_service AS dst_service',
  'owners.dst_service_namespace AS dst_service_namespace',
  'owners.dst_port AS dst_port',
  "(ends.reporter = 'src' OR NOT r.peer_reports) AS counted",
  'r.connection_count AS connection_count',
  "CASE WHEN r.report = 'interim' THEN 'open' ELSE ends.outcome END AS outcome",
  ...DIRECTED.map(([name, side]) => turn(name, side)),
  'r.connect_us AS connect_us',
  ...byReporter('ends.reporter'),
])}
FROM (
SELECT
${columns(['coalesce(s.tuple_key, d.tuple_key) AS tuple_key', 'coalesce(s.tuple_number, d.tuple_number) AS tuple_number', ...joinedColumns(KEY)])}
${JOINED}
WHERE ${ROWS_OF_END} > 1
) AS owners
JOIN connection_ends AS ends ON ends.tuple_key = owners.tuple_key AND ends.tuple_number = owners.tuple_number
JOIN (
SELECT flows.*, ${END_KEY_OF_ROW.map(([name, expression]) => `${expression} AS end_${name}`).join(', ')}
FROM flows WHERE report <> 'merged'
) AS r ON ${END_KEY_OF_ROW.map(([name]) => `r.end_${name} = ends.${name}`).join(' AND ')}`;

/** Rows merged under overload, as they are. */
const MERGED = `SELECT
${columns([
  'r.end_time AS told_at',
  ...KEY.map((name) => `r.${name} AS ${name}`),
  "(r.reporter = 'src' OR NOT r.peer_reports) AS counted",
  'r.connection_count AS connection_count',
  'r.outcome AS outcome',
  ...DIRECTED.map(([name, side]) => `r.${name}_to_${side} AS ${name}_to_${side}`),
  'r.connect_us AS connect_us',
  ...byReporter('r.reporter'),
])}
FROM flows AS r WHERE r.report = 'merged'`;

/** The branches of a UNION go by position. */
const inOrder = (sql: string): string => `SELECT ${['told_at', ...KEY, ...REST].join(', ')} FROM (
${sql}
) AS told`;

const sum = (of_: string, where: string): string =>
  `CAST(coalesce(sum(CASE WHEN ${where} THEN ${of_} END), 0) AS bigint)`;
/** What an operator calls a failure: never established, or timed out. `abandoned` is the program's own choice. */
const FAILED_OUTCOMES = "('refused', 'timed_out', 'unreachable', 'other')";

export const edges: View = {
  name: 'edges',
  doc: "Who talked to whom in a minute (of the rows' end_time), workload to workload: each connection once, each end from the row that knows it best.",
  sql(dialect: Dialect): string {
    const counts = OWN.filter((name) => name !== 'rtt_us');
    const text = `SELECT
${columns([
  "date_trunc('minute', told_at) AS minute",
  ...KEY,
  `${sum('connection_count', 'counted')} AS connections`,
  `${sum('connection_count', `counted AND outcome IN ${FAILED_OUTCOMES}`)} AS failed`,
  `${sum('connection_count', "counted AND outcome IN ('reset_by_src', 'reset_by_dst')")} AS resets`,
  ...DIRECTED.map(([name, side]) => `${sum(`${name}_to_${side}`, 'counted')} AS ${name}_to_${side}`),
  'CAST(avg(CASE WHEN counted THEN connect_us END) AS bigint) AS connect_us',
  ...of(counts).map((name) => `CAST(coalesce(sum(${name}), 0) AS bigint) AS ${name}`),
  ...of(['rtt_us']).map((name) => `CAST(avg(${name}) AS bigint) AS ${name}`),
])}
FROM (
${[WHOLE, LONG, MERGED].map(inOrder).join('\nUNION ALL\n')}
) AS told
GROUP BY date_trunc('minute', told_at), ${KEY.join(', ')}`;
    return inDialect(text, dialect);
  },
};
