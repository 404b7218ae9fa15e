import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WeirError } from '../../../contract/errors.ts';
import type { ChainState } from '../../../schemas/objects.ts';
import { findBreak, judgePut, needsRoll, nextObjectName, rollState, sealState } from '../../../sink/chain.ts';

const LOG_ID = 'abcdefghijklmnopqrstuA';
const STATE: ChainState = {
  logId: LOG_ID,
  nextOffset: 42,
  hour: { dt: '2026-11-24', hour: 5 },
  streams: new Map([['r', { next: 1, lastMs: 1 }]]),
  marks: new Map(),
};
const AT = Date.UTC(2026, 10, 24, 5, 30);
const HOUR_MS = 3_600_000;

describe('the chain', () => {
  it('names the next object by the state before it alone', () => {
    const name = nextObjectName({ table: 'flows', partition: 2, format: 'parquet' }, STATE);
    assert.equal(name, `flows/dt=2026-11-24/hour=05/${LOG_ID}-00002-00000000000000000042.parquet`);
  });

  it('rolls for a message of a later hour, and never goes back for one of an earlier', () => {
    assert.equal(needsRoll(STATE, AT), false);
    assert.equal(needsRoll(STATE, AT + HOUR_MS), true);
    assert.equal(needsRoll(STATE, AT - HOUR_MS), false);
    assert.deepEqual(rollState(STATE, AT + HOUR_MS), { ...STATE, hour: { dt: '2026-11-24', hour: 6 } });
    assert.deepEqual(rollState(STATE, AT - HOUR_MS), STATE);
  });

  it('seals where a topic was made anew, and keeps the streams', () => {
    const other = 'zzzzzzzzzzzzzzzzzzzzzA';
    const sealed = sealState(STATE, other, 3, AT - HOUR_MS);
    assert.deepEqual(sealed, { ...STATE, logId: other, nextOffset: 3 });
  });

  it('notices that the log does not go on where it stands', () => {
    assert.equal(findBreak(STATE, 50, LOG_ID, { start: 0, end: 60 }), null);
    assert.equal(findBreak(STATE, 50, LOG_ID, { start: 50, end: 50 }), null);
    assert.equal(findBreak(STATE, 50, 'other', { start: 0, end: 60 }), 'recreated');
    assert.equal(findBreak(STATE, 50, LOG_ID, { start: 51, end: 60 }), 'cut');
    assert.equal(findBreak(STATE, 50, LOG_ID, { start: 0, end: 49 }), 'truncated');
  });

  it('knows what each answer to a PUT means', () => {
    assert.equal(judgePut(null), 'won');
    assert.equal(judgePut(new WeirError('WEIR_SINK_EXISTS', '')), 'taken');
    assert.equal(judgePut(new WeirError('WEIR_SINK_STORE_UNAVAILABLE', '')), 'unknown');
    assert.equal(judgePut(new WeirError('WEIR_SINK_STORE_FULL', '')), 'unknown');
    assert.equal(judgePut(new WeirError('WEIR_SINK_STORE_RIGHTS', '')), 'failed');
  });
});
