/** The translations of a batch's rows, as the wire has them: few rows have one, and their addresses repeat. */
import { type LocalTranslation, type NatAddress, NatSource } from '../../schemas/generated/common.ts';
import { hexOf } from '../address.ts';
import type { CapturedColumns } from '../captured-columns.ts';
import { NAT_LOCAL, NAT_REMOTE } from './nat-flags.ts';

export interface BatchTranslations {
  readonly natAddresses: readonly NatAddress[];
  readonly translations: readonly LocalTranslation[];
}

const NONE: BatchTranslations = { natAddresses: [], translations: [] };

/** Of the first `rows` rows. Allocates one object a translated row. */
export function translationsOf(columns: CapturedColumns, rows: number): BatchTranslations {
  const { nat } = columns;
  const translated = NAT_LOCAL | NAT_REMOTE;
  let first = 0;
  while (first < rows && (nat[first]! & translated) === 0) first += 1;
  if (first === rows) return NONE;
  const natAddresses: NatAddress[] = [];
  const translations: LocalTranslation[] = [];
  const known = new Map<string, number>();
  const number = (addresses: Uint8Array, row: number): number => {
    const addr = addresses.slice(16 * row, 16 * row + 16);
    const key = hexOf(addr);
    const index = known.get(key) ?? natAddresses.push({ addr }) - 1;
    known.set(key, index);
    return index;
  };
  for (let row = first; row < rows; row += 1) {
    const flags = nat[row]!;
    if ((flags & translated) === 0) continue;
    const isLocal = (flags & NAT_LOCAL) !== 0;
    const isRemote = (flags & NAT_REMOTE) !== 0;
    translations.push({
      row,
      localAddr: isLocal ? number(columns.natLocalAddr, row) : -1,
      localPort: isLocal ? columns.natLocalPort[row]! : -1,
      remoteAddr: isRemote ? number(columns.natRemoteAddr, row) : -1,
      remotePort: isRemote ? columns.natRemotePort[row]! : -1,
      source: NatSource.conntrack,
    });
  }
  return { natAddresses, translations };
}
