-- title: Where segments are lost
-- question: Which edges retransmit, in which direction, and how often did the timer have to fire?
-- param since timestamp: only minutes from this time on
-- param until timestamp: only minutes before this time
-- param limit int 20: rows at most
SELECT
  coalesce(src_workload, src_as_org, src_addr_scope) AS client,
  coalesce(dst_workload, dst_service, dst_as_org, dst_addr_scope) AS server,
  CAST(sum(src_retransmitted_segments) AS bigint) AS retransmitted_to_server,
  CAST(sum(dst_retransmitted_segments) AS bigint) AS retransmitted_to_client,
  round(100.0 * sum(src_retransmitted_segments) / nullif(sum(segments_to_dst), 0), 2) AS percent_to_server,
  round(100.0 * sum(dst_retransmitted_segments) / nullif(sum(segments_to_src), 0), 2) AS percent_to_client,
  CAST(sum(src_rto_timeouts + dst_rto_timeouts) AS bigint) AS timeouts
FROM edges
WHERE minute >= $since AND minute < $until
GROUP BY 1, 2
HAVING sum(src_retransmitted_segments + dst_retransmitted_segments) > 0
ORDER BY sum(src_retransmitted_segments + dst_retransmitted_segments) DESC, client, server
LIMIT $limit
