/** Addresses of 16 bytes (IPv4 as ::ffff:a.b.c.d): interned once a file, text and scope once a distinct address. */

export type AddressScope = 'loopback' | 'link_local' | 'private' | 'shared' | 'public';

/**
 * Numbers distinct addresses from 0. Open addressing on four 32-bit words, grown at half full; 24 to 48 bytes an
 * address.
 * The bound is twice the rows of the file.
 */
export class Addresses {
  #words = new Int32Array(4 * 1024);
  #slots = new Int32Array(2048).fill(-1);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Number of the address at `at` of `bytes`. */
  number(bytes: Uint8Array, at: number): number {
    const a = word(bytes, at);
    const b = word(bytes, at + 4);
    const c = word(bytes, at + 8);
    const d = word(bytes, at + 12);
    const mask = this.#slots.length - 1;
    const words = this.#words;
    for (let slot = hash(a, b, c, d) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot]!;
      if (number < 0) return this.#add(slot, a, b, c, d);
      const w = 4 * number;
      if (words[w + 3] === d && words[w] === a && words[w + 1] === b && words[w + 2] === c) return number;
    }
  }

  /** The 16 bytes of a number. */
  bytes(number: number): Uint8Array {
    const out = new Uint8Array(16);
    const view = new DataView(out.buffer);
    for (let i = 0; i < 4; i++) view.setInt32(4 * i, this.#words[4 * number + i]!);
    return out;
  }

  clear(): void {
    this.#words = new Int32Array(4 * 1024);
    this.#slots = new Int32Array(2048).fill(-1);
    this.#count = 0;
  }

  #add(slot: number, a: number, b: number, c: number, d: number): number {
    const number = this.#count++;
    this.#slots[slot] = number;
    if (4 * number >= this.#words.length) {
      const words = new Int32Array(2 * this.#words.length);
      words.set(this.#words);
      this.#words = words;
    }
    this.#words.set([a, b, c, d], 4 * number);
    if (2 * this.#count > this.#slots.length) this.#grow();
    return number;
  }

  #grow(): void {
    const slots = new Int32Array(2 * this.#slots.length).fill(-1);
    const mask = slots.length - 1;
    const words = this.#words;
    for (let number = 0; number < this.#count; number++) {
      const w = 4 * number;
      let slot = hash(words[w]!, words[w + 1]!, words[w + 2]!, words[w + 3]!) & mask;
      while (slots[slot]! >= 0) slot = (slot + 1) & mask;
      slots[slot] = number;
    }
    this.#slots = slots;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Multiply and mix (the finaliser of MurmurHash3 on a combination of the words). */
function hash(a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77) ^ Math.imul(c, 0xc2b2ae3d) ^ Math.imul(d, 0x27d4eb2f);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** ::ffff:0:0/96 */
export function isIpv4Mapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** RFC 5952 for IPv6; IPv4-mapped as IPv4. */
export function formatAddress(bytes: Uint8Array): string {
  if (isIpv4Mapped(bytes)) return `${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!);
  const run = longestZeroRun(groups);
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return text(groups);
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

/** RFC 5952 section 4.2.3: the longest run of zero groups, the first of equals. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (i < groups.length && groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}

/**
 * IANA special-purpose registries: loopback 127/8, ::1; link_local 169.254/16, fe80::/10; private RFC 1918, fc00::/7;
 * shared RFC 6598 100.64/10; all else is public.
 */
export function scopeOf(bytes: Uint8Array): AddressScope {
  if (isIpv4Mapped(bytes)) return scopeOfIpv4(bytes[12]!, bytes[13]!);
  const first = bytes[0]!;
  if (first === 0xfe && (bytes[1]! & 0xc0) === 0x80) return 'link_local';
  if ((first & 0xfe) === 0xfc) return 'private';
  return bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0) ? 'loopback' : 'public';
}

function scopeOfIpv4(a: number, b: number): AddressScope {
  if (a === 127) return 'loopback';
  if (a === 169 && b === 254) return 'link_local';
  if (a === 10 || (a === 172 && (b & 0xf0) === 16) || (a === 192 && b === 168)) return 'private';
  return a === 100 && (b & 0xc0) === 64 ? 'shared' : 'public';
}
