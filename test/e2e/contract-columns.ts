/**
 * The columns of the tables as they are promised, written down by hand and not taken from the code: what a reader that
 * knows nothing of Weir relies on.
 */

const owner = (prefix: string): Record<string, string> => ({
  [`${prefix}cluster`]: 'string',
  [`${prefix}namespace`]: 'string',
  [`${prefix}workload`]: 'string',
  [`${prefix}workload_kind`]: 'string',
  [`${prefix}instance`]: 'string',
  [`${prefix}instance_uid`]: 'string',
  [`${prefix}node`]: 'string',
  [`${prefix}region`]: 'string',
  [`${prefix}availability_zone`]: 'string',
  [`${prefix}account_id`]: 'string',
  [`${prefix}vpc_id`]: 'string',
  [`${prefix}subnet_id`]: 'string',
  [`${prefix}labels`]: 'string',
});

const end = (side: string): Record<string, string> => ({
  [`${side}_addr`]: 'string',
  [`${side}_port`]: 'int',
  [`${side}_addr_scope`]: 'string',
  [`${side}_nat_addr`]: 'string',
  [`${side}_nat_port`]: 'int',
  [`${side}_network`]: 'string',
  ...owner(`${side}_`),
  [`${side}_country`]: 'string',
  [`${side}_as_number`]: 'bigint',
  [`${side}_as_org`]: 'string',
  [`${side}_method`]: 'string',
  [`${side}_reason`]: 'string',
  [`${side}_since`]: 'timestamp',
});

const all = (type: string, names: string): Record<string, string> =>
  Object.fromEntries(names.split(' ').map((name) => [name, type]));

export const CONTRACT_COLUMNS: Readonly<Record<'flows' | 'ownership', Readonly<Record<string, string>>>> = {
  flows: {
    ...all('timestamp', 'start_time end_time connection_start_time arrival_time'),
    ...all('bigint', 'duration_us connection_count bytes_to_dst bytes_to_src segments_to_dst segments_to_src'),
    ...all('bigint', 'retransmitted_segments retransmitted_bytes lost_segments reordering_events'),
    ...all('bigint', 'out_of_order_segments rto_timeouts busy_us rwnd_limited_us sndbuf_limited_us unsent_bytes'),
    ...all('bigint', 'process_pid process_user_id flow_number connection_id'),
    ...all('string', 'report outcome error reporter role_method nat_source dst_service dst_service_namespace'),
    ...all('string', 'process_name container_id reporter_node ring_id'),
    ...all('boolean', 'peer_reports seeded'),
    ...all('int', 'protocol rtt_us rtt_var_us rtt_min_us connect_us'),
    ...end('src'),
    ...end('dst'),
  },
  ownership: {
    ...all('string', 'network addr method claimed_by'),
    ...all('int', 'prefix_length port'),
    ...all('timestamp', 'valid_from valid_to'),
    ...owner(''),
  },
};
