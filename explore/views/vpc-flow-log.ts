import type { Dialect } from './dialect.ts';
import { columns, otherSide, type Side, SIDES, type View } from './view.ts';

/** The half of a row that goes to one side. The reporting end stands for AWS's interface. */
function direction(to: Side, dialect: Dialect): string {
  const from = otherSide(to);
  const own = (name: string): string => `CASE WHEN reporter = 'src' THEN src_${name} ELSE dst_${name} END`;
  const string = dialect.type('string');
  return `SELECT
${columns([
  'CAST(5 AS ' + dialect.type('int') + ') AS version',
  `${own('account_id')} AS account_id`,
  `CAST(NULL AS ${string}) AS interface_id`,
  `${from}_addr AS srcaddr`,
  `${to}_addr AS dstaddr`,
  `${from}_port AS srcport`,
  `${to}_port AS dstport`,
  'protocol',
  `segments_to_${to} AS packets`,
  `bytes_to_${to} AS bytes`,
  `${dialect.epochSeconds('start_time')} AS ${dialect.quote('start')}`,
  `${dialect.epochSeconds('end_time')} AS ${dialect.quote('end')}`,
  "'ACCEPT' AS action",
  "'OK' AS log_status",
  `${own('vpc_id')} AS vpc_id`,
  `${own('subnet_id')} AS subnet_id`,
  `${own('instance')} AS instance_id`,
  `CASE WHEN ${from}_addr LIKE '%:%' THEN 'IPv6' ELSE 'IPv4' END AS type`,
  `coalesce(${from}_nat_addr, ${from}_addr) AS pkt_srcaddr`,
  `coalesce(${to}_nat_addr, ${to}_addr) AS pkt_dstaddr`,
  `${own('availability_zone')} AS az_id`,
  `CASE WHEN reporter = '${from}' THEN 'egress' ELSE 'ingress' END AS flow_direction`,
  'reporter',
  'peer_reports',
  'dt',
  dialect.quote('hour'),
])}
FROM flows
WHERE segments_to_${to} > 0 OR bytes_to_${to} > 0`;
}

/**
 * As in AWS's logs both ends' interfaces tell of a connection; `reporter` and `peer_reports` are there to count it once.
 * action is always ACCEPT: what a firewall swallowed shows as a time-out of the connecting end, not as a rejection.
 */
export const vpcFlowLog: View = {
  name: 'vpc_flow_log',
  doc: "One direction of one end's report, in the names of AWS's VPC Flow Logs; times in seconds, bytes are TCP payload.",
  sql: (dialect) =>
    [...SIDES]
      .reverse()
      .map((side) => direction(side, dialect))
      .join('\nUNION ALL\n'),
};
