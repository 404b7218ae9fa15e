/** A table as it was read: cells with the place that an error names. */
import { WeirError } from '../../contract/errors.ts';

export interface Cell {
  readonly text: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** One row: by column name. What a row does not have is as if it were empty. */
export type Cells = ReadonlyMap<string, Cell>;

export interface ReadRow {
  readonly line: number;
  readonly cells: Cells;
}

/** @throws WEIR_ENRICHER_TABLE_INVALID, always */
export function refuseAt(file: string, { line, column }: { line: number; column: number }, problem: string): never {
  throw new WeirError('WEIR_ENRICHER_TABLE_INVALID', `${file}:${line}:${column}: ${problem}`, { file, line, column });
}
