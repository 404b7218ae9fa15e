-- title: What fails, and how
-- question: Between which workloads do connections fail, in what way, and is it all of them or some?
-- param since timestamp: only connections that ended at this time or later
-- param until timestamp: only connections that ended before this time
-- param limit int 20: rows at most
SELECT
  coalesce(src_workload, src_addr) AS client,
  coalesce(dst_workload, dst_service, dst_addr) AS server,
  dst_port,
  outcome,
  error,
  sum(connection_count) AS connections,
  max(attempts) AS of_all,
  min(start_time) AS first_time,
  max(end_time) AS last_time
FROM (
  SELECT connections.*,
    sum(connection_count) OVER (PARTITION BY coalesce(src_workload, src_addr), coalesce(dst_workload, dst_service, dst_addr), dst_port) AS attempts
  FROM connections
  WHERE end_time >= $since AND end_time < $until AND counted
) AS told
WHERE outcome NOT IN ('open', 'closed')
GROUP BY 1, 2, 3, 4, 5
ORDER BY connections DESC, client, server, outcome
LIMIT $limit
