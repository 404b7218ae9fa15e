/**
 * Record batches of magic 2 (Kafka's protocol guide, "Record Batch"):
 *
 *   0 base offset i64 · 8 length i32 of what follows · 12 leader epoch i32 · 16 magic i8 · 17 CRC-32C u32 of what follows
 *   21 attributes i16 · 23 last offset delta i32 · 27 base time i64 · 35 max time i64 · 43 producer id i64
 *   51 producer epoch i16 · 53 base sequence i32 · 57 records i32 · 61 the records, compressed as one
 *
 *   record: varint length, attributes i8, varints time delta, offset delta, key length; key; varint value length; value;
 *   varint headers, each varint name length, name, varint value length, value
 */
import type { Headers, Message, Offset, OutgoingMessage } from '../log.ts';
import { CODEC, codecName, compressZstd, decompress, zstdContentBytes } from './codecs.ts';
import { crc32c } from './crc32c.ts';
import { freeBuffer } from './free-buffer.ts';
import { WireReader, WireWriter } from './protocol/wire.ts';

const HEADER_BYTES = 61;
const MAGIC_AT = 16;
const CRC_AT = 17;
const CRC_FROM = 21;
const BASE_TIME_AT = 27;
const LENGTH_FROM = 12;
const MAGIC = 2;
const ATTRIBUTE = { codec: 0x07, logAppendTime: 0x08, control: 0x20 } as const;
/** Below it compression costs more than it saves. */
const COMPRESS_BYTES_MIN = 512;
/** A record has seven bytes at least, so more than this of them cannot be in a batch that we allow. */
const RECORD_BYTES_MIN = 7;

/** Room for what a record has beside its value: key and headers. */
const RECORD_ROOM_BYTES = 512;

/** What a reader says of a batch that it cannot read: the batch becomes one message, so that the stream goes on. */
export const UNREADABLE_HEADER = 'weir-unreadable';

export interface RawBatch {
  readonly magic: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimeMs: number;
  readonly baseTimeMs: number;
  readonly attributes: number;
  readonly recordsCount: number;
  /** The whole of it: a view of the answer. */
  readonly bytes: Buffer;
}

export interface BatchLimits {
  /** Messages below it are skipped: a fetch gives the whole batch that holds its offset. */
  readonly from: number;
  readonly messagesMax: number;
  /** Of values; the first message comes whatever its size. */
  readonly bytesMax: number;
  /** Decompressed records of one batch; more is unreadable. */
  readonly batchBytesMax: number;
}

/** The batches that are whole; a cut one at the end is left out. */
export function splitBatches(records: Buffer): readonly RawBatch[] {
  const batches: RawBatch[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= records.length) {
    const reader = new WireReader(records);
    reader.at = at;
    const baseOffset = reader.int64();
    const end = at + LENGTH_FROM + reader.int32();
    if (end < at + HEADER_BYTES || end > records.length) break;
    reader.at = at + MAGIC_AT;
    const magic = reader.int8();
    reader.at = at + CRC_FROM;
    const attributes = reader.int16();
    const lastOffset = baseOffset + (magic === MAGIC ? reader.int32() : 0);
    reader.at = at + BASE_TIME_AT;
    const [baseTimeMs, maxTimeMs] = [reader.int64(), reader.int64()];
    reader.at = at + HEADER_BYTES - 4;
    const recordsCount = reader.int32();
    const bytes = records.subarray(at, end);
    batches.push({ magic, baseOffset, lastOffset, maxTimeMs, baseTimeMs, attributes, recordsCount, bytes });
    at = end;
  }
  return batches;
}

export const isCrcRight = ({ bytes }: RawBatch): boolean =>
  bytes.readUInt32BE(CRC_AT) === crc32c(bytes.subarray(CRC_FROM));

/** Of its records, where they are compressed and it is known without decompressing them; 0: not known. */
export function compressedContentBytes({ attributes, bytes }: RawBatch): number {
  if ((attributes & ATTRIBUTE.codec) !== CODEC.zstd) return 0;
  return zstdContentBytes(bytes.subarray(HEADER_BYTES)) ?? 0;
}

/**
 * The messages of a batch within the limits; none for Kafka's own control records. Values are copies. A batch that
 * cannot be read (magic, codec, decompression, records) comes as one message of its own bytes with UNREADABLE_HEADER.
 */
export async function readBatch(batch: RawBatch, limits: BatchLimits): Promise<readonly Message[]> {
  if ((batch.attributes & ATTRIBUTE.control) !== 0 || batch.lastOffset < limits.from) return [];
  if (batch.magic !== MAGIC) return [unreadable(batch, `magic ${batch.magic}`)];
  try {
    const codec = batch.attributes & ATTRIBUTE.codec;
    const records = await decompress(codec, batch.bytes.subarray(HEADER_BYTES), limits.batchBytesMax);
    if (records === null) return [unreadable(batch, `compressed by ${codecName(codec)}`)];
    const messages = readRecords(batch, records, limits);
    if (codec !== CODEC.none) freeBuffer(records);
    return messages;
  } catch (error) {
    return [unreadable(batch, error instanceof Error ? error.message : String(error))];
  }
}

function readRecords(batch: RawBatch, records: Buffer, limits: BatchLimits): Message[] {
  const { recordsCount, baseOffset } = batch;
  if (recordsCount < 0 || recordsCount * RECORD_BYTES_MIN > records.length)
    throw new RangeError(`${recordsCount} records in ${records.length} bytes`);
  const reader = new WireReader(records);
  const messages: Message[] = [];
  let bytes = 0;
  for (let index = 0; index < recordsCount && messages.length < limits.messagesMax; index++) {
    const end = reader.varint() + reader.at;
    reader.int8();
    const timeDelta = reader.varint();
    const offset = baseOffset + reader.varint();
    if (offset >= limits.from) {
      const message = readRecord(reader, offset, appendMs(batch, timeDelta));
      bytes += message.value.length;
      if (messages.length > 0 && bytes > limits.bytesMax) break;
      messages.push(message);
    }
    if (end < reader.at || end > records.length) throw new RangeError('a record of an impossible length');
    reader.at = end;
  }
  return messages;
}

function appendMs({ attributes, maxTimeMs, baseTimeMs }: RawBatch, timeDelta: number): number {
  return (attributes & ATTRIBUTE.logAppendTime) !== 0 ? maxTimeMs : baseTimeMs + timeDelta;
}

function readRecord(reader: WireReader, offset: number, appendedMs: number): Message {
  const keyLength = reader.varint();
  const key = keyLength < 0 ? null : reader.take(keyLength).toString('utf8');
  const valueLength = reader.varint();
  // A copy: the receiver may transfer or keep it, and must not hold the whole answer with it.
  const value = new Uint8Array(valueLength < 0 ? [] : reader.take(valueLength));
  // By entries: one that is called __proto__ is a header like any other.
  const headers: [string, string][] = [];
  for (let count = reader.varint(); count > 0; count--) {
    const name = reader.take(reader.varint()).toString('utf8');
    const length = reader.varint();
    headers.push([name, length < 0 ? '' : reader.take(length).toString('utf8')]);
  }
  return { offset: offset as Offset, appendMs: appendedMs, key, value, headers: Object.fromEntries(headers) };
}

/** At the batch's last offset, so that the next read goes past it. */
export function unreadable(batch: RawBatch, why: string): Message {
  const headers: Headers = { [UNREADABLE_HEADER]: why };
  const value = new Uint8Array(batch.bytes);
  return { offset: batch.lastOffset as Offset, appendMs: batch.maxTimeMs, key: null, value, headers };
}

/** One record batch of all messages, zstd where that saves something. `nowMs` is overwritten by the broker's time. */
export async function encodeBatch(messages: readonly OutgoingMessage[], nowMs: number): Promise<Buffer> {
  const records = encodeRecords(messages);
  const packed = records.length < COMPRESS_BYTES_MIN ? records : await compressZstd(records);
  const [codec, body] = packed.length < records.length ? [CODEC.zstd, packed] : [CODEC.none, records];
  const writer = new WireWriter(HEADER_BYTES + body.length);
  writer.int64(0).int32(HEADER_BYTES - LENGTH_FROM + body.length);
  writer.int32(-1).int8(MAGIC).uint32(0);
  writer
    .int16(codec)
    .int32(messages.length - 1)
    .int64(nowMs)
    .int64(nowMs);
  // No producer id, epoch or sequence: an idempotent producer is not wanted (DESIGN section 4).
  writer.int64(-1).int16(-1).int32(-1).int32(messages.length).raw(body);
  if (packed !== records) freeBuffer(packed);
  freeBuffer(records);
  const batch = writer.written;
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), CRC_AT);
  return batch;
}

function encodeRecords(messages: readonly OutgoingMessage[]): Buffer {
  const records = new WireWriter(messages.reduce((sum, { value }) => sum + value.length + RECORD_ROOM_BYTES, 0));
  for (const [index, { key, value, headers }] of messages.entries()) {
    const head = new WireWriter().int8(0).varint(0).varint(index);
    if (key === null) head.varint(-1);
    else text(head, key);
    head.varint(value.length);
    const tail = new WireWriter();
    const entries = Object.entries(headers);
    tail.varint(entries.length);
    for (const [name, content] of entries) {
      text(tail, name);
      text(tail, content);
    }
    records.varint(head.written.length + value.length + tail.written.length);
    records.raw(head.written).raw(value).raw(tail.written);
  }
  return records.written;
}

function text(writer: WireWriter, value: string): void {
  const bytes = Buffer.from(value, 'utf8');
  writer.varint(bytes.length).raw(bytes);
}
