/** How many starts the first 16 bits of an IPv4 address tell apart. */
const INDEX_SIZE = 0x1_0000;

/**
 * Over ranges of IPv4 addresses by their sorted starts: for each value of an address's first 16 bits, and one beyond, the
 * last range that starts at or before its first address, and so where to look from.
 */
export function rangeIndexOf(starts: Uint32Array): Int32Array<ArrayBuffer> {
  const index = new Int32Array(INDEX_SIZE + 1);
  let range = 0;
  for (let top = 0; top <= INDEX_SIZE; top += 1) {
    while (range + 1 < starts.length && starts[range + 1]! <= top * 0x1_0000) range += 1;
    index[top] = range;
  }
  return index;
}
