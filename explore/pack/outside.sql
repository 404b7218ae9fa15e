-- title: Who reached outside for the first time
-- question: Which workloads opened connections to public addresses, or to addresses that nobody claimed, and when was the first time ever?
-- param since timestamp: only what was reached for the first time at this time or later
-- param limit int 20: rows at most
SELECT
  coalesce(src_workload, src_addr) AS client,
  src_namespace AS namespace,
  dst_addr,
  dst_port,
  CASE WHEN max(dst_addr_scope) = 'public' THEN coalesce(max(dst_as_org), 'public') ELSE 'unclaimed: ' || coalesce(max(dst_reason), '') END AS what,
  max(dst_country) AS country,
  min(start_time) AS first_time,
  sum(connection_count) AS connections,
  sum(bytes_to_dst) AS bytes_to_dst
FROM connections
WHERE counted AND NOT merged AND dst_addr_scope <> 'loopback'
  AND (dst_addr_scope = 'public' OR dst_reason = 'no_claim') AND dst_workload IS NULL
GROUP BY coalesce(src_workload, src_addr), src_namespace, dst_addr, dst_port
HAVING min(start_time) >= $since
ORDER BY first_time DESC, client, dst_addr
LIMIT $limit
