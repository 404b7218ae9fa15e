-- title: Which connections live long
-- question: Which connections are the oldest, are they still open, and what have they carried?
-- param since timestamp: only connections seen at this time or later
-- param limit int 20: rows at most
SELECT
  coalesce(src_workload, src_addr) AS client,
  coalesce(dst_workload, dst_service, dst_addr) AS server,
  src_port,
  dst_port,
  connection_start_time,
  round(duration_us / 1000000.0, 1) AS age_seconds,
  outcome,
  seeded AS older_than_capture,
  bytes_to_dst,
  bytes_to_src
FROM connections
WHERE NOT merged AND end_time >= $since
ORDER BY coalesce(duration_us, 0) DESC, client, server, src_port
LIMIT $limit
