import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OwnershipKind } from '../../../schemas/generated/common.ts';
import { foldOwnership } from '../../../sink/ownership-content.ts';
import { beginFold } from '../../../sink/tiling.ts';

const { full, delta, asOf, goodbye } = OwnershipKind;

/** Which of the messages of an epoch become rows. */
function taken(messages: readonly (readonly [seq: number, kind: OwnershipKind, epoch?: string])[]): boolean[] {
  const state = beginFold(new Map(), new Map());
  return messages.map(([seq, kind, epoch = 'e1']) =>
    foldOwnership(state, { cluster: 'c', reporter: 'n1', epoch, seq, kind }, 1000),
  );
}

describe('rows of ownership', () => {
  it('come from deltas, not from heartbeats or full lists that repeat', () => {
    assert.deepEqual(
      taken([
        [0, full],
        [1, asOf],
        [2, delta],
        [3, full],
        [4, goodbye],
      ]),
      [true, false, true, false, true],
    );
  });

  it('come from no message twice', () => {
    assert.deepEqual(
      taken([
        [0, full],
        [1, delta],
        [0, full],
        [1, delta],
        [2, delta],
      ]),
      [true, true, false, false, true],
    );
  });

  it('come from the first full list after a gap, even when others lie between', () => {
    assert.deepEqual(
      taken([
        [0, full],
        [5, asOf],
        [6, delta],
        [7, full],
        [8, full],
      ]),
      [true, false, true, true, false],
    );
  });

  it('come from the first full list of each epoch', () => {
    assert.deepEqual(
      taken([
        [0, full],
        [0, full, 'e2'],
        [1, full, 'e2'],
      ]),
      [true, true, false],
    );
  });
});
