-- Generated from schemas/tables.ts by schemas/generate; do not edit.
-- Columns that older files lack are null. dt and hour are of arrival: filter them with slack.

-- One end's report of one connection over one interval. `src` opened it; where that is not known (`role_method = 'unknown'`), the end with the greater (address, port).
CREATE OR REPLACE VIEW flows AS
SELECT
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "start_time",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "end_time",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "connection_start_time",
  CAST(NULL AS BIGINT) AS "duration_us",
  CAST(NULL AS VARCHAR) AS "report",
  CAST(NULL AS BIGINT) AS "connection_count",
  CAST(NULL AS VARCHAR) AS "outcome",
  CAST(NULL AS VARCHAR) AS "error",
  CAST(NULL AS VARCHAR) AS "reporter",
  CAST(NULL AS VARCHAR) AS "role_method",
  CAST(NULL AS BOOLEAN) AS "peer_reports",
  CAST(NULL AS INTEGER) AS "protocol",
  CAST(NULL AS VARCHAR) AS "src_addr",
  CAST(NULL AS VARCHAR) AS "dst_addr",
  CAST(NULL AS INTEGER) AS "src_port",
  CAST(NULL AS INTEGER) AS "dst_port",
  CAST(NULL AS VARCHAR) AS "src_addr_scope",
  CAST(NULL AS VARCHAR) AS "dst_addr_scope",
  CAST(NULL AS VARCHAR) AS "src_nat_addr",
  CAST(NULL AS INTEGER) AS "src_nat_port",
  CAST(NULL AS VARCHAR) AS "dst_nat_addr",
  CAST(NULL AS INTEGER) AS "dst_nat_port",
  CAST(NULL AS VARCHAR) AS "nat_source",
  CAST(NULL AS VARCHAR) AS "src_network",
  CAST(NULL AS VARCHAR) AS "src_cluster",
  CAST(NULL AS VARCHAR) AS "src_namespace",
  CAST(NULL AS VARCHAR) AS "src_workload",
  CAST(NULL AS VARCHAR) AS "src_workload_kind",
  CAST(NULL AS VARCHAR) AS "src_instance",
  CAST(NULL AS VARCHAR) AS "src_instance_uid",
  CAST(NULL AS VARCHAR) AS "src_node",
  CAST(NULL AS VARCHAR) AS "src_region",
  CAST(NULL AS VARCHAR) AS "src_availability_zone",
  CAST(NULL AS VARCHAR) AS "src_account_id",
  CAST(NULL AS VARCHAR) AS "src_vpc_id",
  CAST(NULL AS VARCHAR) AS "src_subnet_id",
  CAST(NULL AS VARCHAR) AS "src_labels",
  CAST(NULL AS VARCHAR) AS "src_country",
  CAST(NULL AS BIGINT) AS "src_as_number",
  CAST(NULL AS VARCHAR) AS "src_as_org",
  CAST(NULL AS VARCHAR) AS "src_method",
  CAST(NULL AS VARCHAR) AS "src_reason",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "src_since",
  CAST(NULL AS VARCHAR) AS "dst_network",
  CAST(NULL AS VARCHAR) AS "dst_cluster",
  CAST(NULL AS VARCHAR) AS "dst_namespace",
  CAST(NULL AS VARCHAR) AS "dst_workload",
  CAST(NULL AS VARCHAR) AS "dst_workload_kind",
  CAST(NULL AS VARCHAR) AS "dst_instance",
  CAST(NULL AS VARCHAR) AS "dst_instance_uid",
  CAST(NULL AS VARCHAR) AS "dst_node",
  CAST(NULL AS VARCHAR) AS "dst_region",
  CAST(NULL AS VARCHAR) AS "dst_availability_zone",
  CAST(NULL AS VARCHAR) AS "dst_account_id",
  CAST(NULL AS VARCHAR) AS "dst_vpc_id",
  CAST(NULL AS VARCHAR) AS "dst_subnet_id",
  CAST(NULL AS VARCHAR) AS "dst_labels",
  CAST(NULL AS VARCHAR) AS "dst_country",
  CAST(NULL AS BIGINT) AS "dst_as_number",
  CAST(NULL AS VARCHAR) AS "dst_as_org",
  CAST(NULL AS VARCHAR) AS "dst_method",
  CAST(NULL AS VARCHAR) AS "dst_reason",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "dst_since",
  CAST(NULL AS VARCHAR) AS "dst_service",
  CAST(NULL AS VARCHAR) AS "dst_service_namespace",
  CAST(NULL AS BIGINT) AS "bytes_to_dst",
  CAST(NULL AS BIGINT) AS "bytes_to_src",
  CAST(NULL AS BIGINT) AS "segments_to_dst",
  CAST(NULL AS BIGINT) AS "segments_to_src",
  CAST(NULL AS BIGINT) AS "retransmitted_segments",
  CAST(NULL AS BIGINT) AS "retransmitted_bytes",
  CAST(NULL AS BIGINT) AS "lost_segments",
  CAST(NULL AS BIGINT) AS "reordering_events",
  CAST(NULL AS BIGINT) AS "out_of_order_segments",
  CAST(NULL AS BIGINT) AS "rto_timeouts",
  CAST(NULL AS INTEGER) AS "rtt_us",
  CAST(NULL AS INTEGER) AS "rtt_var_us",
  CAST(NULL AS INTEGER) AS "rtt_min_us",
  CAST(NULL AS INTEGER) AS "connect_us",
  CAST(NULL AS BIGINT) AS "busy_us",
  CAST(NULL AS BIGINT) AS "rwnd_limited_us",
  CAST(NULL AS BIGINT) AS "sndbuf_limited_us",
  CAST(NULL AS BIGINT) AS "unsent_bytes",
  CAST(NULL AS VARCHAR) AS "process_name",
  CAST(NULL AS BIGINT) AS "process_pid",
  CAST(NULL AS BIGINT) AS "process_user_id",
  CAST(NULL AS VARCHAR) AS "container_id",
  CAST(NULL AS VARCHAR) AS "reporter_node",
  CAST(NULL AS VARCHAR) AS "ring_id",
  CAST(NULL AS BIGINT) AS "flow_number",
  CAST(NULL AS BIGINT) AS "connection_id",
  CAST(NULL AS BOOLEAN) AS "seeded",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "arrival_time",
  CAST(NULL AS VARCHAR) AS "dt",
  CAST(NULL AS INTEGER) AS "hour"
WHERE false
UNION ALL BY NAME
SELECT * FROM read_parquet(
  '${LOCATION}/flows/dt=*/hour=*/*.parquet',
  hive_partitioning = true, hive_types = {'dt': VARCHAR, 'hour': INTEGER}, union_by_name = true
);

-- The ledger: flows that are told instead of shown. Who dropped how many, where, why, and when.
CREATE OR REPLACE VIEW losses AS
SELECT
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "interval_start",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "interval_end",
  CAST(NULL AS VARCHAR) AS "stage",
  CAST(NULL AS VARCHAR) AS "reason",
  CAST(NULL AS BIGINT) AS "flows",
  CAST(NULL AS VARCHAR) AS "reporter_node",
  CAST(NULL AS VARCHAR) AS "ring_id",
  CAST(NULL AS BOOLEAN) AS "intentional",
  CAST(NULL AS VARCHAR) AS "detected_by",
  CAST(NULL AS VARCHAR) AS "dt",
  CAST(NULL AS INTEGER) AS "hour"
WHERE false
UNION ALL BY NAME
SELECT * FROM read_parquet(
  '${LOCATION}/losses/dt=*/hour=*/*.parquet',
  hive_partitioning = true, hive_types = {'dt': VARCHAR, 'hour': INTEGER}, union_by_name = true
);

-- The history itself: who held which address, from when to when.
CREATE OR REPLACE VIEW ownership AS
SELECT
  CAST(NULL AS VARCHAR) AS "network",
  CAST(NULL AS VARCHAR) AS "addr",
  CAST(NULL AS INTEGER) AS "prefix_length",
  CAST(NULL AS INTEGER) AS "port",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "valid_from",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "valid_to",
  CAST(NULL AS VARCHAR) AS "cluster",
  CAST(NULL AS VARCHAR) AS "namespace",
  CAST(NULL AS VARCHAR) AS "workload",
  CAST(NULL AS VARCHAR) AS "workload_kind",
  CAST(NULL AS VARCHAR) AS "instance",
  CAST(NULL AS VARCHAR) AS "instance_uid",
  CAST(NULL AS VARCHAR) AS "node",
  CAST(NULL AS VARCHAR) AS "region",
  CAST(NULL AS VARCHAR) AS "availability_zone",
  CAST(NULL AS VARCHAR) AS "account_id",
  CAST(NULL AS VARCHAR) AS "vpc_id",
  CAST(NULL AS VARCHAR) AS "subnet_id",
  CAST(NULL AS VARCHAR) AS "labels",
  CAST(NULL AS VARCHAR) AS "method",
  CAST(NULL AS VARCHAR) AS "claimed_by",
  CAST(NULL AS VARCHAR) AS "epoch",
  CAST(NULL AS VARCHAR) AS "dt",
  CAST(NULL AS INTEGER) AS "hour"
WHERE false
UNION ALL BY NAME
SELECT * FROM read_parquet(
  '${LOCATION}/ownership/dt=*/hour=*/*.parquet',
  hive_partitioning = true, hive_types = {'dt': VARCHAR, 'hour': INTEGER}, union_by_name = true
);
