import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closeAtMs, closeReason, type Held, type RollLimits, wouldOverflow } from '../../../sink/roll.ts';

const LIMITS: RollLimits = {
  rowsMax: 100,
  bytesMax: 1000,
  lossEntriesMax: 10,
  messagesMax: 50,
  ageMs: 30,
  emptyAgeMs: 600,
};
const HELD: Held = { messages: 1, rows: 1, lossEntries: 0, bytes: 10, sinceMs: 1000 };

describe('closing an object', () => {
  it('waits for at least one message', () => {
    assert.equal(closeReason({ ...HELD, messages: 0, rows: 0 }, LIMITS, 9_000_000), null);
  });

  it('happens by rows, bytes, ledger entries, messages or age, whichever is first', () => {
    assert.equal(closeReason(HELD, LIMITS, 1029), null);
    assert.equal(closeReason({ ...HELD, rows: 100 }, LIMITS, 1000), 'rows');
    assert.equal(closeReason({ ...HELD, bytes: 1000 }, LIMITS, 1000), 'bytes');
    assert.equal(closeReason({ ...HELD, lossEntries: 10 }, LIMITS, 1000), 'losses');
    assert.equal(closeReason({ ...HELD, messages: 50 }, LIMITS, 1000), 'messages');
    assert.equal(closeReason(HELD, LIMITS, 1030), 'age');
  });

  it('waits longer where there is nothing to show, and not where there is a loss', () => {
    const empty = { ...HELD, rows: 0 };
    assert.equal(closeReason(empty, LIMITS, 1599), null);
    assert.equal(closeReason(empty, LIMITS, 1600), 'age');
    assert.equal(closeAtMs({ ...empty, lossEntries: 1 }, LIMITS), 1030);
  });

  it('comes before a message that would not fit, but a single message always does', () => {
    assert.equal(wouldOverflow({ ...HELD, rows: 60 }, LIMITS, 41), true);
    assert.equal(wouldOverflow({ ...HELD, rows: 60 }, LIMITS, 40), false);
    assert.equal(wouldOverflow({ ...HELD, rows: 0, messages: 0 }, LIMITS, 1000), false);
  });
});
