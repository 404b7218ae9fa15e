import type { Dialect, Field } from './dialect.ts';
import { columns, type Side, type View } from './view.ts';

/** OCSF 1.9, class 4001: 2 Close, 3 Reset, 4 Fail, 5 Refuse, 6 Traffic. */
const ACTIVITY =
  "CASE WHEN report IN ('interim', 'merged') OR outcome = 'open' THEN 6 WHEN outcome = 'closed' THEN 2 " +
  "WHEN outcome IN ('reset_by_src', 'reset_by_dst') THEN 3 WHEN outcome = 'refused' THEN 5 ELSE 4 END";
const ACTIVITY_NAME =
  "CASE WHEN report IN ('interim', 'merged') OR outcome = 'open' THEN 'Traffic' WHEN outcome = 'closed' THEN 'Close' " +
  "WHEN outcome IN ('reset_by_src', 'reset_by_dst') THEN 'Reset' WHEN outcome = 'refused' THEN 'Refuse' ELSE 'Fail' END";
/** 4 Local, 0 Unknown, 3 Lateral (both ends are ours), 2 Outbound, 1 Inbound. */
const DIRECTION =
  "CASE WHEN src_addr_scope = 'loopback' THEN 4 WHEN role_method = 'unknown' THEN 0 " +
  "WHEN src_workload IS NOT NULL AND dst_workload IS NOT NULL THEN 3 WHEN reporter = 'src' THEN 2 ELSE 1 END";

const endpoint = (side: Side): Field[] => [
  ['ip', `${side}_addr`, 'string'],
  ['port', `${side}_port`, 'int'],
  ['hostname', `${side}_node`, 'string'],
  ['zone', `${side}_availability_zone`, 'string'],
  ['vpc_uid', `${side}_vpc_id`, 'string'],
  ['subnet_uid', `${side}_subnet_id`, 'string'],
  ['svc_name', side === 'dst' ? 'dst_service' : 'NULL', 'string'],
  ['name', `${side}_instance`, 'string'],
  ['uid', `${side}_instance_uid`, 'string'],
  ['location', [['country', `${side}_country`, 'string']]],
  [
    'autonomous_system',
    [
      ['number', `${side}_as_number`, 'bigint'],
      ['name', `${side}_as_org`, 'string'],
    ],
  ],
];

const unmapped = (side: Side): Field[] =>
  ['network', 'cluster', 'namespace', 'workload', 'workload_kind', 'method', 'reason'].map((name) => [
    `${side}_${name}`,
    `${side}_${name}`,
    'string',
  ]);

export const ocsfNetworkActivity: View = {
  name: 'ocsf_network_activity',
  doc: "One end's report as an OCSF Network Activity event (class 4001); times in milliseconds since 1970.",
  sql(d: Dialect): string {
    const int = (e: string): string => `CAST(${e} AS ${d.type('int')})`;
    return `SELECT
${columns([
  `${int('4')} AS category_uid`,
  "'Network Activity' AS category_name",
  `${int('4001')} AS class_uid`,
  "'Network Activity' AS class_name",
  `${int(ACTIVITY)} AS activity_id`,
  `${ACTIVITY_NAME} AS activity_name`,
  `CAST(400100 + ${ACTIVITY} AS ${d.type('bigint')}) AS type_uid`,
  `${int('1')} AS severity_id`,
  `${int("CASE WHEN report = 'failed' THEN 2 ELSE 1 END")} AS status_id`,
  'error AS status_code',
  `${d.epochMs('end_time')} AS time`,
  `${d.epochMs('start_time')} AS start_time`,
  `${d.epochMs('end_time')} AS end_time`,
  `${d.epochMs('end_time')} - ${d.epochMs('start_time')} AS duration`,
  `${d.struct([
    ['version', "'1.9.0'", 'string'],
    [
      'product',
      [
        ['vendor_name', "'Weir'", 'string'],
        ['name', "'Weir'", 'string'],
      ],
    ],
    ['log_name', 'ring_id', 'string'],
    ['sequence', 'flow_number', 'bigint'],
    ['logged_time', d.epochMs('arrival_time'), 'bigint'],
  ])} AS metadata`,
  `${d.struct(endpoint('src'))} AS src_endpoint`,
  `${d.struct(endpoint('dst'))} AS dst_endpoint`,
  `${d.struct([
    ['uid', `CAST(connection_id AS ${d.type('string')})`, 'string'],
    ['protocol_num', 'protocol', 'int'],
    ['protocol_name', "'tcp'", 'string'],
    ['protocol_ver_id', "CASE WHEN src_addr LIKE '%:%' THEN 6 ELSE 4 END", 'int'],
    ['direction_id', DIRECTION, 'int'],
  ])} AS connection_info`,
  `${d.struct([
    ['bytes_out', 'bytes_to_dst', 'bigint'],
    ['bytes_in', 'bytes_to_src', 'bigint'],
    ['bytes', 'bytes_to_dst + bytes_to_src', 'bigint'],
    ['packets_out', 'segments_to_dst', 'bigint'],
    ['packets_in', 'segments_to_src', 'bigint'],
    ['packets', 'segments_to_dst + segments_to_src', 'bigint'],
  ])} AS traffic`,
  `${int("CASE WHEN reporter = 'src' THEN 1 ELSE 2 END")} AS observation_point_id`,
  "role_method <> 'unknown' AS is_src_dst_assignment_known",
  `${d.struct([
    ...unmapped('src'),
    ...unmapped('dst'),
    ['outcome', 'outcome', 'string'],
    ['connection_count', 'connection_count', 'bigint'],
    ['peer_reports', 'peer_reports', 'boolean'],
    ['retransmitted_segments', 'retransmitted_segments', 'bigint'],
    ['rtt_us', 'rtt_us', 'int'],
    ['connect_us', 'connect_us', 'int'],
  ])} AS unmapped`,
  'dt',
  d.quote('hour'),
])}
FROM flows`;
  },
};
