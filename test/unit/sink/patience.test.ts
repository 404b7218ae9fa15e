import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../../contract/clock.ts';
import { WeirError } from '../../../contract/errors.ts';
import { silentLogger } from '../../../contract/log.ts';
import { GaveUp, Patience } from '../../../sink/patience.ts';

const never = new Promise<never>(() => undefined);

function patience(graceMs = 5): { readonly patience: Patience; readonly take: () => void } {
  const taken = new AbortController();
  return {
    patience: new Patience(systemClock, silentLogger, taken.signal, graceMs),
    take: () => taken.abort(),
  };
}

test('work that ends in time gives its result or its error', async () => {
  const { patience: it } = patience();
  assert.equal(await it.bounded(Promise.resolve(7)), 7);
  await assert.rejects(it.bounded(Promise.reject(new Error('its own'))), /its own/);
});

test('what is under way, and what begins afterwards, gives up once the time after the partition was taken is over', async () => {
  const { patience: it, take } = patience();
  const waiting = [it.bounded(never), it.bounded(never)];
  take();
  for (const work of waiting) await assert.rejects(work, GaveUp);
  await assert.rejects(it.bounded(never), GaveUp);
  await assert.rejects(it.pause(0), GaveUp);
});

test('an error to try again is tried again, any other is not', async () => {
  const { patience: it } = patience();
  let tries = 0;
  const flaky = (): Promise<number> => {
    tries++;
    return tries < 3 ? Promise.reject(new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'away')) : Promise.resolve(tries);
  };
  assert.equal(await it.until('the call', flaky), 3);
  await assert.rejects(
    it.until('the call', () => Promise.reject(new WeirError('WEIR_INTERNAL', 'for good'))),
    /for good/,
  );
});

test('a result is not held once its taker has let go of it, however long the partition is kept', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { patience: it } = patience();
  const results: WeakRef<object>[] = [];
  for (let i = 0; i < 10; i++) {
    const messages = { bytes: new Uint8Array(1000) };
    results.push(new WeakRef(messages));
    await it.bounded(Promise.resolve(messages));
  }
  await turn();
  collect();
  const held = results.filter((result) => result.deref() !== undefined).length;
  // The loop's own last one may still be in a register.
  assert.ok(held <= 1, `${held} of ${results.length} results are held`);
});
