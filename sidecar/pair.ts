/**
 * Both ends of a connection on one machine: two rows with mirrored tuples. Each then names the other's owner exactly,
 * where an address alone could not (loopback, host network, several workloads behind one address).
 *
 * Two rows are one connection when their tuples mirror each other, they were open at the same time, the client's first, and they are in one
 * network namespace or, in two, neither address is held by several namespaces of this machine (overlapping ranges).
 * Candidates of several owners pair with none.
 */
import { Method, Report, Role } from '../schemas/generated/common.ts';
import { isLoopback } from './address.ts';
import { wordsOf } from './address-table.ts';
import { NO_OWNER, type CapturedColumns } from './captured-columns.ts';
import type { LocalSockets } from './local-sockets.ts';
import { type PairMemory, tupleHash } from './pair-memory.ts';

/** The two ends see opening and end a round trip apart, at most this on one machine under load. */
const SKEW_US = 50_000;

export class Pairing {
  readonly #memory: PairMemory;
  #heads: Int32Array = new Int32Array(1024);
  #next: Int32Array = new Int32Array(0);
  #local: Int32Array = new Int32Array(0);
  #remote: Int32Array = new Int32Array(0);

  constructor(memory: PairMemory) {
    this.#memory = memory;
  }

  /** Fill `partner` and `remoteMethod` of the rows whose other end is known. Allocates nothing per row paired. */
  match(columns: CapturedColumns, sockets: LocalSockets | null): void {
    this.#index(columns);
    for (let row = 0; row < columns.length; row++) {
      if (columns.partner[row] !== NO_OWNER || columns.report[row] === Report.merged) continue;
      const owner = this.#isSelf(columns, row) ? columns.owner[row]! : this.#search(columns, row, sockets);
      if (owner === NO_OWNER) continue;
      columns.partner[row] = owner;
      columns.remoteMethod[row] = Method.peer;
    }
  }

  /**
   * Last look at the first `rows` rows before they leave: ends that came earlier, open connections, listeners on
   * loopback. What stays alone and could have a partner here is remembered for it.
   */
  settle(columns: CapturedColumns, rows: number, sockets: LocalSockets | null): void {
    for (let row = 0; row < rows; row++) {
      // Settled before it was merged.
      if (columns.report[row] === Report.merged) continue;
      const open = columns.report[row] === Report.interim;
      const mayBeLocal = this.#mayBeLocal(columns, row, sockets);
      if (columns.partner[row] === NO_OWNER && mayBeLocal) this.#recall(columns, row, sockets);
      const partner = columns.partner[row]!;
      if (open && columns.remoteMethod[row] === Method.peer) {
        this.#memory.rememberPartner(columns.connectionId[row]!, partner);
      }
      if (!mayBeLocal || columns.owner[row] === NO_OWNER) continue;
      if (columns.remoteMethod[row] === Method.peer && !open) continue;
      this.#memory.rememberEnd(columns, row, beginOf(columns, row), open ? Infinity : columns.endUs[row]!);
    }
  }

  #index(columns: CapturedColumns): void {
    const { length } = columns;
    this.#local = wordsOf(columns.localAddr);
    this.#remote = wordsOf(columns.remoteAddr);
    if (this.#next.length < length) this.#next = new Int32Array(columns.capacity);
    while (this.#heads.length < length) this.#heads = new Int32Array(2 * this.#heads.length);
    this.#heads.fill(-1);
    for (let row = 0; row < length; row++) {
      if (columns.report[row] === Report.merged) continue;
      const slot = this.#slot(columns, row);
      this.#next[row] = this.#heads[slot]!;
      this.#heads[slot] = row;
    }
  }

  /** The same for both ends of a connection. */
  #slot(columns: CapturedColumns, row: number): number {
    return tupleHash(this.#local, this.#remote, columns, row) & (this.#heads.length - 1);
  }

  /** The owner of the one connection's other end among the waiting rows. */
  #search(columns: CapturedColumns, row: number, sockets: LocalSockets | null): number {
    let found = NO_OWNER;
    for (let other = this.#heads[this.#slot(columns, row)]!; other >= 0; other = this.#next[other]!) {
      if (other === row || !this.#mirrors(columns, row, other)) continue;
      if (!this.#overlaps(columns, row, beginOf(columns, other), columns.endUs[other]!)) continue;
      if (!this.#samePlace(columns, row, columns.netns[other]!, sockets)) continue;
      const owner = columns.owner[other]!;
      if (owner === NO_OWNER || (found !== NO_OWNER && found !== owner)) return NO_OWNER;
      found = owner;
    }
    return found;
  }

  #recall(columns: CapturedColumns, row: number, sockets: LocalSockets | null): void {
    const memory = this.#memory;
    let owner = memory.partnerOf(columns.connectionId[row]!);
    const known = owner !== NO_OWNER;
    for (let end = known ? -1 : memory.nextEnd(columns, row); end >= 0; end = memory.nextEnd(columns, row, end)) {
      if (!this.#overlaps(columns, row, memory.beginUsOf(end), memory.endUsOf(end))) continue;
      if (!this.#samePlace(columns, row, memory.netnsOf(end), sockets)) continue;
      if (owner !== NO_OWNER && owner !== memory.ownerOf(end)) return;
      owner = memory.ownerOf(end);
    }
    if (owner !== NO_OWNER) {
      columns.partner[row] = owner;
      columns.remoteMethod[row] = Method.peer;
      return;
    }
    const failed = columns.report[row] === Report.failed;
    if (sockets === null || failed || !isLoopback(columns.remoteAddr, 16 * row)) return;
    const remote = columns.remoteAddr.subarray(16 * row, 16 * row + 16);
    const at = columns.openedUs[row]!;
    const listener = sockets.listenerAt(columns.netns[row]!, remote, columns.remotePort[row]!, at);
    if (listener === NO_OWNER || at < 0) return;
    columns.partner[row] = listener;
    columns.remoteMethod[row] = Method.port;
  }

  /** One socket that is connected to itself. */
  #isSelf(columns: CapturedColumns, row: number): boolean {
    return columns.localPort[row] === columns.remotePort[row] && this.#sameAddress(this.#local, row, this.#remote, row);
  }

  #mirrors(columns: CapturedColumns, row: number, other: number): boolean {
    return (
      columns.localPort[row] === columns.remotePort[other] &&
      columns.remotePort[row] === columns.localPort[other] &&
      this.#sameAddress(this.#local, row, this.#remote, other) &&
      this.#sameAddress(this.#remote, row, this.#local, other)
    );
  }

  #sameAddress(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
    const p = 4 * i;
    const q = 4 * j;
    return a[p + 3] === b[q + 3] && a[p + 2] === b[q + 2] && a[p + 1] === b[q + 1] && a[p] === b[q];
  }

  /**
   * A connection's server end opens after its client's, and not before it: an end that another host's use of the address
   * left half open is none of a new connection with the same ports.
   */
  #overlaps(columns: CapturedColumns, row: number, beginUs: number, endUs: number): boolean {
    const rowBeginUs = beginOf(columns, row);
    const role = columns.role[row];
    if (role === Role.client && beginUs < rowBeginUs - SKEW_US) return false;
    if (role === Role.server && rowBeginUs < beginUs - SKEW_US) return false;
    return rowBeginUs <= endUs + SKEW_US && beginUs <= columns.endUs[row]! + SKEW_US;
  }

  #samePlace(columns: CapturedColumns, row: number, netns: number, sockets: LocalSockets | null): boolean {
    if (columns.netns[row] === netns) return true;
    if (isLoopback(columns.localAddr, 16 * row) || isLoopback(columns.remoteAddr, 16 * row)) return false;
    if (sockets === null) return true;
    return sockets.holders(this.#local, row) <= 1 && sockets.holders(this.#remote, row) <= 1;
  }

  #mayBeLocal(columns: CapturedColumns, row: number, sockets: LocalSockets | null): boolean {
    if (isLoopback(columns.remoteAddr, 16 * row)) return true;
    return sockets !== null && sockets.holders(this.#remote, row) > 0;
  }
}

/** From when the connection was open; 0 for one that is older than the capture. */
function beginOf(columns: CapturedColumns, row: number): number {
  return Math.max(0, columns.openedUs[row]!);
}
