-- title: Who held an address, and when
-- question: To which workload did an address belong at what time, and which addresses changed hands?
-- param addr text: only this address
-- param at timestamp: only who held it at this time
-- param limit int 50: rows at most
SELECT
  addr,
  nullif(port, 0) AS port,
  workload,
  namespace,
  workload_kind,
  instance,
  valid_from,
  valid_to,
  method,
  claimed_by,
  count(*) OVER (PARTITION BY network, addr, port) AS owners_known
FROM ownership_history
WHERE ($addr IS NULL OR addr = $addr) AND workload IS NOT NULL
  AND ($at IS NULL OR (valid_from <= $at AND (valid_to IS NULL OR valid_to > $at)))
ORDER BY owners_known DESC, addr, port, valid_from
LIMIT $limit
