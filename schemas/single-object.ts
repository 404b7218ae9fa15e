import { WeirError } from '../contract/errors.ts';
import { AvroReader } from './avro-reader.ts';
import { truncated } from './schema-error.ts';

/** C3 01 and the schema's CRC-64-AVRO fingerprint, little endian. */
export const HEADER_BYTES = 10;

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The header's bytes as 20 hex digits, for messages and for telling schemas apart; empty where there is no header. */
export function headerOf(bytes: Uint8Array): string {
  if (bytes.length < HEADER_BYTES) return '';
  let text = '';
  for (let i = 0; i < HEADER_BYTES; i += 1) text += HEX[bytes[i]!]!;
  return text;
}

/**
 * A reader that stands behind the header of the one schema that is expected.
 * @throws WEIR_SCHEMA_TRUNCATED without room for a header, WEIR_SCHEMA_UNKNOWN where it is another
 */
export function openSingleObject(bytes: Uint8Array, header: Uint8Array, what: string): AvroReader {
  return openVersion(bytes, header, [], what).reader;
}

/**
 * The same where versions were published before: `version` is the index in `earlier`, its length for the current one.
 * @throws as `openSingleObject`
 */
export function openVersion(
  bytes: Uint8Array,
  header: Uint8Array,
  earlier: readonly Uint8Array[],
  what: string,
): { readonly reader: AvroReader; readonly version: number } {
  if (bytes.length < HEADER_BYTES) throw truncated(what, bytes.length);
  const version = isHeader(bytes, header) ? earlier.length : earlier.findIndex((known) => isHeader(bytes, known));
  if (version < 0) {
    const found = headerOf(bytes);
    const message = `the header ${found} is not that of ${what}, ${headerOf(header)}`;
    throw new WeirError('WEIR_SCHEMA_UNKNOWN', message, { what, found });
  }
  return { reader: new AvroReader(bytes, HEADER_BYTES, what), version };
}

function isHeader(bytes: Uint8Array, header: Uint8Array): boolean {
  for (let i = 0; i < HEADER_BYTES; i += 1) if (bytes[i] !== header[i]) return false;
  return true;
}
