/** What becomes of public addresses once the owners are known: `privacy.externalAddresses`. */
import { int32Words } from '../schemas/columns.ts';
import type { NatAddress } from '../schemas/generated/common.ts';
import type { EnrichedFlowColumns } from '../schemas/generated/flows-enriched-v1.ts';
import { isMapped, isPublic, prefixMask } from './ownership/address.ts';

export type ExternalAddresses = 'keep' | 'truncate' | 'drop';

/** Bits that stay: /24 of IPv4, /48 of IPv6. */
const IPV4_BITS: number = 96 + 24;
const IPV6_BITS = 48;

/** Cut or zero the public addresses of rows `from` and on; all zeroes are read as null. */
export function hideAddresses(rows: EnrichedFlowColumns, from: number, mode: ExternalAddresses): void {
  if (mode === 'keep') return;
  for (const column of [rows.srcAddr, rows.dstAddr]) {
    const words = int32Words(column);
    for (let at = 4 * from; at < 4 * rows.length; at += 4) hide(words, at, mode);
  }
}

/** The same for the addresses that translations lead to. */
export function hideNatAddresses(addresses: readonly NatAddress[], mode: ExternalAddresses): void {
  if (mode === 'keep') return;
  for (const { addr } of addresses) hide(int32Words(addr), 0, mode);
}

function hide(words: Int32Array, at: number, mode: ExternalAddresses): void {
  if (!isPublic(words, at)) return;
  const bits = mode === 'drop' ? 0 : isMapped(words, at) ? IPV4_BITS : IPV6_BITS;
  for (let k = 0; k < 4; k += 1) words[at + k] = words[at + k]! & prefixMask(bits, k);
}
