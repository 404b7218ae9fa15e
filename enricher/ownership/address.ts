/**
 * 128-bit addresses as four little-endian 32-bit words of their 16 network-order bytes: the form in which the
 * columns of a batch can be read without copying. IPv4 is ::ffff:a.b.c.d.
 */

/** Words 0-2 of an IPv4-mapped address: 0, 0, and the bytes 00 00 ff ff. */
const MAPPED_WORD_2 = -65_536;
/** The byte 01 as the last of a word. */
const LAST_BYTE_ONE = 0x0100_0000;

/** True for IPv4 as ::ffff:a.b.c.d; `at` is the index of the first word. */
export function isMapped(words: Int32Array, at: number): boolean {
  return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === MAPPED_WORD_2;
}

/** 127.0.0.0/8 or ::1: every network namespace has its own, so no history can name its owner. */
export function isLoopback(words: Int32Array, at: number): boolean {
  if (words[at] !== 0 || words[at + 1] !== 0) return false;
  if (words[at + 2] === MAPPED_WORD_2) return (words[at + 3]! & 0xff) === 127;
  return words[at + 2] === 0 && words[at + 3] === LAST_BYTE_ONE;
}

/** 0.0.0.0 or ::. */
export function isUnspecified(words: Int32Array, at: number): boolean {
  if (words[at] !== 0 || words[at + 1] !== 0 || words[at + 3] !== 0) return false;
  return words[at + 2] === 0 || words[at + 2] === MAPPED_WORD_2;
}

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticast(words: Int32Array, at: number): boolean {
  if (isMapped(words, at)) return (words[at + 3]! & 0xf0) === 0xe0;
  return (words[at]! & 0xff) === 0xff;
}

/** Of the internet: not loopback, link-local, private (unique local) or shared (100.64.0.0/10). */
export function isPublic(words: Int32Array, at: number): boolean {
  if (isLoopback(words, at) || isUnspecified(words, at)) return false;
  const first = words[at]! & 0xff;
  const second = (words[at]! >>> 8) & 0xff;
  if (!isMapped(words, at)) return !((first === 0xfe && (second & 0xc0) === 0x80) || (first & 0xfe) === 0xfc);
  const a = words[at + 3]! & 0xff;
  const b = (words[at + 3]! >>> 8) & 0xff;
  if (a === 10 || (a === 172 && (b & 0xf0) === 16) || (a === 192 && b === 168)) return false;
  return !(a === 169 && b === 254) && !(a === 100 && (b & 0xc0) === 64);
}

/** The bits of word `k` (0-3) that a prefix of `prefixLength` bits keeps. */
export function prefixMask(prefixLength: number, k: number): number {
  const bits = Math.min(Math.max(prefixLength - 32 * k, 0), 32);
  if (bits === 0) return 0;
  const big = -1 << (32 - bits);
  return ((big & 0xff) << 24) | ((big & 0xff00) << 8) | ((big >>> 8) & 0xff00) | (big >>> 24);
}

/** Compare two addresses by their bytes: negative, 0 or positive. */
export function compareAddresses(a: Int32Array, aAt: number, b: Int32Array, bAt: number): number {
  for (let k = 0; k < 4; k += 1) {
    const x = a[aAt + k]!;
    const y = b[bAt + k]!;
    if (x !== y) return bigEndian(x) - bigEndian(y);
  }
  return 0;
}

function bigEndian(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
