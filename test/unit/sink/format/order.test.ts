import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sortRows } from '../../../../sink/format/order.ts';

const row = fc.record({
  dst: fc.integer({ min: -1, max: 3 }),
  src: fc.integer({ min: -1, max: 3 }),
  end: fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.integer({ min: 0, max: 2 ** 47 })),
});

describe('the order of rows', () => {
  it('is by destination, source and end, and keeps equal rows as they stood', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
        const ends = Float64Array.from(rows, ({ end }) => end);
        const order = sortRows(
          rows.length,
          (i) => rows[i]!.dst,
          4,
          (i) => rows[i]!.src,
          4,
          ends,
        );
        const expected = rows
          .map((_, i) => i)
          .sort((a, b) => {
            const [x, y] = [rows[a]!, rows[b]!];
            return x.dst - y.dst || x.src - y.src || x.end - y.end || a - b;
          });
        assert.deepEqual([...order], expected);
      }),
    );
  });

  it('bears times that lie absurdly far apart', () => {
    const ends = Float64Array.of(2 ** 53, 0, 2 ** 52);
    assert.deepEqual(
      [
        ...sortRows(
          3,
          () => -1,
          0,
          () => -1,
          0,
          ends,
        ),
      ],
      [1, 2, 0],
    );
  });
});
