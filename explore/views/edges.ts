import { END_KEY_OF_ROW, inDialect } from './connection-ends.ts';
import { PICKED } from './connections.ts';
import type { Dialect } from './dialect.ts';
import { columns, type Side, SIDES, type View } from './view.ts';

/** What names an end of an edge. An end without an owner is its address where that says something: outside. */
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

const picked = (side: Side): string[] =>
  END.map((name) => `max(CASE WHEN pick_${side} = 1 THEN ${side}_${name} END) AS ${side}_${name}`);

/** From the connection where the row belongs to one, else (merged) from the row itself. */
const best = (side: Side): string[] => [
  ...END.map(
    (name) =>
      `CASE WHEN ends.local_key IS NULL THEN r.${side}_${name} ELSE owners.${side}_${name} END AS ${side}_${name}`,
  ),
  `CASE WHEN coalesce(ends.flipped, false) THEN r.${side === 'src' ? 'dst' : 'src'}_addr_scope ELSE r.${side}_addr_scope END AS ${side}_addr_scope`,
];

const turn = (name: string, side: Side): string => {
  const other = side === 'src' ? 'dst' : 'src';
  return `CASE WHEN coalesce(ends.flipped, false) THEN r.${name}_to_${other} ELSE r.${name}_to_${side} END AS ${name}_to_${side}`;
};

const sum = (of: string, where: string): string =>
  `CAST(coalesce(sum(CASE WHEN ${where} THEN ${of} END), 0) AS bigint)`;
const COUNTED = "(reporter = 'src' OR NOT peer_reports)";
/** Never established, or broken: what an operator calls a failure. `abandoned` is the program's own choice. */
export const FAILED_OUTCOMES = "('refused', 'timed_out', 'unreachable', 'other')";

const measures = (side: Side): string[] => [
  `${sum('retransmitted_segments', `reporter = '${side}'`)} AS ${side}_retransmitted_segments`,
  `${sum('rto_timeouts', `reporter = '${side}'`)} AS ${side}_rto_timeouts`,
  `${sum('busy_us', `reporter = '${side}'`)} AS ${side}_busy_us`,
  `${sum('rwnd_limited_us', `reporter = '${side}'`)} AS ${side}_rwnd_limited_us`,
  `${sum('sndbuf_limited_us', `reporter = '${side}'`)} AS ${side}_sndbuf_limited_us`,
  `CAST(avg(CASE WHEN reporter = '${side}' THEN rtt_us END) AS bigint) AS ${side}_rtt_us`,
];

export const edges: View = {
  name: 'edges',
  doc: "Who talked to whom in a minute (of the rows' end_time), workload to workload: each connection once, each end from the row that knows it best.",
  sql(dialect: Dialect): string {
    const group = [
      'minute',
      ...SIDES.flatMap((side) => [...END, 'addr_scope'].map((n) => `${side}_${n}`)),
      'dst_service',
      'dst_service_namespace',
      'dst_port',
    ];
    const text = `WITH picked AS (
${PICKED}
), owners AS (
SELECT
${columns(['tuple_key', 'tuple_number', ...SIDES.flatMap(picked)])}
FROM picked GROUP BY tuple_key, tuple_number
), rows_keyed AS (
SELECT flows.*, ${END_KEY_OF_ROW.map(([name, expression]) => `${expression} AS end_${name}`).join(', ')}
FROM flows
), oriented AS (
SELECT
${columns([
  "date_trunc('minute', r.end_time) AS minute",
  ...SIDES.flatMap(best),
  'CASE WHEN coalesce(ends.flipped, false) THEN NULL ELSE r.dst_service END AS dst_service',
  'CASE WHEN coalesce(ends.flipped, false) THEN NULL ELSE r.dst_service_namespace END AS dst_service_namespace',
  'CASE WHEN coalesce(ends.flipped, false) THEN r.src_port ELSE r.dst_port END AS dst_port',
  'coalesce(ends.reporter, r.reporter) AS reporter',
  'r.peer_reports AS peer_reports',
  'r.connection_count AS connection_count',
  "CASE WHEN r.report = 'interim' THEN 'open' ELSE coalesce(ends.outcome, r.outcome) END AS outcome",
  ...SIDES.flatMap((side) => [turn('bytes', side), turn('segments', side)]),
  'r.retransmitted_segments AS retransmitted_segments',
  'r.rto_timeouts AS rto_timeouts',
  'r.busy_us AS busy_us',
  'r.rwnd_limited_us AS rwnd_limited_us',
  'r.sndbuf_limited_us AS sndbuf_limited_us',
  'r.rtt_us AS rtt_us',
  'r.connect_us AS connect_us',
])}
FROM rows_keyed r
LEFT JOIN connection_ends ends ON r.report <> 'merged'
${END_KEY_OF_ROW.map(([name]) => `  AND ends.${name} = r.end_${name}`).join('\n')}
LEFT JOIN owners ON owners.tuple_key = ends.tuple_key AND owners.tuple_number = ends.tuple_number
)
SELECT
${columns([
  ...group,
  `${sum('connection_count', COUNTED)} AS connections`,
  `${sum('connection_count', `${COUNTED} AND outcome IN ${FAILED_OUTCOMES}`)} AS failed`,
  `${sum('connection_count', `${COUNTED} AND outcome IN ('reset_by_src', 'reset_by_dst')`)} AS resets`,
  ...SIDES.flatMap((side) => ['bytes', 'segments'].map((n) => `${sum(`${n}_to_${side}`, COUNTED)} AS ${n}_to_${side}`)),
  `CAST(avg(CASE WHEN ${COUNTED} THEN connect_us END) AS bigint) AS connect_us`,
  ...SIDES.flatMap(measures),
])}
FROM oriented
GROUP BY ${group.join(', ')}`;
    return inDialect(text, dialect);
  },
};
