/**
 * Pairing looks for the end whose addresses mirror a row's. Both sockets of a translated connection agree on the addresses
 * behind the translation: rows of the end that opened it stand under those while they are paired.
 */
import { wordsOf } from '../address-table.ts';
import type { CapturedColumns } from '../captured-columns.ts';
import { NAT_CLIENT, NAT_LOCAL, NAT_REMOTE } from './nat-flags.ts';

/** Exchange the ends of such rows with the translated ones; doing it again brings them back. */
export function exchangeTranslated(columns: CapturedColumns): void {
  const { nat, length } = columns;
  for (let row = 0; row < length; row += 1) {
    const flags = nat[row]!;
    if ((flags & NAT_CLIENT) === 0) continue;
    if ((flags & NAT_LOCAL) !== 0) {
      exchange(columns.localAddr, columns.natLocalAddr, row);
      exchangePorts(columns.localPort, columns.natLocalPort, row);
    }
    if ((flags & NAT_REMOTE) === 0) continue;
    exchange(columns.remoteAddr, columns.natRemoteAddr, row);
    exchangePorts(columns.remotePort, columns.natRemotePort, row);
  }
}

function exchange(a: Uint8Array, b: Uint8Array, row: number): void {
  const x = wordsOf(a);
  const y = wordsOf(b);
  for (let at = 4 * row; at < 4 * row + 4; at += 1) {
    const word = x[at]!;
    x[at] = y[at]!;
    y[at] = word;
  }
}

function exchangePorts(a: Int32Array, b: Int32Array, row: number): void {
  const port = a[row]!;
  a[row] = b[row]!;
  b[row] = port;
}
