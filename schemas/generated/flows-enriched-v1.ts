// Generated from schemas/versions/flows.enriched.v1/1.avsc, schemas/flows.enriched.v1.avsc by schemas/generate; do not edit.

import { ENRICHED_FLOWS_MAX } from '../../contract/limits.ts';
import { type AvroReader, wide, wideInt, wideLong } from '../avro-reader.ts';
import { AvroWriter, putInt, putLong } from '../avro-writer.ts';
import { Columns, grownFloat64, grownInt32, grownUint8, int32Words } from '../columns.ts';
import { invalid, refused, tooLarge, truncated } from '../schema-error.ts';
import { openVersion } from '../single-object.ts';
import {
  NAT_ADDRESS_BYTES_MIN,
  PLACE_BYTES_MIN,
  PROCESS_BYTES_MIN,
  SERVICE_BYTES_MIN,
  SOURCE_BYTES_MIN,
  TRANSLATION_BYTES_MIN,
  WORKLOAD_BYTES_MIN,
  readNatAddress,
  readPlace,
  readProcess,
  readService,
  readSource,
  readTranslation,
  readWorkload,
  writeNatAddress,
  writePlace,
  writeProcess,
  writeService,
  writeSource,
  writeTranslation,
  writeWorkload,
  type NatAddress,
  type Place,
  type Process,
  type Service,
  type Source,
  type Translation,
  type Workload,
} from './common.ts';

/** C3 01 and the CRC-64-AVRO fingerprint of schemas/flows.enriched.v1.avsc, little endian. */
const HEADER: Uint8Array = Uint8Array.of(0xc3, 0x01, 0xe1, 0xbe, 0x0f, 0xa4, 0x60, 0xb7, 0xa8, 0xf4);

/** Of the versions before, oldest first: schemas/versions/flows.enriched.v1/1.avsc. */
const EARLIER: readonly Uint8Array[] = [
  Uint8Array.of(0xc3, 0x01, 0xb8, 0x46, 0x17, 0x63, 0xf3, 0x7d, 0x3c, 0xa3),
];

/** The same as hex digits: what `headerOf` gives for a EnrichedBatch. */
export const ENRICHED_BATCH_HEADER = 'c301e1be0fa460b7a8f4';

/** One end's report of one connection over one interval; src opened it, or where that is not known has the greater (address, port). */
export class EnrichedFlowColumns extends Columns {
  /** In its stream. Kind: id. */
  flowNumber: Float64Array;
  /** Flow numbers that this row stands for. Kind: delta. */
  numbers: Int32Array;
  /** Index in Report. Kind: id. */
  report: Int32Array;
  /** Kind: delta. */
  connectionCount: Float64Array;
  /** From when this row reports. Unit: us since 1970. Kind: id. Source: boot clock plus the node's offset. */
  startUs: Float64Array;
  /** Until when. Unit: us since 1970. Kind: id. */
  endUs: Float64Array;
  /** When the connection was opened, -1 if before the capture. Unit: us since 1970. Kind: id. */
  openedUs: Float64Array;
  /** Index in Reporter. Whose kernel saw it. Kind: id. */
  reporter: Int32Array;
  /** Index in RoleMethod. Kind: id. */
  roleMethod: Int32Array;
  /** Index in Outcome. Kind: id. */
  outcome: Int32Array;
  /** errno, 0 for none. Kind: id. */
  error: Int32Array;
  /** A live sidecar claimed the other end's address then. Kind: id. */
  peerReports: Uint8Array;
  /** 16 bytes a row. Kind: id. */
  srcAddr: Uint8Array;
  /** 16 bytes a row. Kind: id. */
  dstAddr: Uint8Array;
  /** -1 in a merged row. Kind: id. */
  srcPort: Int32Array;
  /** -1 in a merged row. Kind: id. */
  dstPort: Int32Array;
  /** Index in workloads, -1: none. Kind: id. */
  srcWorkload: Int32Array;
  /** Index in workloads, -1: none. Kind: id. */
  dstWorkload: Int32Array;
  /** Index in Method. Kind: id. */
  srcMethod: Int32Array;
  /** Index in Method. Kind: id. */
  dstMethod: Int32Array;
  /** Index in Reason. Why there is no owner; none where there is one. Kind: id. */
  srcReason: Int32Array;
  /** Index in Reason. Kind: id. */
  dstReason: Int32Array;
  /** From when the owner held the address, -1: not known. Unit: us since 1970. Kind: id. */
  srcSinceUs: Float64Array;
  /** As src_since_us. Unit: us since 1970. Kind: id. */
  dstSinceUs: Float64Array;
  /** Index in places, -1: none. Kind: id. */
  srcPlace: Int32Array;
  /** Index in places, -1: none. Kind: id. */
  dstPlace: Int32Array;
  /** Index in services, -1: none. Kind: id. */
  dstService: Int32Array;
  /** Index in processes, -1: none. Kind: id. */
  process: Int32Array;
  /** Unit: bytes. Kind: delta. */
  bytesToDst: Float64Array;
  /** Unit: bytes. Kind: delta. */
  bytesToSrc: Float64Array;
  /** Unit: segments. Kind: delta. */
  segmentsToDst: Float64Array;
  /** Unit: segments. Kind: delta. */
  segmentsToSrc: Float64Array;
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
  /** -1 in a merged row. Kind: id. */
  connectionId: Float64Array;
  /** Kind: id. */
  seeded: Uint8Array;

  constructor(capacity: number) {
    super(capacity);
    this.flowNumber = new Float64Array(capacity);
    this.numbers = new Int32Array(capacity);
    this.report = new Int32Array(capacity);
    this.connectionCount = new Float64Array(capacity);
    this.startUs = new Float64Array(capacity);
    this.endUs = new Float64Array(capacity);
    this.openedUs = new Float64Array(capacity);
    this.reporter = new Int32Array(capacity);
    this.roleMethod = new Int32Array(capacity);
    this.outcome = new Int32Array(capacity);
    this.error = new Int32Array(capacity);
    this.peerReports = new Uint8Array(capacity);
    this.srcAddr = new Uint8Array(16 * capacity);
    this.dstAddr = new Uint8Array(16 * capacity);
    this.srcPort = new Int32Array(capacity);
    this.dstPort = new Int32Array(capacity);
    this.srcWorkload = new Int32Array(capacity);
    this.dstWorkload = new Int32Array(capacity);
    this.srcMethod = new Int32Array(capacity);
    this.dstMethod = new Int32Array(capacity);
    this.srcReason = new Int32Array(capacity);
    this.dstReason = new Int32Array(capacity);
    this.srcSinceUs = new Float64Array(capacity);
    this.dstSinceUs = new Float64Array(capacity);
    this.srcPlace = new Int32Array(capacity);
    this.dstPlace = new Int32Array(capacity);
    this.dstService = new Int32Array(capacity);
    this.process = new Int32Array(capacity);
    this.bytesToDst = new Float64Array(capacity);
    this.bytesToSrc = new Float64Array(capacity);
    this.segmentsToDst = new Float64Array(capacity);
    this.segmentsToSrc = new Float64Array(capacity);
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
    this.flowNumber = grownFloat64(this.flowNumber, capacity);
    this.numbers = grownInt32(this.numbers, capacity);
    this.report = grownInt32(this.report, capacity);
    this.connectionCount = grownFloat64(this.connectionCount, capacity);
    this.startUs = grownFloat64(this.startUs, capacity);
    this.endUs = grownFloat64(this.endUs, capacity);
    this.openedUs = grownFloat64(this.openedUs, capacity);
    this.reporter = grownInt32(this.reporter, capacity);
    this.roleMethod = grownInt32(this.roleMethod, capacity);
    this.outcome = grownInt32(this.outcome, capacity);
    this.error = grownInt32(this.error, capacity);
    this.peerReports = grownUint8(this.peerReports, capacity);
    this.srcAddr = grownUint8(this.srcAddr, 16 * capacity);
    this.dstAddr = grownUint8(this.dstAddr, 16 * capacity);
    this.srcPort = grownInt32(this.srcPort, capacity);
    this.dstPort = grownInt32(this.dstPort, capacity);
    this.srcWorkload = grownInt32(this.srcWorkload, capacity);
    this.dstWorkload = grownInt32(this.dstWorkload, capacity);
    this.srcMethod = grownInt32(this.srcMethod, capacity);
    this.dstMethod = grownInt32(this.dstMethod, capacity);
    this.srcReason = grownInt32(this.srcReason, capacity);
    this.dstReason = grownInt32(this.dstReason, capacity);
    this.srcSinceUs = grownFloat64(this.srcSinceUs, capacity);
    this.dstSinceUs = grownFloat64(this.dstSinceUs, capacity);
    this.srcPlace = grownInt32(this.srcPlace, capacity);
    this.dstPlace = grownInt32(this.dstPlace, capacity);
    this.dstService = grownInt32(this.dstService, capacity);
    this.process = grownInt32(this.process, capacity);
    this.bytesToDst = grownFloat64(this.bytesToDst, capacity);
    this.bytesToSrc = grownFloat64(this.bytesToSrc, capacity);
    this.segmentsToDst = grownFloat64(this.segmentsToDst, capacity);
    this.segmentsToSrc = grownFloat64(this.segmentsToSrc, capacity);
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

/** Raw messages of one partition with the owners of both ends. A source whose numbers were seen before is a repeat: drop its rows. */
export interface EnrichedBatch {
  /** Kind: id. */
  readonly rawTopicId: string;
  /** Kind: id. */
  readonly rawPartition: number;
  /** Kind: id. */
  readonly ownershipTopicId: string;
  /** The batch was joined with the ownership messages below this offset. Kind: id. */
  readonly ownershipNext: number;
  /** The raw messages, in raw order. */
  readonly sources: readonly Source[];
  /** Dictionary. */
  readonly workloads: readonly Workload[];
  /** Dictionary. */
  readonly processes: readonly Process[];
  /** Dictionary. */
  readonly places: readonly Place[];
  /** Dictionary. */
  readonly services: readonly Service[];
  /** Dictionary. */
  readonly natAddresses: readonly NatAddress[];
  /** Rows whose addresses are translated on the way, where that is known. */
  readonly translations: readonly Translation[];
  /** The rows, source by source. */
  readonly flows: EnrichedFlowColumns;
}

/** The fewest and the most bytes of a row. */
const ENRICHED_FLOW_BYTES_MIN = 78;
const ENRICHED_FLOW_BYTES_MAX = 364;

/**
 * Read rows up to row `to`, beginning none behind `last`; ENRICHED_FLOW_BYTES_MAX bytes must be readable from there.
 * Returns the position after the last row; `columns.length` tells how many there were. What lies past `end` is padding.
 */
function readEnrichedFlows(
  bytes: Uint8Array,
  start: number,
  last: number,
  end: number,
  columns: EnrichedFlowColumns,
  to: number,
  workloadsCount: number,
  placesCount: number,
  servicesCount: number,
  processesCount: number,
): number {
  const {
    flowNumber, numbers, report, connectionCount, startUs, endUs, openedUs, reporter, roleMethod, outcome, error,
    peerReports, srcPort, dstPort, srcWorkload, dstWorkload, srcMethod, dstMethod, srcReason, dstReason, srcSinceUs,
    dstSinceUs, srcPlace, dstPlace, dstService, process, bytesToDst, bytesToSrc, segmentsToDst, segmentsToSrc,
    retransmittedSegments, retransmittedBytes, lostSegments, reorderingEvents, outOfOrderSegments, rtoTimeouts, rttUs,
    rttVarUs, rttMinUs, connectUs, busyUs, rwndLimitedUs, sndbufLimitedUs, unsentBytes, connectionId, seeded,
  } = columns;
  const srcAddr = int32Words(columns.srcAddr);
  const dstAddr = int32Words(columns.dstAddr);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let p = start;
  let i = columns.length;
  let b = 0;
  let v = 0;
  let w = 0;
  let s = 0;
  for (; i < to && p <= last; i += 1) {
    // flow_number
    b = bytes[p++]!;
    if (b < 0x80) flowNumber[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        flowNumber[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        flowNumber[i] = (b >>> 1) ^ -(b & 1);
      }
    }
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
    if (v < 0 || v >= 4) throw refused('EnrichedFlow.report', v, p, end);
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
    // reporter
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 2) throw refused('EnrichedFlow.reporter', v, p, end);
    reporter[i] = v;
    // role_method
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 3) throw refused('EnrichedFlow.role_method', v, p, end);
    roleMethod[i] = v;
    // outcome
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 9) throw refused('EnrichedFlow.outcome', v, p, end);
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
    // peer_reports
    v = bytes[p++]!;
    if (v > 1) throw refused('EnrichedFlow.peer_reports', v, p, end);
    peerReports[i] = v;
    // src_addr
    srcAddr[4 * i + 0] = view.getInt32(p + 0, true);
    srcAddr[4 * i + 1] = view.getInt32(p + 4, true);
    srcAddr[4 * i + 2] = view.getInt32(p + 8, true);
    srcAddr[4 * i + 3] = view.getInt32(p + 12, true);
    p += 16;
    // dst_addr
    dstAddr[4 * i + 0] = view.getInt32(p + 0, true);
    dstAddr[4 * i + 1] = view.getInt32(p + 4, true);
    dstAddr[4 * i + 2] = view.getInt32(p + 8, true);
    dstAddr[4 * i + 3] = view.getInt32(p + 12, true);
    p += 16;
    // src_port
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
    srcPort[i] = (b >>> 1) ^ -(b & 1);
    // dst_port
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
    dstPort[i] = (b >>> 1) ^ -(b & 1);
    // src_workload
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= workloadsCount) throw refused('EnrichedFlow.src_workload', v, p, end);
    srcWorkload[i] = v;
    // dst_workload
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= workloadsCount) throw refused('EnrichedFlow.dst_workload', v, p, end);
    dstWorkload[i] = v;
    // src_method
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 9) throw refused('EnrichedFlow.src_method', v, p, end);
    srcMethod[i] = v;
    // dst_method
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 9) throw refused('EnrichedFlow.dst_method', v, p, end);
    dstMethod[i] = v;
    // src_reason
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 6) throw refused('EnrichedFlow.src_reason', v, p, end);
    srcReason[i] = v;
    // dst_reason
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < 0 || v >= 6) throw refused('EnrichedFlow.dst_reason', v, p, end);
    dstReason[i] = v;
    // src_since_us
    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
      s = (s & 0x7f) | ((s >>> 1) & 0x3f80) | ((s >>> 2) & 0x1fc000) | ((s >>> 3) & 0xfe00000);
      srcSinceUs[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      srcSinceUs[i] = wideLong(bytes, p);
      p = wide.end;
    }
    // dst_since_us
    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
      s = (s & 0x7f) | ((s >>> 1) & 0x3f80) | ((s >>> 2) & 0x1fc000) | ((s >>> 3) & 0xfe00000);
      dstSinceUs[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      dstSinceUs[i] = wideLong(bytes, p);
      p = wide.end;
    }
    // src_place
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= placesCount) throw refused('EnrichedFlow.src_place', v, p, end);
    srcPlace[i] = v;
    // dst_place
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= placesCount) throw refused('EnrichedFlow.dst_place', v, p, end);
    dstPlace[i] = v;
    // dst_service
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= servicesCount) throw refused('EnrichedFlow.dst_service', v, p, end);
    dstService[i] = v;
    // process
    b = bytes[p++]!;
    if (b >= 0x80) {
      b = wideInt(bytes, p - 1);
      p = wide.end;
    }
    v = (b >>> 1) ^ -(b & 1);
    if (v < -1 || v >= processesCount) throw refused('EnrichedFlow.process', v, p, end);
    process[i] = v;
    // bytes_to_dst
    b = bytes[p++]!;
    if (b < 0x80) bytesToDst[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        bytesToDst[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        bytesToDst[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // bytes_to_src
    b = bytes[p++]!;
    if (b < 0x80) bytesToSrc[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        bytesToSrc[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        bytesToSrc[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // segments_to_dst
    b = bytes[p++]!;
    if (b < 0x80) segmentsToDst[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        segmentsToDst[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        segmentsToDst[i] = (b >>> 1) ^ -(b & 1);
      }
    }
    // segments_to_src
    b = bytes[p++]!;
    if (b < 0x80) segmentsToSrc[i] = (b >>> 1) ^ -(b & 1);
    else {
      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        segmentsToSrc[i] = wideLong(bytes, p - 1);
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = (w & 0x7f) | ((w >>> 1) & 0x3f80) | ((w >>> 2) & 0x1fc000) | ((w >>> 3) & 0xfe00000);
        p += (31 - Math.clz32(s)) >>> 3;
        segmentsToSrc[i] = (b >>> 1) ^ -(b & 1);
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
    if (v > 1) throw refused('EnrichedFlow.seeded', v, p, end);
    seeded[i] = v;
  }
  columns.length = i;
  return p;
}

/** All blocks of rows. The last rows are read from a padded copy: one loop serves, without bound checks. */
function readEnrichedFlowBlocks(reader: AvroReader, columns: EnrichedFlowColumns, workloadsCount: number, placesCount: number, servicesCount: number, processesCount: number): void {
  const { bytes, end } = reader;
  columns.length = 0;
  for (;;) {
    const count = reader.readBlock(ENRICHED_FLOW_BYTES_MIN, columns.length, ENRICHED_FLOWS_MAX, 'EnrichedBatch.flows');
    if (count === 0) return;
    const to = columns.length + count;
    columns.ensure(to);
    const last = end - ENRICHED_FLOW_BYTES_MAX;
    reader.position = readEnrichedFlows(bytes, reader.position, last, end, columns, to, workloadsCount, placesCount, servicesCount, processesCount);
    if (columns.length < to) {
      const left = end - reader.position;
      const tail = reader.padded(ENRICHED_FLOW_BYTES_MAX);
      const used = readEnrichedFlows(tail, 0, left - ENRICHED_FLOW_BYTES_MIN, left, columns, to, workloadsCount, placesCount, servicesCount, processesCount);
      if (columns.length < to || used > left) throw truncated(reader.what, end);
      reader.position += used;
    }
    reader.endBlock(reader.blockEnd, 'EnrichedBatch.flows');
  }
}

/**
 * A EnrichedBatch from its single-object encoding. Owner: the result refers to nothing of `bytes`; its rows are `into`, which
 * is overwritten, also where this fails. Allocates: the header and the dictionaries; nothing a row once `into` is large enough.
 * @throws WEIR_SCHEMA_UNKNOWN, _TRUNCATED, _OVERLONG, _INVALID, _TOO_LARGE
 */
export function decodeEnrichedBatch(bytes: Uint8Array, into: EnrichedFlowColumns = new EnrichedFlowColumns(0)): EnrichedBatch {
  const { reader, version } = openVersion(bytes, HEADER, EARLIER, 'EnrichedBatch');
  const rawTopicId = reader.readString('EnrichedBatch.raw_topic_id');
  const rawPartition = reader.readInt();
  const ownershipTopicId = reader.readString('EnrichedBatch.ownership_topic_id');
  const ownershipNext = reader.readLong();
  const sources = reader.readArray(SOURCE_BYTES_MIN, readSource, 'EnrichedBatch.sources');
  const workloads = reader.readArray(WORKLOAD_BYTES_MIN, readWorkload, 'EnrichedBatch.workloads');
  const processes = reader.readArray(PROCESS_BYTES_MIN, readProcess, 'EnrichedBatch.processes');
  const places = reader.readArray(PLACE_BYTES_MIN, readPlace, 'EnrichedBatch.places');
  const services = reader.readArray(SERVICE_BYTES_MIN, readService, 'EnrichedBatch.services');
  const natAddresses = version < 1 ? [] : reader.readArray(NAT_ADDRESS_BYTES_MIN, readNatAddress, 'EnrichedBatch.nat_addresses');
  const translations = version < 1 ? [] : reader.readArray(TRANSLATION_BYTES_MIN, readTranslation, 'EnrichedBatch.translations');
  readEnrichedFlowBlocks(reader, into, workloads.length, places.length, services.length, processes.length);
  reader.finish();
  return {
    rawTopicId,
    rawPartition,
    ownershipTopicId,
    ownershipNext,
    sources,
    workloads,
    processes,
    places,
    services,
    natAddresses,
    translations,
    flows: into,
  };
}

/** All rows as one block. Every value is checked: what is written can be read. */
function writeEnrichedFlows(writer: AvroWriter, columns: EnrichedFlowColumns, workloadsCount: number, placesCount: number, servicesCount: number, processesCount: number): void {
  const rows = columns.length;
  if (rows > ENRICHED_FLOWS_MAX) throw tooLarge('EnrichedBatch.flows', rows, ENRICHED_FLOWS_MAX);
  if (rows > columns.capacity) throw invalid('the length of EnrichedBatch.flows', rows, columns.capacity);
  if (rows > 0) writer.writeLong(rows);
  const {
    flowNumber, numbers, report, connectionCount, startUs, endUs, openedUs, reporter, roleMethod, outcome, error,
    peerReports, srcAddr, dstAddr, srcPort, dstPort, srcWorkload, dstWorkload, srcMethod, dstMethod, srcReason,
    dstReason, srcSinceUs, dstSinceUs, srcPlace, dstPlace, dstService, process, bytesToDst, bytesToSrc, segmentsToDst,
    segmentsToSrc, retransmittedSegments, retransmittedBytes, lostSegments, reorderingEvents, outOfOrderSegments,
    rtoTimeouts, rttUs, rttVarUs, rttMinUs, connectUs, busyUs, rwndLimitedUs, sndbufLimitedUs, unsentBytes,
    connectionId, seeded,
  } = columns;
  let v = 0;
  for (let i = 0; i < rows; i += 1) {
    writer.ensure(ENRICHED_FLOW_BYTES_MAX);
    const { bytes } = writer;
    let p = writer.position;
    v = flowNumber[i]!;
    p = putLong(bytes, p, v);
    v = numbers[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = report[i]!;
    if (v < 0 || v >= 4) throw invalid('EnrichedFlow.report', v, i);
    bytes[p++] = v << 1;
    v = connectionCount[i]!;
    p = putLong(bytes, p, v);
    v = startUs[i]!;
    p = putLong(bytes, p, v);
    v = endUs[i]!;
    p = putLong(bytes, p, v);
    v = openedUs[i]!;
    p = putLong(bytes, p, v);
    v = reporter[i]!;
    if (v < 0 || v >= 2) throw invalid('EnrichedFlow.reporter', v, i);
    bytes[p++] = v << 1;
    v = roleMethod[i]!;
    if (v < 0 || v >= 3) throw invalid('EnrichedFlow.role_method', v, i);
    bytes[p++] = v << 1;
    v = outcome[i]!;
    if (v < 0 || v >= 9) throw invalid('EnrichedFlow.outcome', v, i);
    bytes[p++] = v << 1;
    v = error[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    bytes[p++] = peerReports[i] === 0 ? 0 : 1;
    for (let k = 0; k < 16; k += 1) bytes[p + k] = srcAddr[16 * i + k]!;
    p += 16;
    for (let k = 0; k < 16; k += 1) bytes[p + k] = dstAddr[16 * i + k]!;
    p += 16;
    v = srcPort[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = dstPort[i]!;
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = srcWorkload[i]!;
    if (v < -1 || v >= workloadsCount) throw invalid('EnrichedFlow.src_workload', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = dstWorkload[i]!;
    if (v < -1 || v >= workloadsCount) throw invalid('EnrichedFlow.dst_workload', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = srcMethod[i]!;
    if (v < 0 || v >= 9) throw invalid('EnrichedFlow.src_method', v, i);
    bytes[p++] = v << 1;
    v = dstMethod[i]!;
    if (v < 0 || v >= 9) throw invalid('EnrichedFlow.dst_method', v, i);
    bytes[p++] = v << 1;
    v = srcReason[i]!;
    if (v < 0 || v >= 6) throw invalid('EnrichedFlow.src_reason', v, i);
    bytes[p++] = v << 1;
    v = dstReason[i]!;
    if (v < 0 || v >= 6) throw invalid('EnrichedFlow.dst_reason', v, i);
    bytes[p++] = v << 1;
    v = srcSinceUs[i]!;
    p = putLong(bytes, p, v);
    v = dstSinceUs[i]!;
    p = putLong(bytes, p, v);
    v = srcPlace[i]!;
    if (v < -1 || v >= placesCount) throw invalid('EnrichedFlow.src_place', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = dstPlace[i]!;
    if (v < -1 || v >= placesCount) throw invalid('EnrichedFlow.dst_place', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = dstService[i]!;
    if (v < -1 || v >= servicesCount) throw invalid('EnrichedFlow.dst_service', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = process[i]!;
    if (v < -1 || v >= processesCount) throw invalid('EnrichedFlow.process', v, i);
    if (v >= 0 && v < 64) bytes[p++] = v << 1;
    else p = putInt(bytes, p, v);
    v = bytesToDst[i]!;
    p = putLong(bytes, p, v);
    v = bytesToSrc[i]!;
    p = putLong(bytes, p, v);
    v = segmentsToDst[i]!;
    p = putLong(bytes, p, v);
    v = segmentsToSrc[i]!;
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
 * The single-object encoding of a EnrichedBatch, as bytes of the caller's own.
 * @throws WEIR_SCHEMA_INVALID for a value that its type or dictionary does not hold, WEIR_SCHEMA_TOO_LARGE past a bound
 */
export function encodeEnrichedBatch(batch: EnrichedBatch): Uint8Array {
  writer.begin(HEADER);
  writer.writeString(batch.rawTopicId, 'EnrichedBatch.raw_topic_id');
  writer.writeInt(batch.rawPartition, 'EnrichedBatch.raw_partition');
  writer.writeString(batch.ownershipTopicId, 'EnrichedBatch.ownership_topic_id');
  writer.writeLong(batch.ownershipNext);
  writer.writeArray(batch.sources, writeSource, 'EnrichedBatch.sources');
  writer.writeArray(batch.workloads, writeWorkload, 'EnrichedBatch.workloads');
  writer.writeArray(batch.processes, writeProcess, 'EnrichedBatch.processes');
  writer.writeArray(batch.places, writePlace, 'EnrichedBatch.places');
  writer.writeArray(batch.services, writeService, 'EnrichedBatch.services');
  writer.writeArray(batch.natAddresses, writeNatAddress, 'EnrichedBatch.nat_addresses');
  writer.writeArray(batch.translations, writeTranslation, 'EnrichedBatch.translations');
  writeEnrichedFlows(writer, batch.flows, batch.workloads.length, batch.places.length, batch.services.length, batch.processes.length);
  return writer.take();
}
