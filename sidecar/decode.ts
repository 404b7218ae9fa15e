/** Ring bytes into columns. Pure; the hot path of the sidecar. */
import { Method, Report, RoleMethod } from '../schemas/generated/common.ts';
import {
  FLOW_FLAG_SEEDED,
  FLOW_KIND_FAILED,
  FLOW_KIND_FINAL,
  FLOW_KIND_INTERIM,
  FLOW_RECORD,
  FLOW_ROLE_SERVER,
  FLOW_ROLE_UNKNOWN,
  LISTEN_RECORD,
} from '../schemas/generated/record-offsets.ts';
import type { CapturedColumns } from './captured-columns.ts';
import { NO_OWNER } from './captured-columns.ts';
import { outcomeOf } from './outcome.ts';

/** What turns the record's clocks into ours: from SourceStart. */
export interface RecordClock {
  readonly bootToUnixUs: number;
  readonly jiffiesHz: number;
}

/** A socket began to listen: claims, not flows. */
export interface ListenEvent {
  readonly atUs: number;
  readonly netns: number;
  readonly port: number;
  readonly family: number;
  readonly cgroupId: number;
  readonly pid: number;
  readonly comm: string;
}

export interface Decoded {
  /** Rows added to the columns. */
  rows: number;
  /**
   * Ring positions after records that cannot be: of another size, or with impossible values
   * (WEIR_SIDECAR_RECORD_INVALID). Each is a lost flow.
   */
  invalid: number[];
  /** In ring order. */
  listens: ListenEvent[];
}

/** Length and zero, before every record. */
export const FRAME_BYTES = 8;
const TWO_32 = 0x1_0000_0000;
/** High words from here on make more than 2^53. */
const HIGH_MAX = 1 << 21;
/** High words of a boot clock of 100 years, in ns. */
const BOOT_HIGH_MAX = 734_000_000;
const INT_MAX = 0x7fff_ffff;
const NO_SAMPLE = 0xffff_ffff;
/** Where cookies that the kernel counts down are kept. */
const COOKIE_REVERSE: number = 2 ** 52;

/**
 * Append the records of `bytes` to `columns`.
 * Layout: schemas/generated/record-offsets.ts, each record after its u32 length and u32 zero.
 * Units: boot clock ns in, us since 1970 out; jiffies in, us out; absent is -1.
 * Owner: the caller keeps `bytes`, which begin at a multiple of 4. Allocates: one object per listen record, nothing per flow.
 * `end` is the ring's position after `bytes`, which are a stretch of it: each row gets its own.
 * Fails: never; a record that cannot be is counted, and where a length leads out of the bytes the rest is one such record.
 */
export function decodeRing(
  bytes: Uint8Array,
  clock: RecordClock,
  columns: CapturedColumns,
  end: number = bytes.length,
): Decoded {
  const result: Decoded = { rows: 0, invalid: [], listens: [] };
  const begin = end - bytes.length;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  columns.ensure(columns.length + Math.floor(bytes.length / (FRAME_BYTES + FLOW_RECORD.bytes)));
  let at = 0;
  while (at + FRAME_BYTES <= bytes.length) {
    const length = words[at >> 2]!;
    const record = at + FRAME_BYTES;
    const next = record + ((length + 7) & ~7);
    if (length === 0 || length > bytes.length - record) break;
    if (length === FLOW_RECORD.bytes && decodeFlow(bytes, words, record, clock, columns, columns.length)) {
      columns.ringEnd[columns.length++] = begin + next;
      result.rows++;
    } else if (length === LISTEN_RECORD.bytes) {
      result.listens.push(decodeListen(bytes, words, record, clock));
    } else {
      result.invalid.push(begin + next);
    }
    at = next;
  }
  if (at < bytes.length) result.invalid.push(end);
  return result;
}

/** False when the record cannot be; the row is then not to be used. */
function decodeFlow(
  bytes: Uint8Array,
  words: Uint32Array,
  record: number,
  clock: RecordClock,
  columns: CapturedColumns,
  row: number,
): boolean {
  const w = record >> 2;
  const kind = bytes[record + FLOW_RECORD.kind]!;
  const role = bytes[record + FLOW_RECORD.role]!;
  const family = bytes[record + FLOW_RECORD.family]!;
  if (kind < FLOW_KIND_FINAL || kind > FLOW_KIND_FAILED || role > FLOW_ROLE_SERVER) return false;
  if (family !== 4 && family !== 6) return false;
  if (!timesAndCounters(words, w, clock, columns, row)) return false;

  const flags = bytes[record + FLOW_RECORD.flags]! | (bytes[record + FLOW_RECORD.flags + 1]! << 8);
  const error = bytes[record + FLOW_RECORD.error]! | (bytes[record + FLOW_RECORD.error + 1]! << 8);
  const seeded = (flags & FLOW_FLAG_SEEDED) !== 0;
  columns.numbers[row] = 1;
  columns.report[row] =
    kind === FLOW_KIND_FINAL ? Report.final : kind === FLOW_KIND_INTERIM ? Report.interim : Report.failed;
  columns.connectionCount[row] = kind === FLOW_KIND_INTERIM ? 0 : 1;
  columns.localPort[row] = bytes[record + FLOW_RECORD.localPort]! | (bytes[record + FLOW_RECORD.localPort + 1]! << 8);
  columns.remotePort[row] =
    bytes[record + FLOW_RECORD.remotePort]! | (bytes[record + FLOW_RECORD.remotePort + 1]! << 8);
  columns.role[row] = role;
  columns.roleMethod[row] =
    role === FLOW_ROLE_UNKNOWN ? RoleMethod.unknown : seeded ? RoleMethod.listener : RoleMethod.handshake;
  columns.outcome[row] = outcomeOf(kind, bytes[record + FLOW_RECORD.oldState]!, error);
  columns.error[row] = error;
  columns.seeded[row] = seeded ? 1 : 0;
  const to = 16 * row;
  for (let i = 0; i < 16; i++) {
    columns.localAddr[to + i] = bytes[record + FLOW_RECORD.localAddr + i]!;
    columns.remoteAddr[to + i] = bytes[record + FLOW_RECORD.remoteAddr + i]!;
    columns.comm[to + i] = bytes[record + FLOW_RECORD.comm + i]!;
  }
  columns.netns[row] = words[w + (FLOW_RECORD.netns >> 2)]!;
  columns.pid[row] = words[w + (FLOW_RECORD.pid >> 2)]!;
  columns.userId[row] = words[w + (FLOW_RECORD.uid >> 2)]!;
  columns.localWorkload[row] = -1;
  columns.remoteWorkload[row] = -1;
  columns.remoteMethod[row] = Method.none;
  columns.process[row] = -1;
  columns.owner[row] = NO_OWNER;
  columns.partner[row] = NO_OWNER;
  columns.nat[row] = 0;
  return true;
}

/** The 64-bit and 32-bit numbers of a record. False when one exceeds 2^53, which no kernel counts to. */
function timesAndCounters(
  words: Uint32Array,
  w: number,
  clock: RecordClock,
  columns: CapturedColumns,
  row: number,
): boolean {
  const cookie = cookieOf(words, w + (FLOW_RECORD.cookie >> 2));
  const cgroupId = u64(words, w + (FLOW_RECORD.cgroupId >> 2));
  const sent = u64(words, w + (FLOW_RECORD.bytesSent >> 2));
  const received = u64(words, w + (FLOW_RECORD.bytesReceived >> 2));
  const retransmitted = u64(words, w + (FLOW_RECORD.bytesRetransmitted >> 2));
  const unsent = u64(words, w + (FLOW_RECORD.unsentBytes >> 2));
  const endUs = bootUs(words, w + (FLOW_RECORD.endNs >> 2));
  const openedUs = bootUs(words, w + (FLOW_RECORD.openedNs >> 2));
  const startUs = bootUs(words, w + (FLOW_RECORD.startNs >> 2));
  if (cookie < 0 || cgroupId < 0 || sent < 0 || received < 0 || retransmitted < 0 || unsent < 0) return false;
  if (endUs <= 0 || openedUs < 0 || startUs < 0) return false;

  // The offset has a fraction; times on the wire are whole microseconds.
  const boot = Math.round(clock.bootToUnixUs);
  const usPerJiffy = 1_000_000 / clock.jiffiesHz;
  columns.endUs[row] = endUs + boot;
  columns.openedUs[row] = openedUs === 0 ? -1 : openedUs + boot;
  columns.startUs[row] = (startUs === 0 ? endUs : Math.min(startUs, endUs)) + boot;
  columns.connectionId[row] = cookie;
  columns.cgroupId[row] = cgroupId;
  columns.bytesSent[row] = sent;
  columns.bytesReceived[row] = received;
  columns.retransmittedBytes[row] = retransmitted;
  columns.unsentBytes[row] = unsent;
  columns.segmentsSent[row] = words[w + (FLOW_RECORD.segmentsSent >> 2)]!;
  columns.segmentsReceived[row] = words[w + (FLOW_RECORD.segmentsReceived >> 2)]!;
  columns.retransmittedSegments[row] = words[w + (FLOW_RECORD.retransmittedSegments >> 2)]!;
  columns.lostSegments[row] = words[w + (FLOW_RECORD.lostSegments >> 2)]!;
  columns.reorderingEvents[row] = words[w + (FLOW_RECORD.reorderingEvents >> 2)]!;
  columns.outOfOrderSegments[row] = words[w + (FLOW_RECORD.outOfOrderSegments >> 2)]!;
  columns.rtoTimeouts[row] = words[w + (FLOW_RECORD.rtoTimeouts >> 2)]!;
  const rtt = words[w + (FLOW_RECORD.rttUs >> 2)]!;
  const rttMin = words[w + (FLOW_RECORD.rttMinUs >> 2)]!;
  columns.rttUs[row] = rtt === 0 ? -1 : Math.min(rtt, INT_MAX);
  columns.rttVarUs[row] = rtt === 0 ? -1 : Math.min(words[w + (FLOW_RECORD.rttVarUs >> 2)]!, INT_MAX);
  columns.rttMinUs[row] = rttMin === NO_SAMPLE ? -1 : Math.min(rttMin, INT_MAX);
  const connect = words[w + (FLOW_RECORD.connectUs >> 2)]!;
  const first = words[w + (FLOW_RECORD.interimCount >> 2)]! === 0;
  columns.connectUs[row] = connect === 0 || !first ? -1 : Math.min(connect, INT_MAX);
  columns.busyUs[row] = Math.round(words[w + (FLOW_RECORD.busyJiffies >> 2)]! * usPerJiffy);
  columns.rwndLimitedUs[row] = Math.round(words[w + (FLOW_RECORD.rwndLimitedJiffies >> 2)]! * usPerJiffy);
  columns.sndbufLimitedUs[row] = Math.round(words[w + (FLOW_RECORD.sndbufLimitedJiffies >> 2)]! * usPerJiffy);
  return true;
}

function decodeListen(bytes: Uint8Array, words: Uint32Array, record: number, clock: RecordClock): ListenEvent {
  const w = record >> 2;
  return {
    atUs: bootUs(words, w + (LISTEN_RECORD.atNs >> 2)) + Math.round(clock.bootToUnixUs),
    netns: words[w + (LISTEN_RECORD.netns >> 2)]!,
    port: bytes[record + LISTEN_RECORD.port]! | (bytes[record + LISTEN_RECORD.port + 1]! << 8),
    family: bytes[record + LISTEN_RECORD.family]!,
    cgroupId: u64(words, w + (LISTEN_RECORD.cgroupId >> 2)),
    pid: words[w + (LISTEN_RECORD.pid >> 2)]!,
    comm: commText(bytes, record + LISTEN_RECORD.comm),
  };
}

const utf8 = new TextDecoder('utf-8');

/** The NUL-padded process name of 16 bytes at `at`. */
export function commText(bytes: Uint8Array, at: number): string {
  let end = at;
  while (end < at + 16 && bytes[end] !== 0) end++;
  return utf8.decode(bytes.subarray(at, end));
}

/** A u64 as a double, exact to 2^53; -1 above that. */
function u64(words: Uint32Array, at: number): number {
  const high = words[at + 1]!;
  return high >= HIGH_MAX ? -1 : high * TWO_32 + words[at]!;
}

/**
 * A socket cookie. One that was drawn in a nested context counts down from -1 (include/linux/cookie.h,
 * gen_cookie_next): those are kept apart above 2^52, since -1 is already taken. -1 for what no kernel draws.
 */
function cookieOf(words: Uint32Array, at: number): number {
  if (words[at + 1]! !== NO_SAMPLE) return u64(words, at);
  return COOKIE_REVERSE + (TWO_32 - words[at]!);
}

/**
 * Nanoseconds to whole microseconds without passing 2^53, which boot clocks do after 104 days:
 * 2^32 ns are 4,294,967 us and 296 ns. -1 for a clock of more than 100 years.
 */
function bootUs(words: Uint32Array, at: number): number {
  const high = words[at + 1]!;
  return high >= BOOT_HIGH_MAX ? -1 : high * 4_294_967 + Math.floor((high * 296 + words[at]!) / 1000);
}
