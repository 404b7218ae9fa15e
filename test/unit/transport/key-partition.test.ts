import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2, partitionOf } from '../../../transport/key-partition.ts';

// org.apache.kafka.common.utils.UtilsTest.testMurmur2
const VECTORS: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

test("murmur2 gives what Kafka's Java client gives", () => {
  for (const [key, hash] of VECTORS) assert.equal(murmur2(new TextEncoder().encode(key)), hash, key);
});

test('a partition is never negative and below the count', () => {
  for (const [key] of VECTORS) {
    const partition = partitionOf(key, 7);
    assert.ok(partition >= 0 && partition < 7);
  }
  assert.equal(partitionOf('anything', 1), 0);
});
