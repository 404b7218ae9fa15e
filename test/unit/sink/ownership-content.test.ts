import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OwnershipKind } from '../../../schemas/generated/common.ts';
import { foldOwnership } from '../../../sink/ownership-content.ts';
import { beginFold } from '../../../sink/tiling.ts';

const { full, delta, asOf, goodbye } = OwnershipKind;

interface Said {
  readonly seq: number;
  readonly kind: OwnershipKind;
  readonly epoch?: string;
  readonly reporter?: string;
  readonly asOfUs?: number;
  readonly atMs?: number;
}

/** What the fold makes of messages. */
function folded(messages: readonly Said[]): ReturnType<typeof foldOwnership>[] {
  const state = beginFold(new Map(), new Map());
  return messages.map(({ atMs = 1000, ...said }) =>
    foldOwnership(
      state,
      { cluster: 'c', network: 'n', reporter: 'n1', epoch: 'e1', asOfUs: 1, intervalMs: 5000, ...said },
      atMs,
    ),
  );
}

/** Which of the messages of an epoch become rows. */
const taken = (messages: readonly (readonly [seq: number, kind: OwnershipKind, epoch?: string])[]): boolean[] =>
  folded(messages.map(([seq, kind, epoch = 'e1']) => ({ seq, kind, epoch }))).map(({ isTaken }) => isTaken);

/** reporter/epoch: until when, of every life that ended (or -1: it goes on). */
const lives = (messages: readonly Said[]): string[][] =>
  folded(messages).map((fold) => fold.lives.map(({ reporter, epoch, untilUs }) => `${reporter}/${epoch}: ${untilUs}`));

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

  it('come from the first full list of a life that began with something else', () => {
    assert.deepEqual(
      taken([
        [0, delta],
        [1, asOf],
        [2, full],
        [3, full],
      ]),
      [true, false, true, false],
    );
    assert.deepEqual(
      taken([
        [0, asOf],
        [1, full],
        [2, full],
      ]),
      [false, true, false],
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

describe('the life of a reporter', () => {
  it('ends at its last as_of when another begins, once', () => {
    assert.deepEqual(
      lives([
        { seq: 0, kind: full, asOfUs: 10 },
        { seq: 1, kind: asOf, asOfUs: 20 },
        { seq: 0, kind: full, reporter: 'n2', epoch: 'e9', asOfUs: 25 },
        { seq: 0, kind: full, epoch: 'e2', asOfUs: 30 },
        { seq: 1, kind: asOf, epoch: 'e2', asOfUs: 40 },
        { seq: 0, kind: full, epoch: 'e2', asOfUs: 30 },
        { seq: 2, kind: asOf, asOfUs: 50 }, // of a process that was thought dead
        { seq: 0, kind: full, epoch: 'e3', asOfUs: 60 },
      ]),
      [[], [], [], ['n1/e1: 20'], [], [], [], ['n1/e2: 40']],
    );
  });

  it('ends with goodbye, and a life that begins after it ends nothing more', () => {
    assert.deepEqual(
      lives([
        { seq: 0, kind: full, asOfUs: 10 },
        { seq: 1, kind: goodbye, asOfUs: 30 },
        { seq: 0, kind: full, epoch: 'e2', asOfUs: 40 },
      ]),
      [[], ['n1/e1: 30'], []],
    );
  });

  it('ends when it says nothing for three intervals while others speak, and goes on when it speaks again', () => {
    const other = (seq: number, atMs: number): Said => ({ seq, kind: asOf, reporter: 'n2', epoch: 'e9', atMs });
    assert.deepEqual(
      lives([
        { seq: 0, kind: full, asOfUs: 10, atMs: 1000 },
        other(0, 1000),
        other(1, 15_999),
        other(2, 16_000),
        other(3, 30_000),
        { seq: 1, kind: asOf, asOfUs: 20, atMs: 31_000 },
        { seq: 2, kind: asOf, asOfUs: 30, atMs: 32_000 },
        { seq: 0, kind: full, epoch: 'e2', asOfUs: 40, atMs: 33_000 },
      ]),
      [[], [], [], ['n1/e1: 10'], [], ['n1/e1: -1'], [], ['n1/e1: 30']],
    );
  });

  it('that was silent has ended: a new one ends it no second time', () => {
    assert.deepEqual(
      lives([
        { seq: 0, kind: full, asOfUs: 10, atMs: 1000 },
        { seq: 0, kind: asOf, reporter: 'n2', epoch: 'e9', atMs: 20_000 },
        { seq: 0, kind: full, epoch: 'e2', asOfUs: 40, atMs: 33_000 },
      ]),
      [[], ['n1/e1: 10'], []],
    );
  });
});
