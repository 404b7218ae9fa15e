import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NatSource, type Translation } from '../../../../schemas/generated/common.ts';
import type { EnrichedBatch } from '../../../../schemas/generated/flows-enriched-v1.ts';
import type { ColumnData } from '../../../../sink/format/columns.ts';
import { FlowsTable } from '../../../../sink/format/flows-table.ts';
import { enrichedBatch, ipv4 } from '../../../fixtures/enriched.ts';

const valueAt = (column: ColumnData | undefined, row: number): string | number | null => {
  if (column?.kind === 'none') return null;
  if (column?.kind === 'texts') {
    const entity = column.index[row]!;
    return entity < 0 ? null : (column.texts[column.codes[entity]!] ?? null);
  }
  assert.ok(column?.kind === 'ints');
  return column.values[row]! < 0 ? null : column.values[row]!;
};

const NAMES = ['src_nat_addr', 'src_nat_port', 'dst_nat_addr', 'dst_nat_port', 'nat_source'];

function natOf(table: FlowsTable, row: number): (string | number | null)[] {
  const { columns } = table.finish();
  return NAMES.map((name) => valueAt(columns[name], row));
}

const translation = (row: number, more: Partial<Translation>): Translation => {
  return { row, srcAddr: -1, srcPort: -1, dstAddr: -1, dstPort: -1, source: NatSource.conntrack, ...more };
};

describe('translations in the table', () => {
  const rows = enrichedBatch([
    { ring: 'a', first: 0, next: 3 },
    { ring: 'b', first: 0, next: 3 },
  ]);
  const batch: EnrichedBatch = {
    ...rows,
    natAddresses: [{ addr: ipv4(10, 0, 1, 2) }, { addr: ipv4(10, 9, 0, 1) }, { addr: new Uint8Array(16) }],
    translations: [
      translation(1, { dstAddr: 0, dstPort: 8080 }),
      translation(3, { srcAddr: 1, srcPort: 50_000, dstAddr: 0, dstPort: 8080, source: NatSource.peerReport }),
      translation(5, { srcAddr: 2, srcPort: 7 }),
    ],
  };

  it('stand in their rows, whichever source the rows are of, and are null in the others', () => {
    const table = new FlowsTable();
    const remap = table.remap(batch);
    table.append(batch.flows, 0, 3, batch.sources[0]!, remap);
    table.append(batch.flows, 3, 6, batch.sources[1]!, remap);
    assert.deepEqual(natOf(table, 0), [null, null, null, null, null]);
    assert.deepEqual(natOf(table, 1), [null, null, '10.0.1.2', 8080, 'conntrack']);
    assert.deepEqual(natOf(table, 3), ['10.9.0.1', 50_000, '10.0.1.2', 8080, 'peer_report']);
    assert.deepEqual(natOf(table, 4), [null, null, null, null, null]);
    assert.deepEqual(natOf(table, 5), [null, 7, null, null, 'conntrack'], 'an address that privacy leaves out');
  });

  it('of a source that is left out stay out, also where its rows lie between', () => {
    const table = new FlowsTable();
    table.append(batch.flows, 3, 6, batch.sources[1]!, table.remap(batch));
    assert.deepEqual(natOf(table, 0), ['10.9.0.1', 50_000, '10.0.1.2', 8080, 'peer_report']);
    assert.deepEqual(natOf(table, 1), [null, null, null, null, null]);
    table.clear();
    table.append(batch.flows, 0, 1, batch.sources[0]!, table.remap(batch));
    assert.deepEqual(natOf(table, 0), [null, null, null, null, null]);
  });
});
