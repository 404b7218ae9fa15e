/**
 * Overload: rows of one edge become one row. Bytes and counts stay exact, `numbers` says for how many flow numbers it
 * stands and `connectionCount` for how many connections; what belongs to a single connection is left out. Pure.
 *
 * One edge: same addresses, owners of both ends, role, outcome. Rows keep the order of the first of each edge.
 */
import { Report, Role } from '../schemas/generated/common.ts';
import { mix, wordsOf } from './address-table.ts';
import type { CapturedColumns } from './captured-columns.ts';
import { NAT_LOCAL, NAT_REMOTE } from './conntrack/nat-flags.ts';

const EMPTY = -1;
const ABSENT = -1;

const SUMS = [
  'numbers',
  'connectionCount',
  'bytesSent',
  'bytesReceived',
  'segmentsSent',
  'segmentsReceived',
  'retransmittedSegments',
  'retransmittedBytes',
  'lostSegments',
  'reorderingEvents',
  'outOfOrderSegments',
  'rtoTimeouts',
  'busyUs',
  'rwndLimitedUs',
  'sndbufLimitedUs',
] as const satisfies readonly (keyof CapturedColumns)[];

/** What a merged row has not. */
const LEFT_OUT = [
  'localPort',
  'remotePort',
  'openedUs',
  'connectionId',
  'process',
  'rttUs',
  'rttVarUs',
  'rttMinUs',
  'connectUs',
  'unsentBytes',
  'natLocalPort',
  'natRemotePort',
] as const satisfies readonly (keyof CapturedColumns)[];

/**
 * Merge all rows, and keep those of the first `edgesMax` edges. The rows are attributed: owners and partners are final.
 * Returns the flow numbers of the rows that found no room. Allocates two integers a row.
 */
export function coarsen(columns: CapturedColumns, edgesMax: number): number {
  const { length, numbers, report } = columns;
  const edges = new Edges(columns);
  /** By row: the row that it becomes part of. */
  const into = new Int32Array(length);
  let kept = 0;
  let dropped = 0;
  for (let row = 0; row < length; row++) {
    const known = edges.find(row);
    if (known !== EMPTY) {
      into[row] = known;
    } else if (kept < edgesMax) {
      edges.add(row);
      into[row] = row;
      kept++;
    } else {
      into[row] = EMPTY;
      dropped += numbers[row]!;
    }
  }
  for (let row = 0; row < length; row++) {
    const first = into[row]!;
    if (first === EMPTY || first === row) continue;
    if (report[first] !== Report.merged) begin(columns, first);
    add(columns, first, row);
  }
  compact(columns, into, kept);
  return dropped;
}

/** A row of one connection becomes one of an edge. */
function begin(columns: CapturedColumns, row: number): void {
  for (const name of LEFT_OUT) columns[name][row] = ABSENT;
  columns.report[row] = Report.merged;
  columns.pid[row] = 0;
  columns.userId[row] = 0;
  columns.comm.fill(0, 16 * row, 16 * row + 16);
}

function add(columns: CapturedColumns, first: number, row: number): void {
  for (const name of SUMS) columns[name][first]! += columns[name][row]!;
  const { startUs, endUs, readMs, ringEnd, seeded } = columns;
  startUs[first] = Math.min(startUs[first]!, startUs[row]!);
  endUs[first] = Math.max(endUs[first]!, endUs[row]!);
  readMs[first] = Math.min(readMs[first]!, readMs[row]!);
  ringEnd[first] = Math.max(ringEnd[first]!, ringEnd[row]!);
  seeded[first] = Math.max(seeded[first]!, seeded[row]!);
}

/** Rows that stand for themselves move to the front. */
function compact(columns: CapturedColumns, into: Int32Array, kept: number): void {
  const { capacity } = columns;
  for (const column of Object.values(columns) as unknown[]) {
    if (!(column instanceof Uint8Array || column instanceof Int32Array || column instanceof Float64Array)) continue;
    const width = column.length / capacity;
    let to = 0;
    for (let row = 0; row < into.length; row++) {
      if (into[row] !== row) continue;
      if (to !== row) column.copyWithin(width * to, width * row, width * (row + 1));
      to++;
    }
  }
  columns.length = kept;
}

/** The rows of a table by their edge; open addressing. */
class Edges {
  readonly #columns: CapturedColumns;
  readonly #local: Int32Array;
  readonly #remote: Int32Array;
  readonly #slots: Int32Array;

  constructor(columns: CapturedColumns) {
    this.#columns = columns;
    this.#local = wordsOf(columns.localAddr);
    this.#remote = wordsOf(columns.remoteAddr);
    let slots = 64;
    while (slots < 2 * columns.length) slots *= 2;
    this.#slots = new Int32Array(slots).fill(EMPTY);
  }

  find(row: number): number {
    return this.#slots[this.#slotOf(row)]!;
  }

  add(row: number): void {
    this.#slots[this.#slotOf(row)] = row;
  }

  /** Where the edge is, or belongs. */
  #slotOf(row: number): number {
    const at = 4 * row;
    const l = this.#local;
    const r = this.#remote;
    const { owner, partner, outcome, role } = this.#columns;
    const hash =
      mix(l[at]!, l[at + 1]!, l[at + 2]!, l[at + 3]!) ^
      Math.imul(mix(r[at]!, r[at + 1]!, r[at + 2]!, r[at + 3]!), 31) ^
      Math.imul(owner[row]! ^ (partner[row]! << 12) ^ (outcome[row]! << 24) ^ (role[row]! << 29), 0x27d4eb2f);
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 16)) & mask;
    while (this.#slots[slot] !== EMPTY && !this.#isSame(this.#slots[slot]!, row)) slot = (slot + 1) & mask;
    return slot;
  }

  #isSame(a: number, b: number): boolean {
    const { owner, partner, remoteMethod, role, roleMethod, outcome, error, cgroupId } = this.#columns;
    if (owner[a] !== owner[b] || partner[a] !== partner[b] || remoteMethod[a] !== remoteMethod[b]) return false;
    if (role[a] !== role[b] || roleMethod[a] !== roleMethod[b] || outcome[a] !== outcome[b]) return false;
    if (error[a] !== error[b] || cgroupId[a] !== cgroupId[b]) return false;
    const p = 4 * a;
    const q = 4 * b;
    if (!this.#isTranslatedSame(a, b)) return false;
    let loop = true;
    for (let i = 0; i < 4; i++) {
      if (this.#local[p + i] !== this.#local[q + i] || this.#remote[p + i] !== this.#remote[q + i]) return false;
      loop &&= this.#local[p + i] === this.#remote[p + i];
    }
    // Which end is which, of one address to itself and with no known role, only the ports tell.
    return !(loop && role[a] === Role.unknown);
  }

  /** Ports apart, which a merged row has not. */
  #isTranslatedSame(a: number, b: number): boolean {
    const { nat, natLocalAddr, natRemoteAddr } = this.#columns;
    const flags = nat[a]!;
    if (((flags ^ nat[b]!) & (NAT_LOCAL | NAT_REMOTE)) !== 0) return false;
    for (let i = 0; i < 16; i++) {
      if ((flags & NAT_LOCAL) !== 0 && natLocalAddr[16 * a + i] !== natLocalAddr[16 * b + i]) return false;
      if ((flags & NAT_REMOTE) !== 0 && natRemoteAddr[16 * a + i] !== natRemoteAddr[16 * b + i]) return false;
    }
    return true;
  }
}
