/**
 * Which end opened a connection that is older than the capture: the end whose port is listened on was called.
 * Only for rows whose role the handshake did not show; both ports listened on, or none, leaves it unknown.
 */
import { LRUCache } from 'lru-cache';
import { Report, Role, RoleMethod } from '../schemas/generated/common.ts';
import type { CapturedColumns } from './captured-columns.ts';
import { wordsOf } from './address-table.ts';
import { isLoopback } from './address.ts';
import type { LocalSockets } from './local-sockets.ts';

/** Open connections whose first row is remembered; the least recently used is looked at anew. Some 100 bytes each. */
const OPEN_MAX = 65_536;

/** Every entry counts as one, and the cache grows with them; told its `max`, it would take all its room at once. */
const one = (): number => 1;

export class OlderRoles {
  /**
   * What the first row of a connection said stays, even that nobody knows: a server that ends closes its listener
   * with its connections, and all rows of a connection must have one orientation.
   */
  readonly #told = new LRUCache<number, Role>({ maxSize: OPEN_MAX, sizeCalculation: one });

  /** Fill `role` and `roleMethod` of the first `rows` rows where the handshake left them unknown. */
  infer(columns: CapturedColumns, rows: number, sockets: LocalSockets): void {
    for (let row = 0; row < rows; row++) {
      if (columns.role[row] !== Role.unknown || columns.report[row] === Report.merged) continue;
      const connection = columns.connectionId[row]!;
      const role = this.#told.get(connection) ?? roleOf(columns, row, sockets);
      if (columns.report[row] === Report.interim) this.#told.set(connection, role);
      else this.#told.delete(connection);
      if (role === Role.unknown) continue;
      columns.role[row] = role;
      columns.roleMethod[row] = RoleMethod.listener;
    }
  }
}

function roleOf(columns: CapturedColumns, row: number, sockets: LocalSockets): Role {
  const netns = columns.netns[row]!;
  const local = columns.localAddr.subarray(16 * row, 16 * row + 16);
  const remote = columns.remoteAddr.subarray(16 * row, 16 * row + 16);
  const here = sockets.listens(netns, local, columns.localPort[row]!);
  // In another namespace of this machine nothing is said: its listeners are looked up by its own rows.
  const sameNamespace = isLoopback(remote) || sockets.holders(wordsOf(columns.remoteAddr), row) > 0;
  const there = sameNamespace && sockets.listens(netns, remote, columns.remotePort[row]!);
  if (here === there) return Role.unknown;
  return here ? Role.server : Role.client;
}
