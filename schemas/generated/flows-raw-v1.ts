// Generated from schemas/versions/flows.raw.v1/1.avsc, schemas/flows.raw.v1.avsc by schemas/generate; do not edit.

import { BATCH_FLOWS_MAX } from '../../contract/limits.ts';
import { type AvroReader, wide, wideInt, wideLong } from '../avro-reader.ts';
import { AvroWriter, putInt, putLong } from '../avro-writer.ts';
import { Columns, grownFloat64, grownInt32, grownUint8, int32Words } from '../columns.ts';
import { invalid, refused, tooLarge, truncated } from '../schema-error.ts';
import { openVersion } from '../single-object.ts';
import {
  LOCAL_TRANSLATION_BYTES_MIN,
  LOSS_BYTES_MIN,
  NAT_ADDRESS_BYTES_MIN,
  PROCESS_BYTES_MIN,
  WORKLOAD_BYTES_MIN,
  readLocalTranslation,
  readLoss,
  readNatAddress,
  readProcess,
  readWorkload,
  writeLocalTranslation,
  writeLoss,
  writeNatAddress,
  writeProcess,
  writeWorkload,
  type LocalTranslation,
  type Loss,
  type NatAddress,
  type Process,
  type Workload,
} from './common.ts';

/** C3 01 and the CRC-64-AVRO fingerprint of schemas/flows.raw.v1.avsc, little endian. */
const HEADER: Uint8Array = Uint8Array.of(0xc3, 0x01, 0xad, 0xe7, 0x9d, 0xeb, 0x17, 0xf4, 0x4f, 0xbc);

/** Of the versions before, oldest first: schemas/versions/flows.raw.v1/1.avsc. */
const EARLIER: readonly Uint8Array[] = [
  Uint8Array.of(0xc3, 0x01, 0x41, 0x40, 0x35, 0x95, 0xdc, 0x9a, 0x71, 0xf5),
];

/** The same as hex digits: what `headerOf` gives for a RawBatch. */
export const RAW_BATCH_HEADER = 'c301ade79deb17f44fbc';

/** One end's report of one connection over one interval, as its kernel saw it. */
export class RawFlowColumns extends Columns {
  /** Flow number minus the header's first. Unit: flow numbers. Kind: id. */
  numberOffset: Int32Array;
  /** Flow numbers that this row stands for: 1, or more where flows were merged. Unit: flow numbers. Kind: delta. */
  numbers: Int32Array;
  /** Index in Report. Kind: id. */
  report: Int32Array;
  /** Connections that ended in this row: interim 0, final and failed 1, merged N. Kind: delta. */
  connectionCount: Float64Array;
  /** From when this row reports. Unit: us since 1970. Kind: id. Source: boot clock plus the node's offset. */
  startUs: Float64Array;
  /** Until when. Unit: us since 1970. Kind: id. */
  endUs: Float64Array;
  /** When the connection was opened, -1 if before the capture. Unit: us since 1970. Kind: id. */
  openedUs: Float64Array;
  /** 16 bytes a row. IPv6, IPv4 as ::ffff:a.b.c.d. Kind: id. Source: inet_rcv_saddr. */
  localAddr: Uint8Array;
  /** 16 bytes a row. Kind: id. Source: skc_daddr. */
  remoteAddr: Uint8Array;
  /** -1 in a merged row. Kind: id. */
  localPort: Int32Array;
  /** -1 in a merged row. Kind: id. */
  remotePort: Int32Array;
  /** Index in Role. client: the local end opened the connection. Kind: id. */
  role: Int32Array;
  /** Index in RoleMethod. How the role is known. Kind: id. */
  roleMethod: Int32Array;
  /** Index in LocalOutcome. Kind: id. Source: old TCP state and sk_err. */
  outcome: Int32Array;
  /** errno of the socket, 0 for none. Kind: id. Source: sk_err. */
  error: Int32Array;
  /** Index in workloads, -1: none. Kind: id. Source: cgroup of the socket. */
  localWorkload: Int32Array;
  /** Index in workloads, -1: none. Only where both sockets are on this node, or for a loopback listener. Kind: id. */
  remoteWorkload: Int32Array;
  /** Index in Method. peer: both sockets seen on this node; port: a listener on this node's loopback; none otherwise. Kind: id. */
  remoteMethod: Int32Array;
  /** Index in processes, -1: none. Kind: id. */
  process: Int32Array;
  /** Payload without retransmissions. Unit: bytes. Kind: delta. Source: tcp_sock.bytes_sent - bytes_retrans. */
  bytesSent: Float64Array;
  /** Payload. Unit: bytes. Kind: delta. Source: tcp_sock.bytes_received less the FIN. */
  bytesReceived: Float64Array;
  /** With pure ACKs. Unit: segments. Kind: delta. Source: tcp_sock.segs_out. */
  segmentsSent: Float64Array;
  /** Unit: segments. Kind: delta. Source: tcp_sock.segs_in. */
  segmentsReceived: Float64Array;
  /** Unit: segments. Kind: delta. Source: tcp_sock.total_retrans. */
  retransmittedSegments: Float64Array;
  /** Unit: bytes. Kind: delta. Source: tcp_sock.bytes_retrans. */
  retransmittedBytes: Float64Array;
  /** Unit: segments. Kind: delta. Source: tcp_sock.lost. */
  lostSegments: Float64Array;
  /** Unit: events. Kind: delta. Source: tcp_sock.reord_seen. */
  reorderingEvents: Float64Array;
  /** Unit: segments. Kind: delta. Source: tcp_sock.rcv_ooopack. */
  outOfOrderSegments: Float64Array;
  /** Unit: timeouts. Kind: delta. Source: tcp_sock.total_rto. */
  rtoTimeouts: Float64Array;
  /** Smoothed round trip, -1 without a sample. Unit: us. Kind: gauge. Source: tcp_sock.srtt_us / 8. */
  rttUs: Int32Array;
  /** -1 without a sample. Unit: us. Kind: gauge. Source: tcp_sock.mdev_us / 4. */
  rttVarUs: Int32Array;
  /** -1 without a sample. Unit: us. Kind: gauge. Source: tcp_sock.rtt_min. */
  rttMinUs: Int32Array;
  /** SYN to established, -1 when not known or not the first row. Unit: us. Kind: once. */
  connectUs: Int32Array;
  /** Time with data to send. Unit: us. Kind: delta. Source: tcp_sock.chrono_stat. */
  busyUs: Float64Array;
  /** Time limited by the receiver's window. Unit: us. Kind: delta. Source: tcp_sock.chrono_stat. */
  rwndLimitedUs: Float64Array;
  /** Time limited by the send buffer. Unit: us. Kind: delta. Source: tcp_sock.chrono_stat. */
  sndbufLimitedUs: Float64Array;
  /** Written by the program and not acknowledged, -1 in a merged row. Unit: bytes. Kind: gauge. */
  unsentBytes: Float64Array;
  /** The kernel's socket cookie; -1 in a merged row. Kind: id. */
  connectionId: Float64Array;
  /** The connection is older than the capture. Kind: id. */
  seeded: Uint8Array;

  constructor(capacity: number) {
    super(capacity);
    this.numberOffset = new Int32Array(capacity);
    this.numbers = new Int32Array(capacity);
    this.report = new Int32Array(capacity);
    this.connectionCount = new Float64Array(capacity);
    this.startUs = new Float64Array(capacity);
    this.endUs = new Float64Array(capacity);
    this.openedUs = new Float64Array(capacity);
    this.localAddr = new Uint8Array(16 * capacity);
    this.remoteAddr = new Uint8Array(16 * capacity);
    this.localPort = new Int32Array(capacity);
    this.remotePort = new Int32Array(capacity);
    this.role = new Int32Array(capacity);
    this.roleMethod = new Int32Array(capacity);
    this.outcome = new Int32Array(capacity);
    this.error = new Int32Array(capacity);
    this.localWorkload = new Int32Array(capacity);
    this.remoteWorkload = new Int32Array(capacity);
    this.remoteMethod = new Int32Array(capacity);
    this.process = new Int32Array(capacity);
    this.bytesSent = new Float64Array(capacity);
    this.bytesReceived = new Float64Array(capacity);
    this.segmentsSent = new Float64Array(capacity);
    this.segmentsReceived = new Float64Array(capacity);
    this.retransmittedSegments = new Float64Array(capacity);
    this.retransmittedBytes = new Float64Array(capacity);
    this.lostSegments = new Float64Array(capacity);
    this.reorderingEvents = new Float64Array(capacity);
    this.outOfOrderSegments = new Float64Array(capacity);
    this.rtoTimeouts = new Float64Array(capacity);
    this.rttUs = new Int32Array(capacity);
    this.rttVarUs = new Int32Array(capacity);
    this.rttMinUs = new Int32Array(capacity);
    this.connectUs = new Int32Array(capacity);
    this.busyUs = new Float64Array(capacity);
    this.rwndLimitedUs = new Float64Array(capacity);
    this.sndbufLimitedUs = new Float64Array(capacity);
    this.unsentBytes = new Float64Array(capacity);
    this.connectionId = new Float64Array(capacity);
    this.seeded = new Uint8Array(capacity);
  }

  protected override resize(capacity: number): void {
    this.numberOffset = grownInt32(this.numberOffset, capacity);
    this.numbers = grownInt32(this.numbers, capacity);
    this.report = grownInt32(this.report, capacity);
    this.connectionCount = grownFloat64(this.connectionCount, capacity);
    this.startUs = grownFloat64(this.startUs, capacity);
    this.endUs = grownFloat64(this.endUs, capacity);
    this.openedUs = grownFloat64(this.openedUs, capacity);
    this.localAddr = grownUint8(this.localAddr, 16 * capacity);
    this.remoteAddr = grownUint8(this.remoteAddr, 16 * capacity);
    this.localPort = grownInt32(this.localPort, capacity);
    this.remotePort = grownInt32(this.remotePort, capacity);
    this.role = grownInt32(this.role, capacity);
    this.roleMethod = grownInt32(this.roleMethod, capacity);
    this.outcome = grownInt32(this.outcome, capacity);
    this.error = grownInt32(this.error, capacity);
    this.localWorkload = grownInt32(this.localWorkload, capacity);
    this.remoteWorkload = grownInt32(this.remoteWorkload, capacity);
    this.remoteMethod = grownInt32(this.remoteMethod, capacity);
    this.process = grownInt32(this.process, capacity);
    this.bytesSent = grownFloat64(this.bytesSent, capacity);
    this.bytesReceived = grownFloat64(this.bytesReceived, capacity);
    this.segmentsSent = grownFloat64(this.segmentsSent, capacity);
    this.segmentsReceived = grownFloat64(this.segmentsReceived, capacity);
    this.retransmittedSegments = grownFloat64(this.retransmittedSegments, capacity);
    this.retransmittedBytes = grownFloat64(this.retransmittedBytes, capacity);
    this.lostSegments = grownFloat64(this.lostSegments, capacity);
    this.reorderingEvents = grownFloat64(this.reorderingEvents, capacity);
    this.outOfOrderSegments = grownFloat64(this.outOfOrderSegments, capacity);
    this.rtoTimeouts = grownFloat64(this.rtoTimeouts, capacity);
    this.rttUs = grownInt32(this.rttUs, capacity);
    this.rttVarUs = grownInt32(this.rttVarUs, capacity);
    this.rttMinUs = grownInt32(this.rttMinUs, capacity);
    this.connectUs = grownInt32(this.connectUs, capacity);
    this.busyUs = grownFloat64(this.busyUs, capacity);
    this.rwndLimitedUs = grownFloat64(this.rwndLimitedUs, capacity);
    this.sndbufLimitedUs = grownFloat64(this.sndbufLimitedUs, capacity);
    this.unsentBytes = grownFloat64(this.unsentBytes, capacity);
    this.connectionId = grownFloat64(this.connectionId, capacity);
    this.seeded = grownUint8(this.seeded, capacity);
  }
}

/** A batch of flows of one stream: the flow numbers [first, next), as rows and as losses. Key: cluster/node. */
export interface RawBatch {
  /** Kind: id. */
  readonly cluster: string;
  /** Scope of the addresses. Kind: id. */
  readonly network: string;
  /** Reporter. Kind: id. */
  readonly node: string;
  /** The stream: the life of one ring on one partition. Kind: id. */
  readonly ring: string;
  /** Batch number within the stream, from 0. Kind: id. */
  readonly seq: number;
  /** First flow number of the range. Kind: id. */
  readonly first: number;
  /** Flow number after the range. next - first = sum of numbers + sum of losses. Kind: id. */
  readonly next: number;
  /** What of the range is not in flows. */
  readonly losses: readonly Loss[];
  /** Dictionary. */
  readonly workloads: readonly Workload[];
  /** Dictionary. */
  readonly processes: readonly Process[];
  /** Dictionary. */
  readonly natAddresses: readonly NatAddress[];
  /** Rows whose addresses are translated on the way, where that is known. */
  readonly translations: readonly LocalTranslation[];
  /** The rows, in the order of their numbers. */
  readonly flows: RawFlowColumns;
}

/** The fewest and the most bytes of a row. */
const RAW_FLOW_BYTES_MIN = 69;
const RAW_FLOW_BYTES_MAX = 308;

/**
 * Read rows up to row `to`, beginning none behind `last`; RAW_FLOW_BYTES_MAX bytes must be readable from there.
 * Returns the position after the last row; `columns.length` tells how many there were. What lies past `end` is padding.
 */
function readRawFlows(
  bytes: Uint8Array,
  start: number,
  last: number,
  end: number,
  columns: RawFlowColumns,
  to: number,
  workloadsCount: number,
  processesCount: number,
): number {
  const {
    numberOffset, numbers, report, connectionCount, startUs, endUs, openedUs, localPort, remotePort, role, roleMethod,
    outcome, error, localWorkload, remoteWorkload, remoteMethod, process, bytesSent, bytesReceived, segmentsSent,
    segmentsReceived, retransmittedSegments, retransmittedBytes, lostSegments, reorderingEvents, outOfOrderSegments,
    rtoTimeouts, rttUs, rttVarUs, rttMinUs, connectUs, busyUs, rwndLimitedUs, sndbufLimitedUs, unsentBytes,
    connectionId, seeded,
  } = columns;
  const localAddr = int32Words(columns.localAddr);
  const remoteAddr = int32Words(columns.remoteAddr);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let p = start;
  let i = columns.length;
  let b = 0;
  let v = 0;
  let w = 0;
  let s = 0;
  for (; i < to && p <= last; i += 1) {
    // number_offset
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
    numberOffset[i] = (b >>> 1) ^ -(b & 1);
    // numbers
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
    numbers[i] = (b >>> 1) ^ -(b & 1);
    // report
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 4) throw refused('RawFlow.report', v, p, end);
    report[i] = v;
    // connection_count
    b = bytes[p++]!;
    if (b < 0x80) connectionCount[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        connectionCount[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        connectionCount[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // start_us
    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
      s = (s & 0x7f) | ((s >>> 1) & 0x3f80) | ((s >>> 2) & 0x1fc000) | ((s >>> 3) & 0xfe00000);
      startUs[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      startUs[i] = wideLong(bytes, p);
      p = wide.end;
    }
    // end_us
    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
      s = (s & 0x7f) | ((s >>> 1) & 0x3f80) | ((s >>> 2) & 0x1fc000) | ((s >>> 3) & 0xfe00000);
      endUs[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      endUs[i] = wideLong(bytes, p);
      p = wide.end;
    }
    // opened_us
    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
      s = (s & 0x7f) | ((s >>> 1) & 0x3f80) | ((s >>> 2) & 0x1fc000) | ((s >>> 3) & 0xfe00000);
      openedUs[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      openedUs[i] = wideLong(bytes, p);
      p = wide.end;
    }
    // local_addr
    localAddr[4 * i + 0] = view.getInt32(p + 0, true);
    localAddr[4 * i + 1] = view.getInt32(p + 4, true);
    localAddr[4 * i + 2] = view.getInt32(p + 8, true);
    localAddr[4 * i + 3] = view.getInt32(p + 12, true);
    p += 16;
    // remote_addr
    remoteAddr[4 * i + 0] = view.getInt32(p + 0, true);
    remoteAddr[4 * i + 1] = view.getInt32(p + 4, true);
    remoteAddr[4 * i + 2] = view.getInt32(p + 8, true);
    remoteAddr[4 * i + 3] = view.getInt32(p + 12, true);
    p += 16;
    // local_port
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
    localPort[i] = (b >>> 1) ^ -(b & 1);
    // remote_port
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
    remotePort[i] = (b >>> 1) ^ -(b & 1);
    // role
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 3) throw refused('RawFlow.role', v, p, end);
    role[i] = v;
    // role_method
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 3) throw refused('RawFlow.role_method', v, p, end);
    roleMethod[i] = v;
    // outcome
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 9) throw refused('RawFlow.outcome', v, p, end);
    outcome[i] = v;
    // error
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
    error[i] = (b >>> 1) ^ -(b & 1);
    // local_workload
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= workloadsCount) throw refused('RawFlow.local_workload', v, p, end);
    localWorkload[i] = v;
    // remote_workload
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= workloadsCount) throw refused('RawFlow.remote_workload', v, p, end);
    remoteWorkload[i] = v;
    // remote_method
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 9) throw refused('RawFlow.remote_method', v, p, end);
    remoteMethod[i] = v;
    // process
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= processesCount) throw refused('RawFlow.process', v, p, end);
    process[i] = v;
    // bytes_sent
    b = bytes[p++]!;
    if (b < 0x80) bytesSent[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        bytesSent[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        bytesSent[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // bytes_received
    b = bytes[p++]!;
    if (b < 0x80) bytesReceived[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        bytesReceived[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        bytesReceived[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // segments_sent
    b = bytes[p++]!;
    if (b < 0x80) segmentsSent[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        segmentsSent[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        segmentsSent[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // segments_received
    b = bytes[p++]!;
    if (b < 0x80) segmentsReceived[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        segmentsReceived[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        segmentsReceived[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // retransmitted_segments
    b = bytes[p++]!;
    if (b < 0x80) retransmittedSegments[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        retransmittedSegments[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        retransmittedSegments[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // retransmitted_bytes
    b = bytes[p++]!;
    if (b < 0x80) retransmittedBytes[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        retransmittedBytes[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        retransmittedBytes[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // lost_segments
    b = bytes[p++]!;
    if (b < 0x80) lostSegments[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        lostSegments[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        lostSegments[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // reordering_events
    b = bytes[p++]!;
    if (b < 0x80) reorderingEvents[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        reorderingEvents[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        reorderingEvents[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // out_of_order_segments
    b = bytes[p++]!;
    if (b < 0x80) outOfOrderSegments[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        outOfOrderSegments[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        outOfOrderSegments[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // rto_timeouts
    b = bytes[p++]!;
    if (b < 0x80) rtoTimeouts[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        rtoTimeouts[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        rtoTimeouts[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // rtt_us
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
    rttUs[i] = (b >>> 1) ^ -(b & 1);
    // rtt_var_us
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
    rttVarUs[i] = (b >>> 1) ^ -(b & 1);
    // rtt_min_us
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
    rttMinUs[i] = (b >>> 1) ^ -(b & 1);
    // connect_us
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
    connectUs[i] = (b >>> 1) ^ -(b & 1);
    // busy_us
    b = bytes[p++]!;
    if (b < 0x80) busyUs[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        busyUs[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        busyUs[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // rwnd_limited_us
    b = bytes[p++]!;
    if (b < 0x80) rwndLimitedUs[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        rwndLimitedUs[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        rwndLimitedUs[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // sndbuf_limited_us
    b = bytes[p++]!;
    if (b < 0x80) sndbufLimitedUs[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        sndbufLimitedUs[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        sndbufLimitedUs[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // unsent_bytes
    b = bytes[p++]!;
    if (b < 0x80) unsentBytes[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        unsentBytes[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        unsentBytes[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // connection_id
    b = bytes[p++]!;
    if (b < 0x80) connectionId[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        connectionId[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        connectionId[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // seeded
    v = bytes[p++]!;
    if (v > 1) throw refused('RawFlow.seeded', v, p, end);
    seeded[i] = v;
  }
  columns.length = i;
  return p;
}

/** All blocks of rows. The last rows are read from a padded copy: one loop serves, without bound checks. */
function readRawFlowBlocks(reader: AvroReader, columns: RawFlowColumns, workloadsCount: number, processesCount: number): void {
  const { bytes, end } = reader;
  columns.length = 0;
  for (;;) {
    const count = reader.readBlock(RAW_FLOW_BYTES_MIN, columns.length, BATCH_FLOWS_MAX, 'RawBatch.flows');
    if (count === 0) return;
    const to = columns.length + count;
    columns.ensure(to);
    const last = end - RAW_FLOW_BYTES_MAX;
    reader.position = readRawFlows(bytes, reader.position, last, end, columns, to, workloadsCount, processesCount);
    if (columns.length < to) {
      const left = end - reader.position;
      const tail = reader.padded(RAW_FLOW_BYTES_MAX);
      const used = readRawFlows(tail, 0, left - RAW_FLOW_BYTES_MIN, left, columns, to, workloadsCount, processesCount);
      if (columns.length < to || used > left) throw truncated(reader.what, end);
      reader.position += used;
    }
    reader.endBlock(reader.blockEnd, 'RawBatch.flows');
  }
}

/**
 * A RawBatch from its single-object encoding. Owner: the result refers to nothing of `bytes`; its rows are `into`, which
 * is overwritten, also where this fails. Allocates: the header and the dictionaries; nothing a row once `into` is large enough.
 * @throws WEIR_SCHEMA_UNKNOWN, _TRUNCATED, _OVERLONG, _INVALID, _TOO_LARGE
 */
export function decodeRawBatch(bytes: Uint8Array, into: RawFlowColumns = new RawFlowColumns(0)): RawBatch {
  const { reader, version } = openVersion(bytes, HEADER, EARLIER, 'RawBatch');
  const cluster = reader.readString('RawBatch.cluster');
  const network = reader.readString('RawBatch.network');
  const node = reader.readString('RawBatch.node');
  const ring = reader.readString('RawBatch.ring');
  const seq = reader.readLong();
  const first = reader.readLong();
  const next = reader.readLong();
  const losses = reader.readArray(LOSS_BYTES_MIN, readLoss, 'RawBatch.losses');
  const workloads = reader.readArray(WORKLOAD_BYTES_MIN, readWorkload, 'RawBatch.workloads');
  const processes = reader.readArray(PROCESS_BYTES_MIN, readProcess, 'RawBatch.processes');
  const natAddresses = version < 1 ? [] : reader.readArray(NAT_ADDRESS_BYTES_MIN, readNatAddress, 'RawBatch.nat_addresses');
  const translations = version < 1 ? [] : reader.readArray(LOCAL_TRANSLATION_BYTES_MIN, readLocalTranslation, 'RawBatch.translations');
  readRawFlowBlocks(reader, into, workloads.length, processes.length);
  reader.finish();
  return {
    cluster,
    network,
    node,
    ring,
    seq,
    first,
    next,
    losses,
    workloads,
    processes,
    natAddresses,
    translations,
    flows: into,
  };
}

/** All rows as one block. Every value is checked: what is written can be read. */
function writeRawFlows(writer: AvroWriter, columns: RawFlowColumns, workloadsCount: number, processesCount: number): void {
  const rows = columns.length;
  if (rows > BATCH_FLOWS_MAX) throw tooLarge('RawBatch.flows', rows, BATCH_FLOWS_MAX);
  if (rows > columns.capacity) throw invalid('the length of RawBatch.flows', rows, columns.capacity);
  if (rows > 0) writer.writeLong(rows);
  const {
    numberOffset, numbers, report, connectionCount, startUs, endUs, openedUs, localAddr, remoteAddr, localPort,
    remotePort, role, roleMethod, outcome, error, localWorkload, remoteWorkload, remoteMethod, process, bytesSent,
    bytesReceived, segmentsSent, segmentsReceived, retransmittedSegments, retransmittedBytes, lostSegments,
    reorderingEvents, outOfOrderSegments, rtoTimeouts, rttUs, rttVarUs, rttMinUs, connectUs, busyUs, rwndLimitedUs,
    sndbufLimitedUs, unsentBytes, connectionId, seeded,
  } = columns;
  let v = 0;
  for (let i = 0; i < rows; i += 1) {
    writer.ensure(RAW_FLOW_BYTES_MAX);
    const { bytes } = writer;
    let p = writer.position;
    v = numberOffset[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = numbers[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = report[i]!;
    if (v < 0 || v >= 4) throw invalid('RawFlow.report', v, i);
    bytes[p++] = v << 1;
    v = connectionCount[i]!;
    p = putLong(bytes, p, v);
    v = startUs[i]!;
    p = putLong(bytes, p, v);
    v = endUs[i]!;
    p = putLong(bytes, p, v);
    v = openedUs[i]!;
    p = putLong(bytes, p, v);
    for (let k = 0; k < 16; k += 1) bytes[p + k] = localAddr[16 * i + k]!;
    p += 16;
    for (let k = 0; k < 16; k += 1) bytes[p + k] = remoteAddr[16 * i + k]!;
    p += 16;
    v = localPort[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = remotePort[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = role[i]!;
    if (v < 0 || v >= 3) throw invalid('RawFlow.role', v, i);
    bytes[p++] = v << 1;
    v = roleMethod[i]!;
    if (v < 0 || v >= 3) throw invalid('RawFlow.role_method', v, i);
    bytes[p++] = v << 1;
    v = outcome[i]!;
    if (v < 0 || v >= 9) throw invalid('RawFlow.outcome', v, i);
    bytes[p++] = v << 1;
    v = error[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = localWorkload[i]!;
    if (v < -1 || v >= workloadsCount) throw invalid('RawFlow.local_workload', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = remoteWorkload[i]!;
    if (v < -1 || v >= workloadsCount) throw invalid('RawFlow.remote_workload', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = remoteMethod[i]!;
    if (v < 0 || v >= 9) throw invalid('RawFlow.remote_method', v, i);
    bytes[p++] = v << 1;
    v = process[i]!;
    if (v < -1 || v >= processesCount) throw invalid('RawFlow.process', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = bytesSent[i]!;
    p = putLong(bytes, p, v);
    v = bytesReceived[i]!;
    p = putLong(bytes, p, v);
    v = segmentsSent[i]!;
    p = putLong(bytes, p, v);
    v = segmentsReceived[i]!;
    p = putLong(bytes, p, v);
    v = retransmittedSegments[i]!;
    p = putLong(bytes, p, v);
    v = retransmittedBytes[i]!;
    p = putLong(bytes, p, v);
    v = lostSegments[i]!;
    p = putLong(bytes, p, v);
    v = reorderingEvents[i]!;
    p = putLong(bytes, p, v);
    v = outOfOrderSegments[i]!;
    p = putLong(bytes, p, v);
    v = rtoTimeouts[i]!;
    p = putLong(bytes, p, v);
    v = rttUs[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = rttVarUs[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = rttMinUs[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = connectUs[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = busyUs[i]!;
    p = putLong(bytes, p, v);
    v = rwndLimitedUs[i]!;
    p = putLong(bytes, p, v);
    v = sndbufLimitedUs[i]!;
    p = putLong(bytes, p, v);
    v = unsentBytes[i]!;
    p = putLong(bytes, p, v);
    v = connectionId[i]!;
    p = putLong(bytes, p, v);
    bytes[p++] = seeded[i] === 0 ? 0 : 1;
    writer.position = p;
  }
  writer.writeLong(0);
}

const writer = new AvroWriter();

/**
 * The single-object encoding of a RawBatch, as bytes of the caller's own.
 * @throws WEIR_SCHEMA_INVALID for a value that its type or dictionary does not hold, WEIR_SCHEMA_TOO_LARGE past a bound
 */
export function encodeRawBatch(batch: RawBatch): Uint8Array {
  writer.begin(HEADER);
  writer.writeString(batch.cluster, 'RawBatch.cluster');
  writer.writeString(batch.network, 'RawBatch.network');
  writer.writeString(batch.node, 'RawBatch.node');
  writer.writeString(batch.ring, 'RawBatch.ring');
  writer.writeLong(batch.seq);
  writer.writeLong(batch.first);
  writer.writeLong(batch.next);
  writer.writeArray(batch.losses, writeLoss, 'RawBatch.losses');
  writer.writeArray(batch.workloads, writeWorkload, 'RawBatch.workloads');
  writer.writeArray(batch.processes, writeProcess, 'RawBatch.processes');
  writer.writeArray(batch.natAddresses, writeNatAddress, 'RawBatch.nat_addresses');
  writer.writeArray(batch.translations, writeLocalTranslation, 'RawBatch.translations');
  writeRawFlows(writer, batch.flows, batch.workloads.length, batch.processes.length);
  return writer.take();
}
