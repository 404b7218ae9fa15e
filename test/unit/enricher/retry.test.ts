import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock, UnixMs } from '../../../contract/clock.ts';
import { WeirError } from '../../../contract/errors.ts';
import { untilDone } from '../../../enricher/retry.ts';

function failing(times: number, code: 'WEIR_TRANSPORT_UNAVAILABLE' | 'WEIR_TRANSPORT_CORRUPT'): () => Promise<string> {
  let left = times;
  return () => (left-- > 0 ? Promise.reject(new WeirError(code, 'no')) : Promise.resolve('yes'));
}

const clock: Clock = { nowMs: () => 0 as UnixMs, sleep: () => Promise.resolve() };

test('what may succeed later is called again, with a growing pause', async () => {
  const pauses: number[] = [];
  const { signal } = new AbortController();
  const onRetry = (_: WeirError, pauseMs: number): unknown => pauses.push(pauseMs);
  assert.equal(await untilDone(failing(9, 'WEIR_TRANSPORT_UNAVAILABLE'), { clock, signal, onRetry }), 'yes');
  assert.deepEqual(pauses, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});

test('what cannot succeed is thrown at once', async () => {
  const { signal } = new AbortController();
  const call = untilDone(failing(1, 'WEIR_TRANSPORT_CORRUPT'), { clock, signal, onRetry: () => assert.fail() });
  await assert.rejects(call, { code: 'WEIR_TRANSPORT_CORRUPT' });
});

test('after the signal a call is made once more and not again', async () => {
  const signal = AbortSignal.abort();
  const options = { clock, signal, onRetry: () => assert.fail() };
  assert.equal(await untilDone(failing(0, 'WEIR_TRANSPORT_UNAVAILABLE'), options), 'yes');
  assert.equal(await untilDone(failing(1, 'WEIR_TRANSPORT_UNAVAILABLE'), options), null);
});
