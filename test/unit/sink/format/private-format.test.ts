import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeirError } from '../../../../contract/errors.ts';
import type { TableData, TableFormat } from '../../../../sink/format/columns.ts';
import { OwnershipTable } from '../../../../sink/format/ownership-table.ts';
import { cutAddress, privateFormat } from '../../../../sink/format/private-format.ts';
import { ownership, workload } from '../../../fixtures/enricher-messages.ts';

function recorder(): { readonly format: TableFormat; readonly written: TableData[] } {
  const written: TableData[] = [];
  const format: TableFormat = {
    format: 'parquet',
    write: async (table) => void written.push(table),
    readMetadata: async () => ({}),
    close: async () => undefined,
  };
  return { format, written };
}

function textAt(table: TableData, name: string, row: number): string | null {
  const column = table.columns[name];
  assert.equal(column?.kind, 'texts');
  if (column?.kind !== 'texts') return null;
  const code = column.codes[column.index[row] ?? -1] ?? -1;
  return column.texts[code] ?? null;
}

test('columns that are dropped are null in every row, and public addresses of ownership keep their network', async () => {
  const table = new OwnershipTable();
  const claims = ['203.0.113.7', '203.0.113.9', '10.0.0.1', '2001:db8:1:2::9'].map((addr, i) => ({
    addr,
    who: workload(`w${i}`),
    from: 1,
  }));
  table.append(ownership({ seq: 0, kind: 'full', asOf: 5, claims }));
  const { format, written } = recorder();
  const hidden = privateFormat(format, { externalAddresses: 'drop', dropColumns: ['labels', 'node'] });
  await hidden.write(table.finish(), 'f', {});
  const [out] = written;
  assert.ok(out);
  assert.deepEqual(
    [0, 1, 2, 3].map((row) => textAt(out, 'addr', row)),
    ['203.0.113.0', '203.0.113.0', '10.0.0.1', '2001:db8:1::'],
  );
  const lengths = out.columns['prefix_length'];
  assert.deepEqual(lengths?.kind === 'ints' ? [...lengths.values.subarray(0, 4)] : null, [24, 24, 32, 48]);
  assert.deepEqual(out.columns['labels'], { kind: 'none' });
  assert.deepEqual(out.columns['node'], { kind: 'none' });
  assert.equal(textAt(out, 'workload', 1), 'w1');
  const addr = out.columns['addr'];
  assert.equal(addr?.kind === 'texts' ? new Set(addr.texts).size : 0, 3, 'texts are distinct');
});

test('nothing to leave out is the format itself', () => {
  const { format } = recorder();
  assert.equal(privateFormat(format, { externalAddresses: 'keep', dropColumns: [] }), format);
});

for (const [column, problem] of [
  ['colour', /no table has such a column/],
  ['flow_number', /no row can be without/],
] as const) {
  test(`the column ${column} cannot be dropped: ${problem.source}`, () => {
    assert.throws(
      () => privateFormat(recorder().format, { externalAddresses: 'keep', dropColumns: [column] }),
      (error) => error instanceof WeirError && error.code === 'WEIR_CONFIG_INVALID' && problem.test(error.message),
    );
  });
}

test('an address is cut in the text that the tables have', () => {
  assert.equal(cutAddress('2001:db8::1'), '2001:db8::');
  assert.equal(cutAddress('2001:db8:1:2:3:4:5:6'), '2001:db8:1::');
  assert.equal(cutAddress('fd00::1'), 'fd00::1');
  assert.equal(cutAddress('100.64.0.1'), '100.64.0.1');
});
