import { DELTA_COLUMNS, DIRECTED_COLUMNS } from './connection-ends.ts';
import { columns, knowledge, OWNER_COLUMNS, type Side, SIDES, type View } from './view.ts';

/** name, from the two ends `s` and `d` (one may be absent), from a merged row. */
type Column = readonly [name: string, joined: string, merged: string];

const HAS_SRC = 's.tuple_key IS NOT NULL';
/** From src's account where there is one. */
const told = (name: string): Column => [name, `CASE WHEN ${HAS_SRC} THEN s.${name} ELSE d.${name} END`, name];
/** `least` and `greatest` treat null differently from engine to engine. */
const lesser = (a: string, b: string): string => `CASE WHEN ${b} IS NULL OR ${a} <= ${b} THEN ${a} ELSE ${b} END`;
const greater = (a: string, b: string): string => `CASE WHEN ${b} IS NULL OR ${a} >= ${b} THEN ${a} ELSE ${b} END`;
const either = (name: string): Column => [name, `coalesce(s.${name}, d.${name})`, name];

/** Of an end, what its own kernel counts: a retransmission is the sender's. */
function ofEnd(side: Side): Column[] {
  const own = (name: string): Column => [
    `${side}_${name}`,
    `${side === 'src' ? 's' : 'd'}.${name}`,
    `CASE WHEN reporter = '${side}' THEN ${name} END`,
  ];
  return [
    'outcome',
    ...DELTA_COLUMNS,
    'rtt_us',
    'rtt_min_us',
    'process_name',
    'process_pid',
    'reporter_node',
    'connection_id',
  ].map(own);
}

/** The owner from the account that knows this side best; the side's own where both know as much. */
const SRC_BY_SRC = 'coalesce(s.src_knows, -1) >= coalesce(d.src_knows, -1)';
const DST_BY_DST = 'coalesce(d.dst_knows, -1) >= coalesce(s.dst_knows, -1)';
const best = (side: Side, name: string): string =>
  side === 'src'
    ? `CASE WHEN ${SRC_BY_SRC} THEN s.src_${name} ELSE d.src_${name} END`
    : `CASE WHEN ${DST_BY_DST} THEN d.dst_${name} ELSE s.dst_${name} END`;

const endOf = (side: Side): Column[] => [
  ...['addr', 'port', 'addr_scope'].map((name) => told(`${side}_${name}`)),
  ...OWNER_COLUMNS.map((name): Column => [`${side}_${name}`, best(side, name), `${side}_${name}`]),
];

const finished = (name: string, otherwise: string): string =>
  `coalesce(CASE WHEN s.finished THEN s.${name} END, CASE WHEN d.finished THEN d.${name} END${otherwise})`;

/**
 * What the called end's socket has in place of what the caller asked for: from the caller's row, or the called end's own
 * report where that differs.
 */
function natColumns(): Column[] {
  const isTold = (name: string): string => `d.${name} <> s.${name}`;
  const differs = ['src_addr', 'src_port', 'dst_addr', 'dst_port'].map(isTold).join(' OR ');
  const column = (side: Side, name: string): Column => [
    `${side}_nat_${name}`,
    `CASE WHEN ${HAS_SRC} THEN coalesce(s.${side}_nat_${name}, CASE WHEN ${isTold(`${side}_${name}`)} THEN d.${side}_${name} END) ELSE d.${side}_nat_${name} END`,
    `${side}_nat_${name}`,
  ];
  return [
    ...SIDES.flatMap((side) => ['addr', 'port'].map((name) => column(side, name))),
    [
      'nat_source',
      `CASE WHEN ${HAS_SRC} THEN coalesce(s.nat_source, CASE WHEN ${differs} THEN 'peer_report' END) ELSE d.nat_source END`,
      'nat_source',
    ],
  ];
}

const COLUMNS: readonly Column[] = [
  [
    'start_time',
    lesser('coalesce(s.connection_start_time, s.first_seen)', 'coalesce(d.connection_start_time, d.first_seen)'),
    'start_time',
  ],
  ['end_time', greater('s.last_seen', 'd.last_seen'), 'end_time'],
  ['connection_start_time', lesser('s.connection_start_time', 'd.connection_start_time'), 'connection_start_time'],
  ['duration_us', greater('s.duration_us', 'd.duration_us'), 'duration_us'],
  ['outcome', finished('outcome', ", 'open'"), 'outcome'],
  ['error', finished('error', ''), 'error'],
  ['connection_count', greater('s.connection_count', 'd.connection_count'), 'connection_count'],
  [
    'reported_by',
    "CASE WHEN s.tuple_key IS NULL THEN 'dst' WHEN d.tuple_key IS NULL THEN 'src' ELSE 'both' END",
    'reporter',
  ],
  ['counted', `(${HAS_SRC} OR NOT d.peer_reports)`, "(reporter = 'src' OR NOT peer_reports)"],
  ['merged', 'false', 'true'],
  ['role_method', lesser('s.role_method', 'd.role_method'), 'role_method'],
  ['seeded', '(coalesce(s.seeded, false) OR coalesce(d.seeded, false))', 'seeded'],
  either('protocol'),
  ...natColumns(),
  ...SIDES.flatMap(endOf),
  either('dst_service'),
  either('dst_service_namespace'),
  ...DIRECTED_COLUMNS.flatMap((name) => SIDES.map((side) => told(`${name}_to_${side}`))),
  either('connect_us'),
  ...SIDES.flatMap(ofEnd),
];

/** Some of the view's columns, from the ends that `JOINED` joins. */
export const joinedColumns = (names: readonly string[]): string[] =>
  COLUMNS.filter(([name]) => names.includes(name)).map(([name, joined]) => `${joined} AS ${name}`);

const ends = (side: Side): string =>
  `(SELECT connection_ends.*, ${knowledge('src_method')} AS src_knows, ${knowledge('dst_method')} AS dst_knows
FROM connection_ends WHERE reporter = '${side}')`;

/** A connection has at most one end that opened it and one that was opened: `s` and `d`. */
export const JOINED: string = `FROM ${ends('src')} AS s
FULL OUTER JOIN ${ends('dst')} AS d ON s.tuple_key = d.tuple_key AND s.tuple_number = d.tuple_number`;

/** The rows of the end that has more of them. */
export const ROWS_OF_END: string = `(${greater('s.row_count', 'd.row_count')})`;

export const connections: View = {
  name: 'connections',
  doc: "A connection: both ends' rows joined, each end's owner from the row that knows it best, counts from src's row where there is one; rows merged under overload stand as they are.",
  sql: () => `SELECT
${columns(joinedColumns(COLUMNS.map(([name]) => name)))}
${JOINED}
UNION ALL
SELECT
${columns(COLUMNS.map(([name, , merged]) => (name === merged ? name : `${merged} AS ${name}`)))}
FROM flows WHERE report = 'merged'`,
};
