-- title: What was not recorded
-- question: How many flows are told instead of shown: dropped by whom, why, and when?
-- param since timestamp: only losses that ended at this time or later
-- param limit int 50: rows at most
SELECT
  stage,
  reason,
  reporter_node,
  intentional,
  CAST(sum(flows) AS bigint) AS flows,
  sum(CASE WHEN flows IS NULL THEN 1 ELSE 0 END) AS entries_of_unknown_size,
  min(interval_start) AS first_time,
  max(interval_end) AS last_time
FROM losses
WHERE interval_end IS NULL OR interval_end >= $since
GROUP BY stage, reason, reporter_node, intentional
ORDER BY flows DESC NULLS LAST, stage, reason, reporter_node
LIMIT $limit
