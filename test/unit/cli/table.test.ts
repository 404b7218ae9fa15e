import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatCell, renderCsv, renderJsonLines, renderTable } from '../../../cli/table.ts';

test('a table aligns text to the left and numbers to the right', () => {
  const text = renderTable(
    ['name', 'bytes'],
    [
      ['a', '5'],
      ['bcd', '1200'],
    ],
    80,
  );
  assert.equal(text, ['name  bytes', '────  ─────', 'a         5', 'bcd    1200', ''].join('\n'));
});

test('a table never exceeds the width of the terminal: the widest columns are cut first', () => {
  const rows = [['short', 'x'.repeat(200), 'y'.repeat(90), '7']];
  for (const width of [40, 60, 80, 132]) {
    const lines = renderTable(['a', 'long', 'longer', 'n'], rows, width).trimEnd().split('\n');
    for (const line of lines) assert.ok(line.length <= width, `${line.length} > ${width}`);
    assert.match(lines[2] ?? '', /^short +x+… +y+… +7$/);
  }
});

test('a row that is much wider than the terminal is written a column a line, without what is empty', () => {
  const columns = Array.from({ length: 12 }, (_, index) => `a_long_name_${index}`);
  const row = columns.map((_, index) => (index === 3 ? '' : `value-${index}`));
  const lines = renderTable(columns, [row, row], 60).trimEnd().split('\n');
  assert.equal(lines.length, 2 * 12);
  assert.deepEqual(lines.slice(0, 2), ['── 1', 'a_long_name_0   value-0']);
  assert.ok(!lines.some((line) => line.startsWith('a_long_name_3 ')));
  for (const line of lines) assert.ok(line.length <= 60);
});

test('a name with control characters cannot steer the terminal', () => {
  assert.equal(formatCell('a\u001b[31mb\nc\u009b'), 'a [31mb c ');
});

test('JSON lines keep types: exact integers, nulls, times in ISO 8601', () => {
  const text = renderJsonLines(['n', 'big', 't', 'x'], [[5n, 2n ** 60n, new Date(0), null]]);
  assert.equal(text, '{"n":5,"big":"1152921504606846976","t":"1970-01-01T00:00:00.000Z","x":null}\n');
});

test('CSV quotes what needs quotes', () => {
  assert.equal(renderCsv(['a', 'b'], [['x,"y"', null]]), 'a,b\r\n"x,""y""",\r\n');
});
