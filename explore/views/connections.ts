import { DELTA_COLUMNS, DIRECTED_COLUMNS } from './connection-ends.ts';
import type { Dialect } from './dialect.ts';
import { columns, knowledge, OWNER_COLUMNS, type Side, SIDES, type View } from './view.ts';

/** name, from the two ends, from a merged row. */
type Column = readonly [name: string, joined: string, merged: string];

const same = (name: string, of = 'pick_end'): Column => [name, `max(CASE WHEN ${of} = 1 THEN ${name} END)`, name];

/** Of an end, what its own kernel counts: a retransmission is the sender's. */
function ofEnd(side: Side): Column[] {
  const own = (name: string, of: string): Column => [
    `${side}_${name}`,
    `max(CASE WHEN reporter = '${side}' THEN ${of} END)`,
    `CASE WHEN reporter = '${side}' THEN ${of} END`,
  ];
  return [
    own('outcome', 'outcome'),
    ...DELTA_COLUMNS.map((name) => own(name, name)),
    own('rtt_us', 'rtt_us'),
    own('rtt_min_us', 'rtt_min_us'),
    own('process_name', 'process_name'),
    own('process_pid', 'process_pid'),
    own('reporter_node', 'reporter_node'),
    own('connection_id', 'connection_id'),
  ];
}

const endOf = (side: Side): Column[] => [
  same(`${side}_addr`),
  same(`${side}_port`),
  same(`${side}_addr_scope`),
  ...OWNER_COLUMNS.map((name) => same(`${side}_${name}`, `pick_${side}`)),
];

const COLUMNS: readonly Column[] = [
  ['start_time', 'min(coalesce(connection_start_time, first_seen))', 'start_time'],
  ['end_time', 'max(last_seen)', 'end_time'],
  ['connection_start_time', 'min(connection_start_time)', 'connection_start_time'],
  ['duration_us', 'max(duration_us)', 'duration_us'],
  [
    'outcome',
    "coalesce(max(CASE WHEN finished AND reporter = 'src' THEN outcome END), max(CASE WHEN finished THEN outcome END), 'open')",
    'outcome',
  ],
  [
    'error',
    "coalesce(max(CASE WHEN finished AND reporter = 'src' THEN error END), max(CASE WHEN finished THEN error END))",
    'error',
  ],
  ['connection_count', 'max(connection_count)', 'connection_count'],
  ['reported_by', "CASE WHEN count(*) > 1 THEN 'both' ELSE max(reporter) END", 'reporter'],
  ['counted', "bool_or(reporter = 'src' OR NOT peer_reports)", "(reporter = 'src' OR NOT peer_reports)"],
  ['merged', 'false', 'true'],
  ['role_method', 'min(role_method)', 'role_method'],
  ['seeded', 'bool_or(seeded)', 'seeded'],
  ['protocol', 'max(protocol)', 'protocol'],
  ...SIDES.flatMap(endOf),
  ['dst_service', 'max(dst_service)', 'dst_service'],
  ['dst_service_namespace', 'max(dst_service_namespace)', 'dst_service_namespace'],
  ...DIRECTED_COLUMNS.flatMap((name) => SIDES.map((side) => same(`${name}_to_${side}`))),
  ['connect_us', "coalesce(max(CASE WHEN reporter = 'src' THEN connect_us END), max(connect_us))", 'connect_us'],
  ...SIDES.flatMap(ofEnd),
];

/** Some of the view's columns, as they come from the rows of `PICKED` grouped by connection. */
export const joinedColumns = (names: readonly string[]): string[] =>
  COLUMNS.filter(([name]) => names.includes(name)).map(([name, joined]) => `${joined} AS ${name}`);

/** The best row for one side: who knows it best, then the side's own. */
const pick = (side: Side): string =>
  `row_number() OVER (PARTITION BY tuple_key, tuple_number ORDER BY ${knowledge(`${side}_method`)} DESC, ` +
  `CASE WHEN reporter = '${side}' THEN 0 ELSE 1 END) AS pick_${side}`;

/** Rows of `connection_ends` with the order in which they are believed: `pick_src`, `pick_dst`, and `pick_end` for the counts. */
export const PICKED: string = `SELECT connection_ends.*,
  ${pick('src')},
  ${pick('dst')},
  row_number() OVER (PARTITION BY tuple_key, tuple_number ORDER BY CASE WHEN reporter = 'src' THEN 0 ELSE 1 END) AS pick_end
FROM connection_ends`;

export const connections: View = {
  name: 'connections',
  doc: "A connection: both ends' rows joined, each end's owner from the row that knows it best, counts from src's row where there is one; rows merged under overload stand as they are.",
  sql(_dialect: Dialect): string {
    return `WITH picked AS (
${PICKED}
)
SELECT
${columns(COLUMNS.map(([name, joined]) => (name === joined ? name : `${joined} AS ${name}`)))}
FROM picked
GROUP BY tuple_key, tuple_number
UNION ALL
SELECT
${columns(COLUMNS.map(([name, , merged]) => (name === merged ? name : `${merged} AS ${name}`)))}
FROM flows WHERE report = 'merged'`;
  },
};
