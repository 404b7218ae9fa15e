/** Parsers of /proc/<pid>/net: the addresses of a network namespace and its listeners. Pure. */
import { isLinkLocal, isLoopback, samePrefix } from '../address.ts';
import type { NamespaceAddress } from '../host-view.ts';

/** IFA_F_DADFAILED and IFA_F_TENTATIVE (linux/if_addr.h): nobody can be reached there (yet). */
const NOT_USABLE = 0x08 | 0x40;
const SCOPE_GLOBAL = 0x00;
const TCP_LISTEN = '0A';

/**
 * IPv4 addresses of fib_trie: `/32 host LOCAL` below `|-- a.b.c.d`, with the longest connected subnet (`link UNICAST`)
 * that holds them. Loopback and link-local ones are left out.
 */
export function ipv4Addresses(fibTrie: string): NamespaceAddress[] {
  const locals = new Map<string, Uint8Array>();
  const subnets: { prefix: Uint8Array; length: number }[] = [];
  let current = '';
  for (const line of fibTrie.split('\n')) {
    const leaf = /^\s*\|-- (\d+\.\d+\.\d+\.\d+)\s*$/.exec(line);
    if (leaf?.[1] !== undefined) {
      current = leaf[1];
      continue;
    }
    const entry = /^\s*\/(\d+) (host LOCAL|link UNICAST)\b/.exec(line);
    if (entry === null) continue;
    const length = Number(entry[1]);
    if (entry[2] === 'host LOCAL' && length === 32) locals.set(current, mapped(current));
    else if (entry[2] === 'link UNICAST' && length < 32) subnets.push({ prefix: mapped(current), length: 96 + length });
  }
  return [...locals.values()]
    .filter((addr) => !isLoopback(addr) && !isLinkLocal(addr))
    .map((addr) => ({ addr, prefixLength: longest(addr, subnets) }));
}

/** Addresses of if_inet6 that can be reached from other machines. */
export function ipv6Addresses(ifInet6: string): NamespaceAddress[] {
  const addresses: NamespaceAddress[] = [];
  for (const line of ifInet6.split('\n')) {
    const found = /^([0-9a-f]{32}) +[0-9a-f]+ +([0-9a-f]+) +([0-9a-f]+) +([0-9a-f]+)/.exec(line);
    if (found === null) continue;
    const [, hex = '', prefixLength = '', scope = '', flags = ''] = found;
    if (parseInt(scope, 16) !== SCOPE_GLOBAL || (parseInt(flags, 16) & NOT_USABLE) !== 0) continue;
    addresses.push({ addr: Uint8Array.from(Buffer.from(hex, 'hex')), prefixLength: parseInt(prefixLength, 16) });
  }
  return addresses;
}

export interface ListeningSocket {
  readonly addr: Uint8Array;
  readonly port: number;
  readonly inode: number;
}

/** Listening sockets of net/tcp or net/tcp6. The kernel lists them before all others, so reading may stop after them. */
export function listeningSockets(text: string): ListeningSocket[] {
  const sockets: ListeningSocket[] = [];
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/ +/);
    const [slot = '', local = '', , state] = fields;
    if (!slot.endsWith(':') || state !== TCP_LISTEN) continue;
    const inode = Number(fields[9]);
    const [address = '', port = ''] = local.split(':');
    if (!Number.isSafeInteger(inode)) continue;
    sockets.push({ addr: socketAddress(address), port: parseInt(port, 16), inode });
  }
  return sockets;
}

/** Whether the last whole line is no listener any more: nothing of interest follows. */
export function pastListeners(text: string): boolean {
  const end = text.lastIndexOf('\n');
  if (end <= 0) return false;
  const line = text.slice(text.lastIndexOf('\n', end - 1) + 1, end);
  const [slot = '', , , state] = line.trim().split(/ +/);
  return slot.endsWith(':') && state !== TCP_LISTEN;
}

/** 32-bit words in the machine's byte order, as the kernel prints them: 0100007F is 127.0.0.1. */
function socketAddress(hex: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const from = hex.length === 8 ? 12 : 0;
  if (from === 12) bytes.set([0xff, 0xff], 10);
  for (let word = 0; 8 * word < hex.length; word++) {
    for (let i = 0; i < 4; i++) {
      bytes[from + 4 * word + i] = parseInt(hex.slice(8 * word + 6 - 2 * i, 8 * word + 8 - 2 * i), 16);
    }
  }
  return bytes;
}

function mapped(dotted: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0xff], 10);
  bytes.set(dotted.split('.').map(Number), 12);
  return bytes;
}

function longest(addr: Uint8Array, subnets: readonly { prefix: Uint8Array; length: number }[]): number {
  const holding = subnets.filter(({ prefix, length }) => samePrefix(addr, prefix, length)).map(({ length }) => length);
  return holding.length === 0 ? 128 : Math.max(...holding);
}
