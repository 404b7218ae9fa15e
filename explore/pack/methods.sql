-- title: How the ends were named
-- question: By what were the ends of connections given their owners, and what share has none?
-- param since timestamp: only rows that ended at this time or later
-- param until timestamp: only rows that ended before this time
SELECT
  method,
  count(*) AS ends,
  round(100.0 * count(*) / nullif(sum(count(*)) OVER (), 0), 1) AS percent
FROM (
  SELECT src_method AS method FROM flows WHERE end_time >= $since AND end_time < $until AND $arrival
  UNION ALL
  SELECT dst_method AS method FROM flows WHERE end_time >= $since AND end_time < $until AND $arrival
) AS ends
GROUP BY method
ORDER BY ends DESC, method
