/** DuckDB's values as what a printer can print. Pure. */
import {
  type DuckDBValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBArrayValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
} from '@duckdb/node-api';

/** A printable value. Whole numbers beyond 2^53 are strings of digits; times are ISO 8601, UTC, with microseconds. */
export type Cell = string | number | boolean | null | readonly Cell[] | { readonly [key: string]: Cell };

export function toCell(value: DuckDBValue): Cell {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return wholeNumber(value);
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) return isoMicros(value.micros);
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(toCell);
  if (value instanceof DuckDBStructValue) return object(Object.entries(value.entries));
  if (value instanceof DuckDBMapValue)
    return object(value.entries.map(({ key, value: of }) => [textOfKey(toCell(key)), of]));
  if (value instanceof DuckDBUnionValue) return toCell(value.value);
  if (value instanceof DuckDBDecimalValue) return value.toDouble();
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('hex');
  return value.toString();
}

/** A map's key as a name. */
const textOfKey = (key: Cell): string => (typeof key === 'string' ? key : JSON.stringify(key));

const object = (entries: readonly (readonly [string, DuckDBValue])[]): Cell =>
  Object.fromEntries(entries.map(([key, value]) => [key, toCell(value)]));

const wholeNumber = (value: bigint): Cell => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
};

/** The infinities and years that a Date cannot hold stay as DuckDB's own number of microseconds. */
export function isoMicros(micros: bigint): string {
  const ms = micros >= 0n ? micros / 1000n : -((-micros + 999n) / 1000n);
  const date = new Date(Number(ms));
  if (Number.isNaN(date.getTime())) return `${micros} us`;
  const rest = String(micros - ms * 1000n).padStart(3, '0');
  return `${date.toISOString().slice(0, -1)}${rest}Z`;
}
