-- title: Who breaks connections off
-- question: Which established connections ended with a reset, which side sent it, and after how long?
-- param since timestamp: only connections that ended at this time or later
-- param until timestamp: only connections that ended before this time
-- param limit int 20: rows at most
SELECT
  coalesce(src_workload, src_addr) AS client,
  coalesce(dst_workload, dst_service, dst_addr) AS server,
  dst_port,
  CASE WHEN outcome = 'reset_by_src' THEN 'client' ELSE 'server' END AS reset_by,
  sum(connection_count) AS connections,
  round(approx_percentile(duration_us, 0.5) / 1000.0, 3) AS age_ms_median,
  max(end_time) AS last_time
FROM connections
WHERE end_time >= $since AND end_time < $until AND counted AND outcome IN ('reset_by_src', 'reset_by_dst')
GROUP BY 1, 2, 3, 4
ORDER BY connections DESC, client, server
LIMIT $limit
