/**
 * The SQL tables as analysts see them: one table of columns that the sink, the views, the DDL and the reference share.
 * Names and types are promises (docs/reference/tables.md is generated from here); columns are only ever added.
 */
import type { TableName } from './objects.ts';

/** timestamp: microseconds, adjusted to UTC. int 32 bits, bigint 64 bits, both signed. */
export type ColumnType = 'timestamp' | 'bigint' | 'int' | 'string' | 'boolean';

/**
 * delta: since the connection's last row, `sum` is right. gauge: at the row's end.
 * once: in the connection's first row only. id: the rest.
 */
export type ColumnKind = 'id' | 'delta' | 'gauge' | 'once';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly kind: ColumnKind;
  readonly nullable: boolean;
  readonly doc: string;
}

export interface Table {
  readonly name: TableName;
  readonly doc: string;
  /** In the order of the files and of every DDL. */
  readonly columns: readonly Column[];
}

/** A column that is never null. */
function always(name: string, type: ColumnType, kind: ColumnKind, doc: string): Column {
  return { name, type, kind, nullable: false, doc };
}

/** A column that can be null. */
function maybe(name: string, type: ColumnType, kind: ColumnKind, doc: string): Column {
  return { name, type, kind, nullable: true, doc };
}

/** Who holds an address. `prefix` is src_, dst_ or nothing. */
function owner(prefix: string): Column[] {
  return [
    maybe(`${prefix}cluster`, 'string', 'id', 'Cluster of the owner; null where there is none.'),
    maybe(`${prefix}namespace`, 'string', 'id', 'Kubernetes namespace or the like.'),
    maybe(`${prefix}workload`, 'string', 'id', 'Who held the address: Deployment, systemd unit, container, process.'),
    maybe(`${prefix}workload_kind`, 'string', 'id', 'What kind of workload: see the list below.'),
    maybe(`${prefix}instance`, 'string', 'id', 'The one that ran: pod name, container id, unit, process name.'),
    maybe(
      `${prefix}instance_uid`,
      'string',
      'id',
      'Its UID, never used again: pod UID, container id, node and cgroup id.',
    ),
    maybe(`${prefix}node`, 'string', 'id', 'The node that it ran on.'),
    maybe(`${prefix}region`, 'string', 'id', 'Where it is.'),
    maybe(`${prefix}availability_zone`, 'string', 'id', 'Where it is.'),
    maybe(`${prefix}account_id`, 'string', 'id', 'Where it is.'),
    maybe(`${prefix}vpc_id`, 'string', 'id', 'Where it is.'),
    maybe(`${prefix}subnet_id`, 'string', 'id', 'Where it is.'),
    maybe(`${prefix}labels`, 'string', 'id', 'JSON object of the labels whose keys are allow-listed.'),
  ];
}

const METHODS =
  '`local` (seen at capture), `peer` (both sockets on one machine), `port`, `address`, `service`, `node`, `prefix`, `geo`, `none`';
const REASONS = '`no_claim`, `gap`, `ambiguous`, `reporter_silent`, `hold_expired`';

function end(prefix: 'src_' | 'dst_'): Column[] {
  return [
    maybe(`${prefix}network`, 'string', 'id', 'Scope of the address; null where nobody is known to hold it.'),
    ...owner(prefix),
    maybe(`${prefix}country`, 'string', 'id', 'For an address outside: ISO 3166-1 alpha-2.'),
    maybe(`${prefix}as_number`, 'bigint', 'id', 'For an address outside: its autonomous system.'),
    maybe(`${prefix}as_org`, 'string', 'id', 'For an address outside: who runs that system.'),
    always(`${prefix}method`, 'string', 'id', `How the owner is known: ${METHODS}.`),
    maybe(`${prefix}reason`, 'string', 'id', `Why there is no owner: ${REASONS}; null where there is one.`),
    maybe(`${prefix}since`, 'timestamp', 'id', 'From when the owner held the address.'),
  ];
}

const SCOPES = '`loopback`, `link_local`, `private`, `shared`, `public`';

const FLOW_IDENTITY: readonly Column[] = [
  always('start_time', 'timestamp', 'id', 'From when this row reports.'),
  always('end_time', 'timestamp', 'id', 'Until when this row reports.'),
  maybe('connection_start_time', 'timestamp', 'id', 'When the connection was opened; null if before the sidecar.'),
  maybe('duration_us', 'bigint', 'gauge', 'Its age at end_time.'),
  always(
    'report',
    'string',
    'id',
    '`final`, `interim`, `failed` (never established), `merged` (many connections of one edge, under overload).',
  ),
  always(
    'connection_count',
    'bigint',
    'delta',
    'Connections that ended in this row: interim 0, final and failed 1, merged N.',
  ),
  always(
    'outcome',
    'string',
    'id',
    '`open`, `closed`, `reset_by_src`, `reset_by_dst`, `refused`, `timed_out`, `unreachable`, `abandoned`, `other`.',
  ),
  maybe('error', 'string', 'id', 'errno name.'),
  always('reporter', 'string', 'id', '`src` or `dst`: whose kernel saw it.'),
  always('role_method', 'string', 'id', 'How it is known which end opened: `handshake`, `listener`, `unknown`.'),
  always(
    'peer_reports',
    'boolean',
    'id',
    "A live sidecar claimed the other end's address then, so another row tells of the same connection: count with `reporter = 'src' OR NOT peer_reports`.",
  ),
  always('protocol', 'int', 'id', '6: TCP.'),
  maybe('src_addr', 'string', 'id', 'As the socket saw it; RFC 5952 for IPv6, IPv4-mapped as IPv4.'),
  maybe('dst_addr', 'string', 'id', 'As src_addr.'),
  maybe('src_port', 'int', 'id', 'Null in a merged row.'),
  maybe('dst_port', 'int', 'id', 'Null in a merged row.'),
  maybe('src_addr_scope', 'string', 'id', `${SCOPES}.`),
  maybe('dst_addr_scope', 'string', 'id', `${SCOPES}.`),
  maybe(
    'src_nat_addr',
    'string',
    'id',
    "What the other end's socket has in place of src_addr: of a client's row after the translation, of a server's before it; null where it is not translated or that is not known.",
  ),
  maybe('src_nat_port', 'int', 'id', 'As src_nat_addr, of src_port.'),
  maybe('dst_nat_addr', 'string', 'id', 'As src_nat_addr, of dst_addr.'),
  maybe('dst_nat_port', 'int', 'id', 'As src_nat_addr, of dst_port.'),
  maybe('nat_source', 'string', 'id', 'From whom the translation is known: `conntrack`, `peer_report`.'),
];

const KERNEL = "as the reporter's kernel counts them";

const FLOW_MEASURES: readonly Column[] = [
  maybe('dst_service', 'string', 'id', 'The Service that was called, also where dst_workload is the backend.'),
  maybe('dst_service_namespace', 'string', 'id', 'Its namespace.'),
  always('bytes_to_dst', 'bigint', 'delta', 'TCP payload, retransmissions not counted.'),
  always('bytes_to_src', 'bigint', 'delta', 'TCP payload, retransmissions not counted.'),
  always('segments_to_dst', 'bigint', 'delta', 'Segments, with pure ACKs.'),
  always('segments_to_src', 'bigint', 'delta', 'Segments, with pure ACKs.'),
  always('retransmitted_segments', 'bigint', 'delta', `Segments sent again, ${KERNEL}.`),
  always('retransmitted_bytes', 'bigint', 'delta', `Bytes sent again, ${KERNEL}.`),
  always('lost_segments', 'bigint', 'delta', `Segments taken for lost, ${KERNEL}.`),
  always('reordering_events', 'bigint', 'delta', `Reorderings, ${KERNEL}.`),
  always('out_of_order_segments', 'bigint', 'delta', `Segments received out of order, ${KERNEL}.`),
  always('rto_timeouts', 'bigint', 'delta', `Retransmission time-outs, ${KERNEL}.`),
  maybe('rtt_us', 'int', 'gauge', 'Smoothed round trip; null without a sample.'),
  maybe('rtt_var_us', 'int', 'gauge', 'Its variation; null without a sample.'),
  maybe('rtt_min_us', 'int', 'gauge', 'The least round trip; null without a sample.'),
  maybe('connect_us', 'int', 'once', 'SYN to established.'),
  always('busy_us', 'bigint', 'delta', 'Time with data to send.'),
  always('rwnd_limited_us', 'bigint', 'delta', "Time that the receiver's window held the sender back."),
  always('sndbuf_limited_us', 'bigint', 'delta', 'Time that the send buffer held the sender back.'),
  maybe('unsent_bytes', 'bigint', 'gauge', 'Written by the program and not acknowledged.'),
  maybe('process_name', 'string', 'id', 'Process of the reporting end.'),
  maybe('process_pid', 'bigint', 'id', 'Process of the reporting end, in the host pid namespace.'),
  maybe('process_user_id', 'bigint', 'id', "The socket's user, at the reporting end."),
  maybe('container_id', 'string', 'id', 'Container of the reporting end.'),
  always('reporter_node', 'string', 'id', 'The node that reports.'),
  always(
    'ring_id',
    'string',
    'id',
    'The stream. (ring_id, flow_number) is unique in the table, and its gaps are in `losses`.',
  ),
  always('flow_number', 'bigint', 'id', 'Number in the stream.'),
  maybe(
    'connection_id',
    'bigint',
    'id',
    "The reporting kernel's socket cookie, one that it drew counting down as 2^52 + n; null in a merged row.",
  ),
  always('seeded', 'boolean', 'id', 'The connection is older than the capture.'),
  always('arrival_time', 'timestamp', 'id', "The raw log's append time; `dt` and `hour` are made from it."),
];

export const FLOWS: Table = {
  name: 'flows',
  doc: "One end's report of one connection over one interval. `src` opened it; where that is not known (`role_method = 'unknown'`), the end with the greater (address, port).",
  columns: [...FLOW_IDENTITY, ...end('src_'), ...end('dst_'), ...FLOW_MEASURES],
};

export const LOSSES: Table = {
  name: 'losses',
  doc: 'The ledger: flows that are told instead of shown. Who dropped how many, where, why, and when.',
  columns: [
    always('interval_start', 'timestamp', 'id', 'From when they were lost.'),
    always('interval_end', 'timestamp', 'id', 'Until when.'),
    always('stage', 'string', 'id', 'Where: `kernel`, `sidecar`, `transport`, `enricher`, `sink`.'),
    always(
      'reason',
      'string',
      'id',
      'Why; a closed list per stage. `recovered`: a dead letter came back, and takes back what an earlier entry told.',
    ),
    maybe(
      'flows',
      'bigint',
      'delta',
      'Flow numbers that were lost; null: unknown how many. Negative where the reason is `recovered`.',
    ),
    maybe('reporter_node', 'string', 'id', 'The node that reported, or would have.'),
    maybe('ring_id', 'string', 'id', 'The stream.'),
    always('intentional', 'boolean', 'id', 'Dropped by a rule that was configured rather than by need.'),
    always('detected_by', 'string', 'id', 'The stage that noticed.'),
  ],
};

export const OWNERSHIP: Table = {
  name: 'ownership',
  doc: 'The history itself: who held which address, from when to when.',
  columns: [
    always('network', 'string', 'id', 'Scope of the address.'),
    always('addr', 'string', 'id', 'RFC 5952 for IPv6, IPv4-mapped as IPv4.'),
    always(
      'prefix_length',
      'int',
      'id',
      'Of the address as it is written: IPv4 32 or IPv6 128 is one address. Rows of method `none` have `::/0` and no owner: a query on the table itself has to leave them out.',
    ),
    maybe('port', 'int', 'id', 'A listening port; null for the whole address.'),
    always('valid_from', 'timestamp', 'id', 'Held for certain since.'),
    maybe('valid_to', 'timestamp', 'id', 'Held for certain until; null while it is held.'),
    ...owner(''),
    always(
      'method',
      'string',
      'id',
      '`port`, `address`, `service`, `node` or `prefix`. `none`: no claim, but the end of its `epoch`, whose open claims ended at `valid_to`; with `valid_to` null: it was only silent, and they go on. The view `ownership_history` takes it into account.',
    ),
    always(
      'claimed_by',
      'string',
      'id',
      'The reporter that says so: a node (`NODE/2` and so on where its claims do not fit one message), a watcher or a table.',
    ),
    maybe('epoch', 'string', 'id', 'Which life of the reporter; null in objects of older versions.'),
  ],
};

export const TABLES: readonly Table[] = [FLOWS, LOSSES, OWNERSHIP];

/** The folders below each table, from arrival, UTC: not in the files, and last in every DDL. */
export const PARTITION_COLUMNS: readonly Column[] = [
  always('dt', 'string', 'id', 'Day of arrival, UTC: YYYY-MM-DD.'),
  always('hour', 'int', 'id', 'Hour of arrival, UTC: 0 to 23.'),
];

/** `workload_kind`: the closed list. */
export const WORKLOAD_KINDS: readonly (readonly [kind: string, doc: string])[] = [
  ['Deployment', 'Kubernetes: by way of its ReplicaSet.'],
  ['StatefulSet', 'Kubernetes.'],
  ['DaemonSet', 'Kubernetes.'],
  ['Job', 'Kubernetes: a Job of its own.'],
  ['CronJob', 'Kubernetes: by way of its Job.'],
  ['ReplicaSet', 'Kubernetes: a ReplicaSet or ReplicationController of its own.'],
  ['CustomResource', 'Kubernetes: what a custom controller made the pod for; the topmost of the chain of controllers.'],
  ['Pod', 'Kubernetes: a pod without an owner, or of an owner that is not known.'],
  ['SystemdUnit', 'A unit of systemd.'],
  ['Container', 'A container outside Kubernetes.'],
  ['Process', 'A process whose cgroup says no more.'],
  ['Cgroup', 'A cgroup that is none of these.'],
  ['Service', 'A Kubernetes Service.'],
  ['Node', 'The node itself.'],
  ['VirtualMachine', 'A machine, from a table that the operator gave.'],
  ['LoadBalancer', 'A load balancer, from a table that the operator gave.'],
  ['External', 'Somebody outside, from a table that the operator gave.'],
];
