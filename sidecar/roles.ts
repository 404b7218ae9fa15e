/**
 * Which end opened a connection that is older than the capture: the end whose port is listened on was called.
 * Only for rows whose role the handshake did not show; both ports listened on, or none, leaves it unknown. Pure.
 */
import { Role, RoleMethod } from '../schemas/generated/common.ts';
import type { CapturedColumns } from './captured-columns.ts';
import { wordsOf } from './address-table.ts';
import { isLoopback } from './address.ts';
import type { LocalSockets } from './local-sockets.ts';

export function inferRoles(columns: CapturedColumns, rows: number, sockets: LocalSockets): void {
  const remoteWords = wordsOf(columns.remoteAddr);
  for (let row = 0; row < rows; row++) {
    if (columns.role[row] !== Role.unknown) continue;
    const netns = columns.netns[row]!;
    const local = columns.localAddr.subarray(16 * row, 16 * row + 16);
    const remote = columns.remoteAddr.subarray(16 * row, 16 * row + 16);
    const here = sockets.listens(netns, local, columns.localPort[row]!);
    // In another namespace of this machine nothing is said: its listeners are looked up by its own rows.
    const sameNamespace = isLoopback(remote) || sockets.holders(remoteWords, row) > 0;
    const there = sameNamespace && sockets.listens(netns, remote, columns.remotePort[row]!);
    if (here === there) continue;
    columns.role[row] = here ? Role.server : Role.client;
    columns.roleMethod[row] = RoleMethod.listener;
  }
}
