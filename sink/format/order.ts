/** The order of rows in a file: by destination workload, source workload, end time. Equal rows keep their order. */

/** Time beyond this many bits of microseconds (8.9 years in one object) is compared more coarsely. */
const TIME_BITS = 48;
const RADIX = 65_536;

/**
 * A stable radix sort, least key first.
 * @param dst ranks of the destination, -1 for none; @param src of the source. Ranks are below `dstRanks`, `srcRanks`.
 * Allocates 4 + 4 + 8 bytes a row.
 */
export function sortRows(
  rows: number,
  dst: (row: number) => number,
  dstRanks: number,
  src: (row: number) => number,
  srcRanks: number,
  endUs: Float64Array,
): Int32Array {
  let order = new Int32Array(rows);
  let spare = new Int32Array(rows);
  for (let row = 0; row < rows; row++) order[row] = row;
  if (rows < 2) return order;
  let min = Infinity;
  let max = -Infinity;
  for (let row = 0; row < rows; row++) {
    const end = endUs[row]!;
    if (end < min) min = end;
    if (end > max) max = end;
  }
  const scale = max - min < 2 ** TIME_BITS ? 1 : (max - min) / (2 ** TIME_BITS - 1);
  const keys = new Int32Array(rows);
  const pass = (buckets: number): void => {
    countingPass(order, spare, keys, buckets);
    [order, spare] = [spare, order];
  };
  for (let divisor = 1; divisor <= (max - min) / scale; divisor *= RADIX) {
    for (let row = 0; row < rows; row++) keys[row] = Math.floor((endUs[row]! - min) / scale / divisor) % RADIX;
    pass(RADIX);
  }
  for (let row = 0; row < rows; row++) keys[row] = src(row) + 1;
  pass(srcRanks + 1);
  for (let row = 0; row < rows; row++) keys[row] = dst(row) + 1;
  pass(dstRanks + 1);
  return order;
}

function countingPass(from: Int32Array, to: Int32Array, keys: Int32Array, buckets: number): void {
  const starts = new Int32Array(buckets + 1);
  for (let row = 0; row < keys.length; row++) starts[keys[row]! + 1]!++;
  for (let bucket = 0; bucket < buckets; bucket++) starts[bucket + 1]! += starts[bucket]!;
  for (let i = 0; i < from.length; i++) {
    const row = from[i]!;
    to[starts[keys[row]!]!++] = row;
  }
}
