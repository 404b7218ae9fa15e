/** Rows of the table `losses`: the ledger entries that a winning object carries. Made after the object, from it. */
import type { LossEntry } from '../../schemas/objects.ts';
import type { ColumnData, TableData } from './columns.ts';
import { markUsed, textColumn } from './texts.ts';

export function lossesTable(losses: readonly LossEntry[]): TableData {
  const rows = losses.length;
  const index = Int32Array.from({ length: rows }, (_, row) => row);
  const used = markUsed(index, rows, rows);
  const text = (of: (loss: LossEntry) => string | null): ColumnData =>
    textColumn(index, used, (row) => of(losses[row]!) ?? '');
  const time = (of: (loss: LossEntry) => number): ColumnData => ({
    kind: 'doubles',
    values: Float64Array.from(losses, of),
    sentinel: false,
  });
  const columns: Record<string, ColumnData> = {
    interval_start: time((loss) => loss.startUs),
    interval_end: time((loss) => loss.endUs),
    stage: text((loss) => loss.stage),
    reason: text((loss) => loss.reason),
    flows: { kind: 'doubles', values: Float64Array.from(losses, (loss) => loss.flows ?? Number.NaN), sentinel: 'nan' },
    reporter_node: text((loss) => loss.node),
    ring_id: text((loss) => loss.ring),
    intentional: { kind: 'flags', values: Uint8Array.from(losses, (loss) => (loss.intentional ? 1 : 0)) },
    detected_by: text((loss) => loss.detectedBy),
  };
  return { table: 'losses', rows, order: null, columns };
}
