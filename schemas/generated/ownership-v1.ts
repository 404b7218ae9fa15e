// Generated from schemas/versions/ownership.v1/1.avsc, schemas/ownership.v1.avsc by schemas/generate; do not edit.

import { CLAIMS_MAX } from '../../contract/limits.ts';
import { type AvroReader, wide, wideInt, wideLong } from '../avro-reader.ts';
import { AvroWriter, putInt, putLong } from '../avro-writer.ts';
import { Columns, grownFloat64, grownInt32, grownUint8, int32Words } from '../columns.ts';
import { invalid, refused, tooLarge, truncated } from '../schema-error.ts';
import { openVersion } from '../single-object.ts';
import {
  OWNERSHIP_KIND_SYMBOLS,
  POD_BYTES_MIN,
  REPORTER_KIND_SYMBOLS,
  WORKLOAD_BYTES_MIN,
  readPod,
  readWorkload,
  writePod,
  writeWorkload,
  type OwnershipKind,
  type Pod,
  type ReporterKind,
  type Workload,
} from './common.ts';

/** C3 01 and the CRC-64-AVRO fingerprint of schemas/ownership.v1.avsc, little endian. */
const HEADER: Uint8Array = Uint8Array.of(0xc3, 0x01, 0xce, 0x1e, 0x60, 0xc4, 0xa1, 0x63, 0x8b, 0x67);

/** Of the versions before, oldest first: schemas/versions/ownership.v1/1.avsc. */
const EARLIER: readonly Uint8Array[] = [
  Uint8Array.of(0xc3, 0x01, 0x0c, 0x86, 0x81, 0x02, 0xc1, 0xd3, 0x49, 0x8e),
];

/** The same as hex digits: what `headerOf` gives for a OwnershipMessage. */
export const OWNERSHIP_MESSAGE_HEADER = 'c301ce1e60c4a1638b67';

/** A workload held an address (or one port of it) from when to when. Held for certain within [from, to]; possibly already from earliest and still until latest: the reporter looked at those times and saw the address absent. */
export class ClaimColumns extends Columns {
  /** 16 bytes a row. Kind: id. */
  addr: Uint8Array;
  /** Of the 128-bit address: 128 is one address (IPv4 /n is 96 + n). Kind: id. */
  prefixLength: Int32Array;
  /** 0: the whole address; else a listening port. Kind: id. */
  port: Int32Array;
  /** Index in workloads. Kind: id. */
  workload: Int32Array;
  /** Index in Method. port, address, service, node or prefix. Kind: id. */
  method: Int32Array;
  /** The last time the reporter saw that it was not held, or from_us. Unit: us since 1970. Kind: id. */
  earliestUs: Float64Array;
  /** Held for certain since. Unit: us since 1970. Kind: id. */
  fromUs: Float64Array;
  /** Held for certain until; -1: still held at as_of. Unit: us since 1970. Kind: id. */
  toUs: Float64Array;
  /** The first time that it was seen no longer held; -1 while held. Unit: us since 1970. Kind: id. */
  latestUs: Float64Array;

  constructor(capacity: number) {
    super(capacity);
    this.addr = new Uint8Array(16 * capacity);
    this.prefixLength = new Int32Array(capacity);
    this.port = new Int32Array(capacity);
    this.workload = new Int32Array(capacity);
    this.method = new Int32Array(capacity);
    this.earliestUs = new Float64Array(capacity);
    this.fromUs = new Float64Array(capacity);
    this.toUs = new Float64Array(capacity);
    this.latestUs = new Float64Array(capacity);
  }

  protected override resize(capacity: number): void {
    this.addr = grownUint8(this.addr, 16 * capacity);
    this.prefixLength = grownInt32(this.prefixLength, capacity);
    this.port = grownInt32(this.port, capacity);
    this.workload = grownInt32(this.workload, capacity);
    this.method = grownInt32(this.method, capacity);
    this.earliestUs = grownFloat64(this.earliestUs, capacity);
    this.fromUs = grownFloat64(this.fromUs, capacity);
    this.toUs = grownFloat64(this.toUs, capacity);
    this.latestUs = grownFloat64(this.latestUs, capacity);
  }
}

/** What one reporter says about who holds which address. Key: cluster/reporter. */
export interface OwnershipMessage {
  /** Kind: id. */
  readonly cluster: string;
  /** Scope of the addresses. Kind: id. */
  readonly network: string;
  /** Node name, or the watcher's or table's name. Kind: id. */
  readonly reporter: string;
  /** Kind: id. */
  readonly reporterKind: ReporterKind;
  /** A life of the reporter: a new one forgets what the last one held open. Kind: id. */
  readonly epoch: string;
  /** Message number within the epoch, from 0. Kind: id. */
  readonly seq: number;
  /** full: the open claims, whole; delta: claims that began or ended; as_of: nothing changed; goodbye: all open claims end at as_of. Kind: id. */
  readonly kind: OwnershipKind;
  /** Everything the reporter knew up to here is said with this message. Unit: us since 1970. Kind: id. */
  readonly asOfUs: number;
  /** It speaks at least this often. Unit: ms. Kind: id. */
  readonly intervalMs: number;
  /** Dictionary. */
  readonly workloads: readonly Workload[];
  /** Of the watcher: pods by UID, also those without an address of their own. In a full list, all that are there. */
  readonly pods: readonly Pod[];
  /** The claims. */
  readonly claims: ClaimColumns;
}

/** The fewest and the most bytes of a row. */
const CLAIM_BYTES_MIN = 24;
const CLAIM_BYTES_MAX = 76;

/**
 * Read rows up to row `to`, beginning none behind `last`; CLAIM_BYTES_MAX bytes must be readable from there.
 * Returns the position after the last row; `columns.length` tells how many there were. What lies past `end` is padding.
 */
function readClaims(
  bytes: Uint8Array,
  start: number,
  last: number,
  end: number,
  columns: ClaimColumns,
  to: number,
  workloadsCount: number,
): number {
  const {
    prefixLength, port, workload, method, earliestUs, fromUs, toUs, latestUs,
  } = columns;
  const addr = int32Words(columns.addr);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let p = start;
  let i = columns.length;
  let b = 0;
  let v = 0;
  let w = 0;
  let s = 0;
  for (; i < to && p <= last; i += 1) {
    // addr
    addr[4 * i + 0] = view.getInt32(p + 0, true);
    addr[4 * i + 1] = view.getInt32(p + 4, true);
    addr[4 * i + 2] = view.getInt32(p + 8, true);
    addr[4 * i + 3] = view.getInt32(p + 12, true);
    p += 16;
    // prefix_length
    b = bytes[p++]!;
    if (b >= 0x80) {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        b = wideInt(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
      }
    }
    prefixLength[i] = (b >>> 1) ^ -(b & 1);
    // port
    b = bytes[p++]!;
    if (b >= 0x80) {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        b = wideInt(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
      }
    }
    port[i] = (b >>> 1) ^ -(b & 1);
    // workload
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= workloadsCount) throw refused('Claim.workload', v, p, end);
    workload[i] = v;
    // method
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 9) throw refused('Claim.method', v, p, end);
    method[i] = v;
    // earliest_us
    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
      s = (s & 0x7f) | ((s >>> 1) & 0x3f80) | ((s >>> 2) & 0x1fc000) | ((s >>> 3) & 0xfe00000);
      earliestUs[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      earliestUs[i] = wideLong(bytes, p);
      p = wide.end;
    }
    // from_us
    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
      s = (s & 0x7f) | ((s >>> 1) & 0x3f80) | ((s >>> 2) & 0x1fc000) | ((s >>> 3) & 0xfe00000);
      fromUs[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      fromUs[i] = wideLong(bytes, p);
      p = wide.end;
    }
    // to_us
    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
      s = (s & 0x7f) | ((s >>> 1) & 0x3f80) | ((s >>> 2) & 0x1fc000) | ((s >>> 3) & 0xfe00000);
      toUs[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      toUs[i] = wideLong(bytes, p);
      p = wide.end;
    }
    // latest_us
    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
      s = (s & 0x7f) | ((s >>> 1) & 0x3f80) | ((s >>> 2) & 0x1fc000) | ((s >>> 3) & 0xfe00000);
      latestUs[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      latestUs[i] = wideLong(bytes, p);
      p = wide.end;
    }
  }
  columns.length = i;
  return p;
}

/** All blocks of rows. The last rows are read from a padded copy: one loop serves, without bound checks. */
function readClaimBlocks(reader: AvroReader, columns: ClaimColumns, workloadsCount: number): void {
  const { bytes, end } = reader;
  columns.length = 0;
  for (;;) {
    const count = reader.readBlock(CLAIM_BYTES_MIN, columns.length, CLAIMS_MAX, 'OwnershipMessage.claims');
    if (count === 0) return;
    const to = columns.length + count;
    columns.ensure(to);
    const last = end - CLAIM_BYTES_MAX;
    reader.position = readClaims(bytes, reader.position, last, end, columns, to, workloadsCount);
    if (columns.length < to) {
      const left = end - reader.position;
      const tail = reader.padded(CLAIM_BYTES_MAX);
      const used = readClaims(tail, 0, left - CLAIM_BYTES_MIN, left, columns, to, workloadsCount);
      if (columns.length < to || used > left) throw truncated(reader.what, end);
      reader.position += used;
    }
    reader.endBlock(reader.blockEnd, 'OwnershipMessage.claims');
  }
}

/**
 * A OwnershipMessage from its single-object encoding. Owner: the result refers to nothing of `bytes`; its rows are `into`, which
 * is overwritten, also where this fails. Allocates: the header and the dictionaries; nothing a row once `into` is large enough.
 * @throws WEIR_SCHEMA_UNKNOWN, _TRUNCATED, _OVERLONG, _INVALID, _TOO_LARGE
 */
export function decodeOwnershipMessage(bytes: Uint8Array, into: ClaimColumns = new ClaimColumns(0)): OwnershipMessage {
  const { reader, version } = openVersion(bytes, HEADER, EARLIER, 'OwnershipMessage');
  const cluster = reader.readString('OwnershipMessage.cluster');
  const network = reader.readString('OwnershipMessage.network');
  const reporter = reader.readString('OwnershipMessage.reporter');
  const reporterKind = reader.readEnum(REPORTER_KIND_SYMBOLS.length, 'OwnershipMessage.reporter_kind') as ReporterKind;
  const epoch = reader.readString('OwnershipMessage.epoch');
  const seq = reader.readLong();
  const kind = reader.readEnum(OWNERSHIP_KIND_SYMBOLS.length, 'OwnershipMessage.kind') as OwnershipKind;
  const asOfUs = reader.readLong();
  const intervalMs = reader.readInt();
  const workloads = reader.readArray(WORKLOAD_BYTES_MIN, readWorkload, 'OwnershipMessage.workloads');
  const pods = version < 1 ? [] : reader.readArray(POD_BYTES_MIN, readPod, 'OwnershipMessage.pods');
  readClaimBlocks(reader, into, workloads.length);
  reader.finish();
  return {
    cluster,
    network,
    reporter,
    reporterKind,
    epoch,
    seq,
    kind,
    asOfUs,
    intervalMs,
    workloads,
    pods,
    claims: into,
  };
}

/** All rows as one block. Every value is checked: what is written can be read. */
function writeClaims(writer: AvroWriter, columns: ClaimColumns, workloadsCount: number): void {
  const rows = columns.length;
  if (rows > CLAIMS_MAX) throw tooLarge('OwnershipMessage.claims', rows, CLAIMS_MAX);
  if (rows > columns.capacity) throw invalid('the length of OwnershipMessage.claims', rows, columns.capacity);
  if (rows > 0) writer.writeLong(rows);
  const {
    addr, prefixLength, port, workload, method, earliestUs, fromUs, toUs, latestUs,
  } = columns;
  let v = 0;
  for (let i = 0; i < rows; i += 1) {
    writer.ensure(CLAIM_BYTES_MAX);
    const { bytes } = writer;
    let p = writer.position;
    for (let k = 0; k < 16; k += 1) bytes[p + k] = addr[16 * i + k]!;
    p += 16;
    v = prefixLength[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = port[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = workload[i]!;
    if (v < -1 || v >= workloadsCount) throw invalid('Claim.workload', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = method[i]!;
    if (v < 0 || v >= 9) throw invalid('Claim.method', v, i);
    bytes[p++] = v << 1;
    v = earliestUs[i]!;
    p = putLong(bytes, p, v);
    v = fromUs[i]!;
    p = putLong(bytes, p, v);
    v = toUs[i]!;
    p = putLong(bytes, p, v);
    v = latestUs[i]!;
    p = putLong(bytes, p, v);
    writer.position = p;
  }
  writer.writeLong(0);
}

const writer = new AvroWriter();

/**
 * The single-object encoding of a OwnershipMessage, as bytes of the caller's own.
 * @throws WEIR_SCHEMA_INVALID for a value that its type or dictionary does not hold, WEIR_SCHEMA_TOO_LARGE past a bound
 */
export function encodeOwnershipMessage(batch: OwnershipMessage): Uint8Array {
  writer.begin(HEADER);
  writer.writeString(batch.cluster, 'OwnershipMessage.cluster');
  writer.writeString(batch.network, 'OwnershipMessage.network');
  writer.writeString(batch.reporter, 'OwnershipMessage.reporter');
  writer.writeEnum(batch.reporterKind, REPORTER_KIND_SYMBOLS.length, 'OwnershipMessage.reporter_kind');
  writer.writeString(batch.epoch, 'OwnershipMessage.epoch');
  writer.writeLong(batch.seq);
  writer.writeEnum(batch.kind, OWNERSHIP_KIND_SYMBOLS.length, 'OwnershipMessage.kind');
  writer.writeLong(batch.asOfUs);
  writer.writeInt(batch.intervalMs, 'OwnershipMessage.interval_ms');
  writer.writeArray(batch.workloads, writeWorkload, 'OwnershipMessage.workloads');
  writer.writeArray(batch.pods, writePod, 'OwnershipMessage.pods');
  writeClaims(writer, batch.claims, batch.workloads.length);
  return writer.take();
}
