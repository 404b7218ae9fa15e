-- title: Who talks to whom
-- question: Which workloads are connected, how often, and how many bytes go which way?
-- param since timestamp: only minutes from this time on
-- param until timestamp: only minutes before this time
-- param limit int 50: rows at most
SELECT
  coalesce(src_namespace, src_cluster) AS client_namespace,
  coalesce(src_workload, src_as_org, src_addr_scope) AS client,
  coalesce(dst_namespace, dst_cluster) AS server_namespace,
  coalesce(dst_workload, dst_service, dst_as_org, dst_addr_scope) AS server,
  dst_port,
  CAST(sum(connections) AS bigint) AS connections,
  CAST(sum(failed) AS bigint) AS failed,
  CAST(sum(resets) AS bigint) AS resets,
  CAST(sum(bytes_to_dst) AS bigint) AS bytes_to_dst,
  CAST(sum(bytes_to_src) AS bigint) AS bytes_to_src
FROM edges
WHERE minute >= $since AND minute < $until
GROUP BY 1, 2, 3, 4, 5
ORDER BY connections DESC, client, server, dst_port
LIMIT $limit
