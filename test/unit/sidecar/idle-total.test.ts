import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleTotal } from '../../../sidecar/idle-total.ts';

test('a total is due once no batch was made for a minute, and each minute again', () => {
  const idle = new IdleTotal();
  assert.equal(idle.isDue({ seq: 3, next: 9 }, 1000), false);
  assert.equal(idle.isDue({ seq: 3, next: 9 }, 60_999), false);
  assert.equal(idle.isDue({ seq: 3, next: 9 }, 61_000), true);
  // The total itself was a batch.
  assert.equal(idle.isDue({ seq: 4, next: 9 }, 61_100), false);
  assert.equal(idle.isDue({ seq: 4, next: 9 }, 121_099), false);
  assert.equal(idle.isDue({ seq: 4, next: 9 }, 121_100), true);
});

test('a batch meanwhile, or a clock that was set back, begins the wait anew', () => {
  const idle = new IdleTotal();
  idle.isDue({ seq: 1, next: 9 }, 0);
  assert.equal(idle.isDue({ seq: 2, next: 9 }, 60_000), false);
  assert.equal(idle.isDue({ seq: 2, next: 9 }, 119_999), false);
  assert.equal(idle.isDue({ seq: 2, next: 9 }, 50_000), false);
  assert.equal(idle.isDue({ seq: 2, next: 9 }, 109_999), false);
  assert.equal(idle.isDue({ seq: 2, next: 9 }, 110_000), true);
});

test('a stream without flows tells nothing', () => {
  const idle = new IdleTotal();
  assert.equal(idle.isDue({ seq: 0, next: 0 }, 0), false);
  assert.equal(idle.isDue({ seq: 0, next: 0 }, 100_000), false);
});
