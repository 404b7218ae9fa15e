import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Entities, markUsed, textColumn } from '../../../../sink/format/texts.ts';

describe('entities', () => {
  it('are numbered once by their key, and forgotten when cleared', () => {
    const entities = new Entities<string>();
    assert.deepEqual([entities.number('a', 'A'), entities.number('b', 'B'), entities.number('a', 'other')], [0, 1, 0]);
    assert.deepEqual(entities.list, ['A', 'B']);
    entities.clear();
    assert.equal(entities.number('b', 'B'), 0);
  });
});

describe('text columns', () => {
  const index = Int32Array.of(2, 0, -1, 2, 3);
  const column = (texts: readonly string[], sorted: boolean = false) =>
    textColumn(index, markUsed(index, 5, texts.length), (n) => texts[n]!, sorted);

  it('hold only texts that a row uses, equal ones once, empty ones as null', () => {
    const made = column(['x', 'unused', '', 'x']);
    assert.ok(made.kind === 'texts');
    assert.deepEqual([made.texts, [...made.codes]], [['x'], [0, -1, -1, 0]]);
  });

  it('are no column at all where every row is null', () => {
    assert.equal(column(['', 'unused', '', '']).kind, 'none');
  });

  it('have codes in the order of the texts when sorted', () => {
    const made = column(['z', 'unused', 'a', 'm'], true);
    assert.ok(made.kind === 'texts');
    assert.deepEqual(
      [made.texts, [...made.codes]],
      [
        ['a', 'm', 'z'],
        [2, -1, 0, 1],
      ],
    );
  });

  it('hold no NUL and no half of a surrogate pair, and stay distinct', () => {
    const made = column(['a\0b', '', 'a\uD800', 'a\uDC00']);
    assert.ok(made.kind === 'texts');
    assert.deepEqual(made.texts, ['a\uFFFDb', 'a\uFFFD']);
  });
});
