/**
 * The key-value metadata of a Parquet file, through a store's ranged reads: the last MiB first, more only where the
 * footer says that it is longer. Defensive: the file may be cut, forged, or not Parquet at all.
 * Format: apache/parquet-format, "File format": `PAR1` … metadata, length as 4 bytes little endian, `PAR1`.
 */
import { parquetMetadata } from 'hyparquet';
import { WeirError } from '../contract/errors.ts';
import type { Store } from '../contract/store.ts';

const TAIL_BYTES = 1024 * 1024;
/** A footer holds the streams of 30 days (60 bytes each) and the ledger of one object; beyond this it is forged. */
export const FOOTER_BYTES_MAX: number = 64 * 1024 * 1024;
const MAGIC = 0x31524150;

/** Fails: WEIR_SINK_OBJECT_INVALID; WEIR_SINK_STORE_* of the reads. */
export async function readParquetMetadata(store: Store, name: string): Promise<Record<string, string>> {
  const object = await store.stat(name);
  if (object === null) throw invalid(store, name, 'it is not there');
  if (object.bytes < 12) throw invalid(store, name, `it is ${object.bytes} bytes long`);
  const tailStart = Math.max(0, object.bytes - TAIL_BYTES);
  let tail = await store.readRange(name, tailStart, object.bytes);
  if (tail.length !== object.bytes - tailStart) throw invalid(store, name, 'it is shorter than it was');
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  if (view.getUint32(tail.length - 4, true) !== MAGIC) throw invalid(store, name, 'it does not end as Parquet does');
  const needed = view.getUint32(tail.length - 8, true) + 8;
  if (needed > FOOTER_BYTES_MAX || needed > object.bytes - 4) {
    throw invalid(store, name, `its footer would be ${needed} bytes long`);
  }
  if (needed > tail.length) tail = await store.readRange(name, object.bytes - needed, object.bytes);
  return keyValues(tail, (why, cause) => invalid(store, name, why, cause));
}

function keyValues(tail: Uint8Array, fail: (why: string, cause?: unknown) => WeirError): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  try {
    const buffer = tail.buffer.slice(tail.byteOffset, tail.byteOffset + tail.byteLength) as ArrayBuffer;
    for (const { key, value } of parquetMetadata(buffer, { geoparquet: false }).key_value_metadata ?? []) {
      if (typeof key === 'string' && typeof value === 'string') metadata[key] = value;
    }
  } catch (error) {
    // hyparquet throws plain errors of many kinds on bytes that are no footer.
    throw fail('its footer cannot be read', error);
  }
  return metadata;
}

function invalid(store: Store, name: string, why: string, cause?: unknown): WeirError {
  return new WeirError('WEIR_SINK_OBJECT_INVALID', `${name} in ${store.where}: ${why}`, { name }, cause);
}
