/** Addresses and prefixes as people write them, as 16 bytes and the length of the 128-bit prefix. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Prefix {
  readonly bytes: Uint8Array;
  /** 128: one address. IPv4 /n is 96 + n. */
  readonly length: number;
}

/** Null where the text is neither an address nor a prefix of one. */
export function parsePrefix(text: string): Prefix | null {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const bits = slash < 0 ? '' : text.slice(slash + 1);
  if (slash >= 0 && !/^\d{1,3}$/.test(bits)) return null;
  if (isIPv4(address)) {
    const length = slash < 0 ? 32 : Number(bits);
    return length > 32 ? null : { bytes: ipv4(address), length: 96 + length };
  }
  if (!isIPv6(address) || address.includes('%')) return null;
  const length = slash < 0 ? 128 : Number(bits);
  return length > 128 ? null : { bytes: ipv6(address), length };
}

/** True where a bit after the prefix is set: `10.1.2.3/8` says two things. */
export function hasHostBits({ bytes, length }: Prefix): boolean {
  for (let bit = length; bit < 128; bit += 1) if (((bytes[bit >> 3]! >> (7 - (bit & 7))) & 1) === 1) return true;
  return false;
}

function ipv4(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0xff, ...text.split('.').map(Number)], 10);
  return bytes;
}

function ipv6(text: string): Uint8Array {
  const [head = '', tail] = text.split('::');
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const bytes = new Uint8Array(16);
  bytes.set(front);
  bytes.set(back, 16 - back.length);
  return bytes;
}

/** The bytes of colon-separated groups, of which the last may be an IPv4 address. */
function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
