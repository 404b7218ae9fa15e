/** Messages in the file. All calls run inside a transaction of the caller. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { WeirError } from '../../contract/errors.ts';
import type { Offset } from '../log.ts';
import { OFFSETS_MAX } from './database.ts';
import type { ProduceArguments, ReadAnswer, ReadArguments } from './protocol.ts';
import { outOfRange, type PartitionRow } from './topics.ts';

/** Messages taken away in one transaction at most, so that a produce never waits long for it. */
const TRIM_MESSAGES_MAX = 512;
/** Messages in one answer at most, whatever was asked for. */
const READ_MESSAGES_MAX = 100_000;

interface MessageRow {
  readonly id: number;
  readonly bytes: number;
  readonly appendMs: number;
  readonly key: string | null;
  readonly headers: string;
  readonly value: Uint8Array;
}

export class Messages {
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #oldest: StatementSync;
  readonly #delete: StatementSync;
  readonly #written: StatementSync;
  readonly #trimmed: StatementSync;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(
      'INSERT INTO message (id, bytes, append_ms, key, headers, value) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#select = database.prepare(
      `SELECT id, bytes, append_ms AS appendMs, key, headers, value FROM message
       WHERE id >= ? AND id < ? ORDER BY id LIMIT ?`,
    );
    this.#oldest = database.prepare(
      'SELECT id, bytes, append_ms AS appendMs FROM message WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
    );
    this.#delete = database.prepare('DELETE FROM message WHERE id >= ? AND id < ?');
    this.#written = database.prepare(
      'UPDATE partition SET end_offset = ?, bytes = bytes + ?, last_append_ms = ? WHERE id = ?',
    );
    this.#trimmed = database.prepare('UPDATE partition SET start_offset = ?, bytes = bytes - ? WHERE id = ?');
  }

  /**
   * Append the messages of one produce; their offsets. Changes nothing when it throws
   * WEIR_TRANSPORT_MESSAGE_TOO_LARGE (the limit is on the value alone).
   */
  append(partition: PartitionRow, produce: ProduceArguments): number[] {
    const { keys, headers, lengths, values } = produce;
    for (const length of lengths) {
      if (length > partition.messageBytesMax) throw tooLarge(produce, length, partition.messageBytesMax);
    }
    // A clock that steps back, or another process whose clock is behind, must not reorder times within a partition.
    const appendMs = Math.max(partition.lastAppendMs, Math.floor(produce.nowMs));
    const first = partition.id * OFFSETS_MAX + partition.end;
    const offsets: number[] = [];
    let position = 0;
    let bytesAll = 0;
    for (const [index, length] of lengths.entries()) {
      const key = keys[index] ?? null;
      const header = headers[index] ?? '{}';
      const bytes = length + header.length + (key?.length ?? 0);
      const value = values.subarray(position, position + length);
      this.#insert.run(first + index, bytes, appendMs, key, header, value);
      offsets.push(partition.end + index);
      position += length;
      bytesAll += bytes;
    }
    this.#written.run(partition.end + offsets.length, bytesAll, appendMs, partition.id);
    return offsets;
  }

  /** WEIR_TRANSPORT_OUT_OF_RANGE above the end; below the start it reads from there. */
  read(partition: PartitionRow, read: ReadArguments): ReadAnswer {
    const { id, start, end, topicId } = partition;
    if (!(read.from <= end)) throw outOfRange(read.topic, read.partition, read.from, end, topicId);
    const base = id * OFFSETS_MAX;
    const offsets: number[] = [];
    const appendMs: number[] = [];
    const keys: (string | null)[] = [];
    const headers: string[] = [];
    const values: Uint8Array[] = [];
    let bytes = 0;
    const rows = this.#select.iterate(
      base + Math.max(start, read.from),
      base + end,
      Math.min(Math.max(1, read.messagesMax), READ_MESSAGES_MAX),
    );
    for (const found of rows) {
      const row = found as unknown as MessageRow;
      if (offsets.length > 0 && bytes + row.bytes > read.bytesMax) break;
      bytes += row.bytes;
      offsets.push(row.id - base);
      appendMs.push(row.appendMs);
      keys.push(row.key);
      headers.push(row.headers);
      values.push(row.value);
    }
    return {
      topicId,
      bounds: { start: start as Offset, end: end as Offset },
      offsets,
      appendMs,
      keys,
      headers,
      values,
    };
  }

  /** True when retention has something to take. Reads one row, and none where nothing is kept by age. */
  isOverdue(partition: PartitionRow, nowMs: number): boolean {
    if (partition.start === partition.end) return false;
    if (partition.retentionBytes !== null && partition.bytes > partition.retentionBytes) return true;
    if (partition.retentionMs === null) return false;
    const [oldest] = this.#rowsFromStart(partition, 1);
    return oldest !== undefined && oldest.appendMs < nowMs - partition.retentionMs;
  }

  /** Take away the oldest messages that are too old or too much; how many. Bounded: call again while it is not 0. */
  trim(partition: PartitionRow, nowMs: number): number {
    const { id, start, retentionMs, retentionBytes } = partition;
    const oldestMs = retentionMs === null ? Number.NEGATIVE_INFINITY : nowMs - retentionMs;
    const bytesMax = retentionBytes ?? Number.POSITIVE_INFINITY;
    let bytes = 0;
    let count = 0;
    // Append times never step back within a partition, so the messages to take are the first ones.
    for (const row of this.#rowsFromStart(partition, TRIM_MESSAGES_MAX)) {
      if (row.appendMs >= oldestMs && partition.bytes - bytes <= bytesMax) break;
      bytes += row.bytes;
      count++;
    }
    if (count === 0) return 0;
    const base = id * OFFSETS_MAX;
    this.#delete.run(base + start, base + start + count);
    this.#trimmed.run(start + count, bytes, id);
    return count;
  }

  deleteAll(partition: PartitionRow): void {
    this.#delete.run(partition.id * OFFSETS_MAX, (partition.id + 1) * OFFSETS_MAX);
  }

  #rowsFromStart({ id, start, end }: PartitionRow, rowsMax: number): MessageRow[] {
    const base = id * OFFSETS_MAX;
    return this.#oldest.all(base + start, base + end, rowsMax) as unknown as MessageRow[];
  }
}

function tooLarge({ topic, partition }: ProduceArguments, bytes: number, bytesMax: number): WeirError {
  return new WeirError(
    'WEIR_TRANSPORT_MESSAGE_TOO_LARGE',
    `a message of ${bytes} bytes for topic ${topic}, partition ${partition}, whose limit is ${bytesMax}`,
    { topic, partition, bytes, bytesMax },
  );
}
