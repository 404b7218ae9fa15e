-- title: What is slow, and why
-- question: On which edges do connections take long to open or data long to get there, and what held it back: distance, a queue, loss, a slow reader, or the sender's own buffer?
-- param since timestamp: only connections that ended at this time or later
-- param until timestamp: only connections that ended before this time
-- param limit int 20: rows at most
SELECT
  client,
  server,
  dst_port,
  connections,
  connect_ms_p95,
  rtt_ms_p95,
  rtt_ms_min,
  retransmitted_percent,
  CASE
    WHEN retransmitted_percent >= 1 THEN 'segments are lost on the way'
    WHEN rwnd_percent >= 20 THEN 'the receiver reads slowly'
    WHEN sndbuf_percent >= 20 THEN 'the send buffer is too small'
    WHEN rtt_ms_p95 >= 10 AND rtt_ms_p95 >= 4 * rtt_ms_min THEN 'a queue on the way'
    WHEN connect_ms_p95 >= 10 AND connect_ms_p95 >= 4 * coalesce(rtt_ms_p95, 0) THEN 'connections open late'
    WHEN rtt_ms_min >= 10 THEN 'distance'
    ELSE 'nothing stands out'
  END AS why,
  rwnd_percent,
  sndbuf_percent
FROM (
  SELECT
    coalesce(src_workload, src_addr) AS client,
    coalesce(dst_workload, dst_service, dst_addr) AS server,
    dst_port,
    sum(connection_count) AS connections,
    round(approx_percentile(connect_us, 0.95) / 1000.0, 3) AS connect_ms_p95,
    round(approx_percentile(coalesce(src_rtt_us, dst_rtt_us), 0.95) / 1000.0, 3) AS rtt_ms_p95,
    round(min(coalesce(src_rtt_min_us, dst_rtt_min_us)) / 1000.0, 3) AS rtt_ms_min,
    round(100.0 * sum(coalesce(src_retransmitted_segments, 0) + coalesce(dst_retransmitted_segments, 0))
      / nullif(sum(segments_to_dst + segments_to_src), 0), 2) AS retransmitted_percent,
    round(100.0 * sum(coalesce(src_rwnd_limited_us, 0) + coalesce(dst_rwnd_limited_us, 0))
      / nullif(sum(coalesce(src_busy_us, 0) + coalesce(dst_busy_us, 0)), 0), 1) AS rwnd_percent,
    round(100.0 * sum(coalesce(src_sndbuf_limited_us, 0) + coalesce(dst_sndbuf_limited_us, 0))
      / nullif(sum(coalesce(src_busy_us, 0) + coalesce(dst_busy_us, 0)), 0), 1) AS sndbuf_percent
  FROM connections
  WHERE end_time >= $since AND end_time < $until AND counted AND outcome IN ('open', 'closed', 'reset_by_src', 'reset_by_dst')
  GROUP BY 1, 2, 3
) AS measured
ORDER BY coalesce(rtt_ms_p95, 0) + coalesce(connect_ms_p95, 0) DESC, client, server
LIMIT $limit
