import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../cli/demo/random.ts';

test('numbers lie in their range, repeat with the seed, and spread', () => {
  const a = seededRandom(5);
  const b = seededRandom(5);
  const seen = new Set<number>();
  for (let i = 0; i < 2000; i++) {
    const value = a.next();
    assert.equal(value, b.next());
    assert.ok(value >= 0 && value < 1);
    const whole = a.between(3, 6);
    assert.equal(whole, b.between(3, 6));
    seen.add(whole);
  }
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    [3, 4, 5, 6],
  );
});
