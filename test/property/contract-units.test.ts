import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { renderCsv, renderTable } from '../../cli/table.ts';
import { nearest } from '../../contract/config.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../contract/units.ts';

test('every whole number of milliseconds or bytes survives being written and read', () => {
  const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  fc.assert(fc.property(whole, (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)));
  fc.assert(fc.property(whole, (bytes) => assert.equal(parseSize(formatSize(bytes)), bytes)));
});

test('whatever text is given, a duration or size is a whole number from 0 on, or refused', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{1,9}(ms|s|m|h|d|KiB|MiB|B)?$/));
  fc.assert(
    fc.property(text, (given) => {
      for (const value of [parseDuration(given), parseSize(given)]) {
        assert.ok(value === null || (Number.isSafeInteger(value) && value >= 0));
      }
    }),
  );
});

test('a table of any cells keeps its width and its number of lines', () => {
  const rows = fc.array(fc.tuple(fc.string(), fc.string(), fc.string()), { maxLength: 8 });
  fc.assert(
    // Three columns of nine and their gaps: below that a column a line is written.
    fc.property(rows, fc.integer({ min: 31, max: 200 }), (cells, width) => {
      const clean = cells.map((row) => row.map((cell) => cell.replace(/\p{Cc}/gu, ' ')));
      const lines = renderTable(['first', 'second', 'third'], clean, width).split('\n');
      assert.equal(lines.length, cells.length + 3);
      for (const line of lines) assert.ok(line.length <= width);
    }),
  );
});

test('a CSV of any cells has as many records as rows: quotes and line ends within cells are quoted', () => {
  const rows = fc.array(fc.tuple(fc.string(), fc.constantFrom('a,b', 'a"b', 'plain')), { maxLength: 8 });
  fc.assert(
    fc.property(rows, (cells) => {
      const outside = renderCsv(['x', 'y'], cells).replace(/"(?:[^"]|"")*"/g, 'q');
      assert.equal(outside.split('\r\n').length - 1, cells.length + 1);
      for (const record of outside.split('\r\n').slice(0, -1)) assert.equal(record.split(',').length, 2);
    }),
  );
});

test('the nearest of some words to one of them is itself', () => {
  const words = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 20 });
  fc.assert(fc.property(words, (known) => known.forEach((word) => assert.equal(nearest(word, known), word))));
});
