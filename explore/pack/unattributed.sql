-- title: Ends without an owner, and why
-- question: How many ends of connections could not be given an owner, for which reason, and where do they lie?
-- param since timestamp: only rows that ended at this time or later
-- param until timestamp: only rows that ended before this time
-- param limit int 20: rows at most
SELECT
  reason,
  side,
  addr_scope,
  CAST(sum(connection_count) AS bigint) AS connections,
  count(*) AS row_count,
  count(DISTINCT addr) AS addresses,
  min(addr) AS for_example
FROM (
  SELECT 'src' AS side, src_reason AS reason, src_addr_scope AS addr_scope, src_addr AS addr, connection_count
  FROM flows WHERE src_reason IS NOT NULL AND end_time >= $since AND end_time < $until AND $arrival
  UNION ALL
  SELECT 'dst' AS side, dst_reason AS reason, dst_addr_scope AS addr_scope, dst_addr AS addr, connection_count
  FROM flows WHERE dst_reason IS NOT NULL AND end_time >= $since AND end_time < $until AND $arrival
) AS ends
GROUP BY reason, side, addr_scope
ORDER BY row_count DESC, reason, side
LIMIT $limit
