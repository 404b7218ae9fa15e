/**
 * Batches on disk while the log is away: a log of this node's own, with one topic of one partition. What it took is
 * durable; it is sent in order, as the same bytes to the same partition, before anything that came later.
 */
import type { Log, Message, Offset, OutgoingMessage } from '../transport/log.ts';

const TOPIC = 'spool';
const GROUP = 'sidecar';
/** The raw partition that a spooled message belongs to; it is not sent. */
const PARTITION_HEADER = 'weir-spool-partition';
const READ_BYTES = 4 * 1024 * 1024;
const READ_MESSAGES = 1024;
/** Key, headers and what the file adds to a message. */
const MESSAGE_OVERHEAD_BYTES = 512;
/** The log of the spool takes the oldest away beyond its size, so less than that may wait. */
const WAITING_SHARE = 0.9;
const MESSAGE_BYTES_MAX = 2 * 1024 * 1024;

export interface SpoolOptions {
  /** Nobody else writes to it. The caller closes it. */
  readonly log: Log;
  /** Of the file, about. */
  readonly bytesMax: number;
}

export interface SpooledRun {
  readonly partition: number;
  readonly messages: readonly OutgoingMessage[];
  /** For `sent`. */
  readonly next: Offset;
}

/** Errors of every call: WEIR_TRANSPORT_* of the spool's own log. */
export class Spool {
  readonly #log: Log;
  readonly #bytesMax: number;
  #position: Offset;
  #end: Offset;
  #bytes = 0;

  /** For `open`. */
  constructor(log: Log, bytesMax: number, position: Offset, end: Offset) {
    this.#log = log;
    this.#bytesMax = bytesMax;
    this.#position = position;
    this.#end = end;
  }

  /** With what an earlier process has left there. */
  static async open({ log, bytesMax }: SpoolOptions): Promise<Spool> {
    const limits = { retentionMs: null, retentionBytes: bytesMax, messageBytesMax: MESSAGE_BYTES_MAX };
    await log.ensureTopics([{ name: TOPIC, partitions: 1, ...limits }]);
    const { start, end } = (await log.describe(TOPIC)).partitions[0]!;
    const position = Math.max(start, (await log.position(GROUP, TOPIC, 0)) ?? start) as Offset;
    const spool = new Spool(log, bytesMax, position, end);
    for (let from = position; from < end; ) {
      const messages = await spool.#read(from);
      if (messages.length === 0) break;
      for (const message of messages) spool.#bytes += bytesOf(message);
      from = ((messages.at(-1)?.offset ?? end) + 1) as Offset;
    }
    return spool;
  }

  /** Nothing waits to be sent. */
  get isEmpty(): boolean {
    return this.#position >= this.#end;
  }

  /** Whether a message of so many bytes finds room. */
  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes + MESSAGE_OVERHEAD_BYTES <= WAITING_SHARE * this.#bytesMax;
  }

  /** The first of `messages` that find room, durable when it resolves; returns how many. */
  async append(partition: number, messages: readonly OutgoingMessage[]): Promise<number> {
    let count = 0;
    let bytes = 0;
    for (const message of messages) {
      if (!this.hasRoom(bytes + bytesOf(message))) break;
      bytes += bytesOf(message);
      count++;
    }
    if (count === 0) return 0;
    const marked = messages.slice(0, count).map((message) => ({
      ...message,
      headers: { ...message.headers, [PARTITION_HEADER]: String(partition) },
    }));
    const offsets = await this.#log.produce(TOPIC, 0, marked);
    this.#end = ((offsets.at(-1) ?? this.#end) + 1) as Offset;
    this.#bytes += bytes;
    return count;
  }

  /** The oldest messages, of one partition, together at most `bytesMax` or one; null when there is none. */
  async oldest(bytesMax: number): Promise<SpooledRun | null> {
    if (this.isEmpty) return null;
    const waiting = await this.#read(this.#position);
    const partition = partitionOf(waiting[0]);
    const messages: OutgoingMessage[] = [];
    let next = this.#position;
    let bytes = 0;
    for (const message of waiting) {
      bytes += message.value.length;
      if (partitionOf(message) !== partition || (messages.length > 0 && bytes > bytesMax)) break;
      const { [PARTITION_HEADER]: _, ...headers } = message.headers;
      messages.push({ key: message.key, value: message.value, headers });
      next = (message.offset + 1) as Offset;
    }
    if (messages.length > 0) return { partition, messages, next };
    // Somebody has emptied it.
    this.#position = this.#end;
    return null;
  }

  /** The run is in the log. */
  async sent({ messages, next }: SpooledRun): Promise<void> {
    await this.#log.commit(GROUP, TOPIC, 0, next);
    this.#position = next;
    for (const message of messages) this.#bytes -= bytesOf(message);
    if (this.isEmpty) this.#bytes = 0;
  }

  async #read(from: Offset): Promise<readonly Message[]> {
    const options = { messagesMax: READ_MESSAGES, bytesMax: READ_BYTES, waitMs: 0 };
    return (await this.#log.read(TOPIC, 0, from, options)).messages;
  }
}

const bytesOf = ({ value }: Pick<OutgoingMessage, 'value'>): number => value.length + MESSAGE_OVERHEAD_BYTES;

const partitionOf = (message: Message | undefined): number => Number(message?.headers[PARTITION_HEADER] ?? 0);
