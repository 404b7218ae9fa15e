import { WeirError } from '../contract/errors.ts';

/** Names come again in every batch: a hit saves the decoding and the string. 8192 slots of at most 64 bytes each. */
const SLOTS = 8192;
const CACHED_BYTES_MAX = 64;
const cache: string[] = Array.from({ length: SLOTS }, () => '');
/** Hashes of the texts that came last. */
const tags = new Int32Array(SLOTS);

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A Buffer, with the method that its public ones call: half the time of a TextDecoder. */
export interface TextBytes {
  latin1Slice(from: number, to: number): string;
}

/** UTF-8 to a string; `view` is the same bytes as `bytes`. @throws WEIR_SCHEMA_INVALID where it is not UTF-8 */
export function readText(bytes: Uint8Array, view: TextBytes, from: number, to: number, field: string): string {
  const length = to - from;
  if (length === 0) return '';
  if (length > CACHED_BYTES_MAX) return decode(bytes, from, to, field);
  const hash = hashOf(bytes, from, to);
  const slot = hash & (SLOTS - 1);
  const cached = cache[slot]!;
  if (cached.length === length && isAscii(cached, bytes, from)) return cached;
  let seen = 0;
  for (let i = from; i < to; i += 1) seen |= bytes[i]!;
  if (seen >= 0x80) return decode(bytes, from, to, field);
  const text = view.latin1Slice(from, to);
  // Kept when it comes again soon: what comes once would only fill the heap.
  if (tags[slot] === hash) cache[slot] = text;
  else tags[slot] = hash;
  return text;
}

/** Of names that are alike the ends differ, of ids the middle or the ends: twelve bytes of a text tell it from most. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  let hash = Math.imul(length, 0x9e3779b1);
  if (length < 8) {
    for (let i = from; i < to; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  } else {
    const middle = from + (length >>> 1) - 2;
    const first = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24);
    const inner = bytes[middle]! | (bytes[middle + 1]! << 8) | (bytes[middle + 2]! << 16) | (bytes[middle + 3]! << 24);
    const last = bytes[to - 4]! | (bytes[to - 3]! << 8) | (bytes[to - 2]! << 16) | (bytes[to - 1]! << 24);
    hash ^= Math.imul(first, 0x85ebca6b) ^ Math.imul(inner, 0xc2b2ae35) ^ Math.imul(last, 0x27d4eb2f);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/** What is cached is ASCII: a text that is equal is too. */
function isAscii(cached: string, bytes: Uint8Array, from: number): boolean {
  for (let i = 0; i < cached.length; i += 1) if (cached.charCodeAt(i) !== bytes[from + i]) return false;
  return true;
}

function decode(bytes: Uint8Array, from: number, to: number, field: string): string {
  try {
    return decoder.decode(bytes.subarray(from, to));
  } catch (cause) {
    throw new WeirError('WEIR_SCHEMA_INVALID', `${field} at byte ${from} is not UTF-8`, { field, from }, cause);
  }
}
