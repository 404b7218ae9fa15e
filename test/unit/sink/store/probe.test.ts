import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WeirError } from '../../../../contract/errors.ts';
import { probeCondition } from '../../../../sink/store/probe.ts';

/** What a store does with a name that is taken. */
function storeThat(second: 'refuses' | 'overwrites' | 'ignores' | 'refuses and overwrites' | 'is away') {
  let held: Uint8Array | null = null;
  return {
    where: 'memory',
    createBytes: (_name: string, bytes: Uint8Array): Promise<void> => {
      const taken = held !== null;
      if (!taken || second.includes('overwrites')) held = bytes;
      if (taken && second.includes('refuses')) return Promise.reject(new WeirError('WEIR_SINK_EXISTS', 'taken'));
      if (taken && second === 'is away') return Promise.reject(new WeirError('WEIR_SINK_STORE_UNAVAILABLE', 'away'));
      return Promise.resolve();
    },
    readRange: (): Promise<Uint8Array> => Promise.resolve(held ?? new Uint8Array(0)),
  };
}

describe('the probe of the condition', () => {
  it('passes a store that refuses a name that is taken', () => probeCondition(storeThat('refuses'), 'p'));

  it('fails a store that does not, whatever it says', async () => {
    for (const bad of ['overwrites', 'ignores', 'refuses and overwrites'] as const) {
      await assert.rejects(probeCondition(storeThat(bad), 'p'), { code: 'WEIR_SINK_STORE_CONDITION' }, bad);
    }
  });

  it('says so when the store is away rather than wrong', () =>
    assert.rejects(probeCondition(storeThat('is away'), 'p'), { code: 'WEIR_SINK_STORE_UNAVAILABLE' }));
});
