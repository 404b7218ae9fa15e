/**
 * A finished table on its way into a file: columns of typed arrays and dictionaries, never row objects.
 * What a row's value is, is said per column by one of a few shapes; the file formats gather from these.
 */
import type { ObjectFormat, TableName } from '../../schemas/objects.ts';
import type { Store } from '../../contract/store.ts';

export type ColumnData =
  /** Null in every row. */
  | { readonly kind: 'none' }
  /** The same whole number in every row. */
  | { readonly kind: 'constant'; readonly value: number }
  /** Whole numbers (microseconds for timestamps), exact to 2^53. `sentinel`: a negative one is null, or NaN alone. */
  | { readonly kind: 'doubles'; readonly values: Float64Array; readonly sentinel: boolean | 'nan' }
  | { readonly kind: 'ints'; readonly values: Int32Array; readonly sentinel: boolean }
  /** 0 or 1. */
  | { readonly kind: 'flags'; readonly values: Uint8Array }
  /**
   * `texts[codes[index[row]]]`; null where index or code is negative. `texts` are distinct, each is used by some row.
   */
  | {
      readonly kind: 'texts';
      readonly index: Int32Array;
      readonly codes: Int32Array;
      readonly texts: readonly string[];
    }
  /** `values[index[row]]`; null where index or value is negative. */
  | { readonly kind: 'looked_up'; readonly index: Int32Array; readonly values: Float64Array };

export interface TableData {
  readonly table: TableName;
  readonly rows: number;
  /** Row numbers in the order of the file; null: as they stand. */
  readonly order: Int32Array | null;
  /** By column name; every column of schemas/tables.ts is there. */
  readonly columns: Readonly<Record<string, ColumnData>>;
}

/** How tables lie in files. One chain has one format for ever (its genesis object says which). */
export interface TableFormat {
  readonly format: ObjectFormat;
  /**
   * Write a whole file at a path that does not exist yet. Borrows the table until it settles.
   * Fails: WEIR_SINK_STORE_FULL, WEIR_SINK_STORE_RIGHTS, WEIR_SINK_ENCODE_FAILED; what stands at the path is then junk.
   */
  write(table: TableData, file: string, metadata: Readonly<Record<string, string>>): Promise<void>;
  /** The file's own key-value metadata. Fails: WEIR_SINK_OBJECT_INVALID, WEIR_SINK_STORE_*. */
  readMetadata(store: Store, name: string): Promise<Record<string, string>>;
  close(): Promise<void>;
}
