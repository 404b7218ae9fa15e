/** Addresses and prefixes as the Kubernetes API writes them, into the 16 bytes of a claim. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** IPv4 as ::ffff:a.b.c.d; null for anything that is not an address. */
export function parseAddress(text: string): Uint8Array | null {
  const bytes = new Uint8Array(16);
  if (isIPv4(text)) {
    bytes.set([0xff, 0xff, ...text.split('.').map(Number)], 10);
    return bytes;
  }
  if (!isIPv6(text) || text.includes('%')) return null;
  // Node writes every form of an address in one: at most one `::`, a mapped IPv4 with dots.
  const plain = new SocketAddress({ address: text, family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  if (mapped !== undefined) return parseAddress(mapped);
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const hex = dotted === null ? plain : `${dotted[1]}${pair(dotted[2], dotted[3])}:${pair(dotted[4], dotted[5])}`;
  const [head = '', tail = ''] = hex.split('::');
  const front = groups(head);
  const back = groups(tail);
  front.forEach((group, i) => bytes.set([group >> 8, group & 0xff], 2 * i));
  back.forEach((group, i) => bytes.set([group >> 8, group & 0xff], 2 * (8 - back.length + i)));
  return bytes;
}

export interface Prefix {
  readonly addr: Uint8Array;
  /** Of the 128-bit address. */
  readonly prefixLength: number;
}

/** `10.1.0.0/24`, null for anything else. */
export function parsePrefix(text: string): Prefix | null {
  const [address = '', bits = '', ...rest] = text.split('/');
  const addr = parseAddress(address);
  if (addr === null || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return null;
  const prefixLength = isIPv4(address) ? 96 + Number(bits) : Number(bits);
  return prefixLength > 128 ? null : { addr, prefixLength };
}

const groups = (text: string): number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));

const pair = (high = '0', low = '0'): string => ((Number(high) << 8) | Number(low)).toString(16);
