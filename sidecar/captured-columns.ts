/**
 * A raw flow's columns with what the sidecar needs of it before it is encoded. Encoding ignores the added ones.
 * Rows wait here between the ring and a batch; the oldest leave from the front.
 */
import { RawFlowColumns } from '../schemas/generated/flows-raw-v1.ts';
import { grownFloat64, grownInt32, grownUint8 } from '../schemas/columns.ts';

/** No owner is known. */
export const NO_OWNER = -1;

export class CapturedColumns extends RawFlowColumns {
  /** kernfs id of the socket's cgroup. */
  cgroupId: Float64Array;
  /** Inode of the network namespace. */
  netns: Float64Array;
  pid: Float64Array;
  userId: Float64Array;
  /** 16 bytes a row, NUL padded. */
  comm: Uint8Array;
  /** Index in the OwnerTable, NO_OWNER: the cgroup says nothing (yet). */
  owner: Int32Array;
  /** Ring position after the record; in a merged row, after the last of them. */
  ringEnd: Float64Array;
  /** When it was read from the ring; in a merged row, the first of them. */
  readMs: Float64Array;
  /** Owner of the other end where that is on this machine, else NO_OWNER. */
  partner: Int32Array;
  /** Whether and how it is translated: sidecar/conntrack/nat-flags.ts. */
  nat: Int32Array;
  /** What the other end's socket sees of this end, 16 bytes a row, and of itself; only where `nat` says so. */
  natLocalAddr: Uint8Array;
  natLocalPort: Int32Array;
  natRemoteAddr: Uint8Array;
  natRemotePort: Int32Array;

  constructor(capacity: number) {
    super(capacity);
    this.cgroupId = new Float64Array(capacity);
    this.netns = new Float64Array(capacity);
    this.pid = new Float64Array(capacity);
    this.userId = new Float64Array(capacity);
    this.comm = new Uint8Array(16 * capacity);
    this.owner = new Int32Array(capacity);
    this.ringEnd = new Float64Array(capacity);
    this.readMs = new Float64Array(capacity);
    this.partner = new Int32Array(capacity);
    this.nat = new Int32Array(capacity);
    this.natLocalAddr = new Uint8Array(16 * capacity);
    this.natLocalPort = new Int32Array(capacity);
    this.natRemoteAddr = new Uint8Array(16 * capacity);
    this.natRemotePort = new Int32Array(capacity);
  }

  protected override resize(capacity: number): void {
    super.resize(capacity);
    this.cgroupId = grownFloat64(this.cgroupId, capacity);
    this.netns = grownFloat64(this.netns, capacity);
    this.pid = grownFloat64(this.pid, capacity);
    this.userId = grownFloat64(this.userId, capacity);
    this.comm = grownUint8(this.comm, 16 * capacity);
    this.owner = grownInt32(this.owner, capacity);
    this.ringEnd = grownFloat64(this.ringEnd, capacity);
    this.readMs = grownFloat64(this.readMs, capacity);
    this.partner = grownInt32(this.partner, capacity);
    this.nat = grownInt32(this.nat, capacity);
    this.natLocalAddr = grownUint8(this.natLocalAddr, 16 * capacity);
    this.natLocalPort = grownInt32(this.natLocalPort, capacity);
    this.natRemoteAddr = grownUint8(this.natRemoteAddr, 16 * capacity);
    this.natRemotePort = grownInt32(this.natRemotePort, capacity);
  }

  /** Forget the first `rows` rows; what follows moves to the front. */
  dropFirst(rows: number): void {
    const { capacity, length } = this;
    for (const column of Object.values(this) as unknown[]) {
      if (!(column instanceof Uint8Array || column instanceof Int32Array || column instanceof Float64Array)) continue;
      const width = column.length / capacity;
      column.copyWithin(0, rows * width, length * width);
    }
    this.length = length - rows;
  }
}

/** Rows at the front whose records end at `position` or before. */
export function rowsUpTo(columns: CapturedColumns, position: number): number {
  let rows = 0;
  while (rows < columns.length && columns.ringEnd[rows]! <= position) rows++;
  return rows;
}

/** Rows at the front that were read at `ms` or before. */
export function rowsReadBy(columns: CapturedColumns, ms: number): number {
  let rows = columns.length;
  while (rows > 0 && columns.readMs[rows - 1]! > ms) rows--;
  return rows;
}
