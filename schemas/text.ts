import { WeirError } from '../contract/errors.ts';

/** Names come again in every batch: a hit saves the decoding and the string. 1024 slots of at most 64 bytes each. */
const SLOTS = 1024;
const CACHED_BYTES_MAX = 64;
const cache: string[] = Array.from({ length: SLOTS }, () => '');

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 to a string. @throws WEIR_SCHEMA_INVALID where it is not UTF-8 */
export function readText(bytes: Uint8Array, from: number, to: number, field: string): string {
  if (from === to) return '';
  if (to - from > CACHED_BYTES_MAX) return decode(bytes, from, to, field);
  let seen = 0;
  let hash = to - from;
  for (let i = from; i < to; i += 1) {
    const b = bytes[i]!;
    seen |= b;
    hash = (Math.imul(hash, 31) + b) | 0;
  }
  if (seen >= 0x80) return decode(bytes, from, to, field);
  const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
  const cached = cache[slot]!;
  if (isAscii(cached, bytes, from, to)) return cached;
  const text = decode(bytes, from, to, field);
  cache[slot] = text;
  return text;
}

function isAscii(text: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) !== bytes[from + i]) return false;
  return true;
}

function decode(bytes: Uint8Array, from: number, to: number, field: string): string {
  try {
    return decoder.decode(bytes.subarray(from, to));
  } catch (cause) {
    throw new WeirError('WEIR_SCHEMA_INVALID', `${field} at byte ${from} is not UTF-8`, { field, from }, cause);
  }
}
