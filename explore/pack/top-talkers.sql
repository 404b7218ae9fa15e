-- title: Who moves the most bytes
-- question: Which pairs of workloads carry the traffic, and what part of all of it?
-- param since timestamp: only rows that ended at this time or later
-- param until timestamp: only rows that ended before this time
-- param limit int 20: rows at most
SELECT
  coalesce(src_workload, src_as_org, src_addr_scope) AS client,
  coalesce(dst_workload, dst_service, dst_as_org, dst_addr_scope) AS server,
  CAST(sum(bytes_to_dst + bytes_to_src) AS bigint) AS bytes,
  CAST(sum(bytes_to_dst) AS bigint) AS bytes_to_dst,
  CAST(sum(bytes_to_src) AS bigint) AS bytes_to_src,
  CAST(sum(connections) AS bigint) AS connections,
  round(100.0 * sum(bytes_to_dst + bytes_to_src) / nullif(sum(sum(bytes_to_dst + bytes_to_src)) OVER (), 0), 1) AS percent
FROM edges
WHERE minute >= $since AND minute < $until
GROUP BY 1, 2
ORDER BY bytes DESC, client, server
LIMIT $limit
