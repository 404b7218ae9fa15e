-- Generated from schemas/tables.ts by schemas/generate; do not edit.
-- Partitions are projected: nothing has to be registered. dt and hour are of arrival: filter them with slack.

-- One end's report of one connection over one interval. `src` opened it; where that is not known (`role_method = 'unknown'`), the end with the greater (address, port).
CREATE EXTERNAL TABLE IF NOT EXISTS `flows` (
  `start_time` timestamp COMMENT 'From when this row reports.',
  `end_time` timestamp COMMENT 'Until when this row reports.',
  `connection_start_time` timestamp COMMENT 'When the connection was opened; null if before the sidecar.',
  `duration_us` bigint COMMENT 'Its age at end_time.',
  `report` string COMMENT 'final, interim, failed (never established), merged (many connections of one edge, under overload).',
  `connection_count` bigint COMMENT 'Connections that ended in this row: interim 0, final and failed 1, merged N.',
  `outcome` string COMMENT 'open, closed, reset_by_src, reset_by_dst, refused, timed_out, unreachable, abandoned, other.',
  `error` string COMMENT 'errno name.',
  `reporter` string COMMENT 'src or dst: whose kernel saw it.',
  `role_method` string COMMENT 'How it is known which end opened: handshake, listener, unknown.',
  `peer_reports` boolean COMMENT 'A live sidecar claimed the other end\'s address then, so another row tells of the same connection: count with reporter = \'src\' OR NOT peer_reports.',
  `protocol` int COMMENT '6: TCP.',
  `src_addr` string COMMENT 'As the socket saw it; RFC 5952 for IPv6, IPv4-mapped as IPv4.',
  `dst_addr` string COMMENT 'As src_addr.',
  `src_port` int COMMENT 'Null in a merged row.',
  `dst_port` int COMMENT 'Null in a merged row.',
  `src_addr_scope` string COMMENT 'loopback, link_local, private, shared, public.',
  `dst_addr_scope` string COMMENT 'loopback, link_local, private, shared, public.',
  `src_nat_addr` string COMMENT 'What the other end\'s socket has in place of src_addr: of a client\'s row after the translation, of a server\'s before it; null where it is not translated or that is not known.',
  `src_nat_port` int COMMENT 'As src_nat_addr, of src_port.',
  `dst_nat_addr` string COMMENT 'As src_nat_addr, of dst_addr.',
  `dst_nat_port` int COMMENT 'As src_nat_addr, of dst_port.',
  `nat_source` string COMMENT 'From whom the translation is known: conntrack, peer_report.',
  `src_network` string COMMENT 'Scope of the address; null where nobody is known to hold it.',
  `src_cluster` string COMMENT 'Cluster of the owner; null where there is none.',
  `src_namespace` string COMMENT 'Kubernetes namespace or the like.',
  `src_workload` string COMMENT 'Who held the address: Deployment, systemd unit, container, process.',
  `src_workload_kind` string COMMENT 'What kind of workload: see the list below.',
  `src_instance` string COMMENT 'The one that ran: pod name, container id, unit, process name.',
  `src_instance_uid` string COMMENT 'Its UID, never used again: pod UID, container id, node and cgroup id.',
  `src_node` string COMMENT 'The node that it ran on.',
  `src_region` string COMMENT 'Where it is.',
  `src_availability_zone` string COMMENT 'Where it is.',
  `src_account_id` string COMMENT 'Where it is.',
  `src_vpc_id` string COMMENT 'Where it is.',
  `src_subnet_id` string COMMENT 'Where it is.',
  `src_labels` string COMMENT 'JSON object of the labels whose keys are allow-listed.',
  `src_country` string COMMENT 'For an address outside: ISO 3166-1 alpha-2.',
  `src_as_number` bigint COMMENT 'For an address outside: its autonomous system.',
  `src_as_org` string COMMENT 'For an address outside: who runs that system.',
  `src_method` string COMMENT 'How the owner is known: local (seen at capture), peer (both sockets on one machine), port, address, service, node, prefix, geo, none.',
  `src_reason` string COMMENT 'Why there is no owner: no_claim, gap, ambiguous, reporter_silent, hold_expired; null where there is one.',
  `src_since` timestamp COMMENT 'From when the owner held the address.',
  `dst_network` string COMMENT 'Scope of the address; null where nobody is known to hold it.',
  `dst_cluster` string COMMENT 'Cluster of the owner; null where there is none.',
  `dst_namespace` string COMMENT 'Kubernetes namespace or the like.',
  `dst_workload` string COMMENT 'Who held the address: Deployment, systemd unit, container, process.',
  `dst_workload_kind` string COMMENT 'What kind of workload: see the list below.',
  `dst_instance` string COMMENT 'The one that ran: pod name, container id, unit, process name.',
  `dst_instance_uid` string COMMENT 'Its UID, never used again: pod UID, container id, node and cgroup id.',
  `dst_node` string COMMENT 'The node that it ran on.',
  `dst_region` string COMMENT 'Where it is.',
  `dst_availability_zone` string COMMENT 'Where it is.',
  `dst_account_id` string COMMENT 'Where it is.',
  `dst_vpc_id` string COMMENT 'Where it is.',
  `dst_subnet_id` string COMMENT 'Where it is.',
  `dst_labels` string COMMENT 'JSON object of the labels whose keys are allow-listed.',
  `dst_country` string COMMENT 'For an address outside: ISO 3166-1 alpha-2.',
  `dst_as_number` bigint COMMENT 'For an address outside: its autonomous system.',
  `dst_as_org` string COMMENT 'For an address outside: who runs that system.',
  `dst_method` string COMMENT 'How the owner is known: local (seen at capture), peer (both sockets on one machine), port, address, service, node, prefix, geo, none.',
  `dst_reason` string COMMENT 'Why there is no owner: no_claim, gap, ambiguous, reporter_silent, hold_expired; null where there is one.',
  `dst_since` timestamp COMMENT 'From when the owner held the address.',
  `dst_service` string COMMENT 'The Service that was called, also where dst_workload is the backend.',
  `dst_service_namespace` string COMMENT 'Its namespace.',
  `bytes_to_dst` bigint COMMENT 'TCP payload, retransmissions not counted.',
  `bytes_to_src` bigint COMMENT 'TCP payload, retransmissions not counted.',
  `segments_to_dst` bigint COMMENT 'Segments, with pure ACKs.',
  `segments_to_src` bigint COMMENT 'Segments, with pure ACKs.',
  `retransmitted_segments` bigint COMMENT 'Segments sent again, as the reporter\'s kernel counts them.',
  `retransmitted_bytes` bigint COMMENT 'Bytes sent again, as the reporter\'s kernel counts them.',
  `lost_segments` bigint COMMENT 'Segments taken for lost, as the reporter\'s kernel counts them.',
  `reordering_events` bigint COMMENT 'Reorderings, as the reporter\'s kernel counts them.',
  `out_of_order_segments` bigint COMMENT 'Segments received out of order, as the reporter\'s kernel counts them.',
  `rto_timeouts` bigint COMMENT 'Retransmission time-outs, as the reporter\'s kernel counts them.',
  `rtt_us` int COMMENT 'Smoothed round trip; null without a sample.',
  `rtt_var_us` int COMMENT 'Its variation; null without a sample.',
  `rtt_min_us` int COMMENT 'The least round trip; null without a sample.',
  `connect_us` int COMMENT 'SYN to established.',
  `busy_us` bigint COMMENT 'Time with data to send.',
  `rwnd_limited_us` bigint COMMENT 'Time that the receiver\'s window held the sender back.',
  `sndbuf_limited_us` bigint COMMENT 'Time that the send buffer held the sender back.',
  `unsent_bytes` bigint COMMENT 'Written by the program and not acknowledged.',
  `process_name` string COMMENT 'Process of the reporting end.',
  `process_pid` bigint COMMENT 'Process of the reporting end, in the host pid namespace.',
  `process_user_id` bigint COMMENT 'The socket\'s user, at the reporting end.',
  `container_id` string COMMENT 'Container of the reporting end.',
  `reporter_node` string COMMENT 'The node that reports.',
  `ring_id` string COMMENT 'The stream. (ring_id, flow_number) is unique in the table, and its gaps are in losses.',
  `flow_number` bigint COMMENT 'Number in the stream.',
  `connection_id` bigint COMMENT 'The reporting kernel\'s socket cookie, one that it drew counting down as 2^52 + n; null in a merged row.',
  `seeded` boolean COMMENT 'The connection is older than the capture.',
  `arrival_time` timestamp COMMENT 'The raw log\'s append time; dt and hour are made from it.'
)
PARTITIONED BY (
  `dt` string COMMENT 'Day of arrival, UTC: YYYY-MM-DD.',
  `hour` int COMMENT 'Hour of arrival, UTC: 0 to 23.'
)
STORED AS PARQUET
LOCATION '${LOCATION}/flows/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = '${LOCATION}/flows/dt=${dt}/hour=${hour}/'
);

-- The ledger: flows that are told instead of shown. Who dropped how many, where, why, and when.
CREATE EXTERNAL TABLE IF NOT EXISTS `losses` (
  `interval_start` timestamp COMMENT 'From when they were lost.',
  `interval_end` timestamp COMMENT 'Until when.',
  `stage` string COMMENT 'Where: kernel, sidecar, transport, enricher, sink.',
  `reason` string COMMENT 'Why; a closed list per stage. recovered: a dead letter came back, and takes back what an earlier entry told.',
  `flows` bigint COMMENT 'Flow numbers that were lost; null: unknown how many. Negative where the reason is recovered.',
  `reporter_node` string COMMENT 'The node that reported, or would have.',
  `ring_id` string COMMENT 'The stream.',
  `intentional` boolean COMMENT 'Dropped by a rule that was configured rather than by need.',
  `detected_by` string COMMENT 'The stage that noticed.'
)
PARTITIONED BY (
  `dt` string COMMENT 'Day of arrival, UTC: YYYY-MM-DD.',
  `hour` int COMMENT 'Hour of arrival, UTC: 0 to 23.'
)
STORED AS PARQUET
LOCATION '${LOCATION}/losses/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = '${LOCATION}/losses/dt=${dt}/hour=${hour}/'
);

-- The history itself: who held which address, from when to when.
CREATE EXTERNAL TABLE IF NOT EXISTS `ownership` (
  `network` string COMMENT 'Scope of the address.',
  `addr` string COMMENT 'RFC 5952 for IPv6, IPv4-mapped as IPv4.',
  `prefix_length` int COMMENT 'Of the address as it is written: IPv4 32 or IPv6 128 is one address. Rows of method none have ::/0 and no owner: a query on the table itself has to leave them out.',
  `port` int COMMENT 'A listening port; null for the whole address.',
  `valid_from` timestamp COMMENT 'Held for certain since.',
  `valid_to` timestamp COMMENT 'Held for certain until; null while it is held.',
  `cluster` string COMMENT 'Cluster of the owner; null where there is none.',
  `namespace` string COMMENT 'Kubernetes namespace or the like.',
  `workload` string COMMENT 'Who held the address: Deployment, systemd unit, container, process.',
  `workload_kind` string COMMENT 'What kind of workload: see the list below.',
  `instance` string COMMENT 'The one that ran: pod name, container id, unit, process name.',
  `instance_uid` string COMMENT 'Its UID, never used again: pod UID, container id, node and cgroup id.',
  `node` string COMMENT 'The node that it ran on.',
  `region` string COMMENT 'Where it is.',
  `availability_zone` string COMMENT 'Where it is.',
  `account_id` string COMMENT 'Where it is.',
  `vpc_id` string COMMENT 'Where it is.',
  `subnet_id` string COMMENT 'Where it is.',
  `labels` string COMMENT 'JSON object of the labels whose keys are allow-listed.',
  `method` string COMMENT 'port, address, service, node or prefix. none: no claim, but the end of its epoch, whose open claims ended at valid_to; with valid_to null: it was only silent, and they go on. The view ownership_history takes it into account.',
  `claimed_by` string COMMENT 'The reporter that says so: a node (NODE/2 and so on where its claims do not fit one message), a watcher or a table.',
  `epoch` string COMMENT 'Which life of the reporter; null in objects of older versions.'
)
PARTITIONED BY (
  `dt` string COMMENT 'Day of arrival, UTC: YYYY-MM-DD.',
  `hour` int COMMENT 'Hour of arrival, UTC: 0 to 23.'
)
STORED AS PARQUET
LOCATION '${LOCATION}/ownership/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = '${LOCATION}/ownership/dt=${dt}/hour=${hour}/'
);
