/** Reading a range without a group: fetches of one partition, each batch checked, decompressed and cut to the limits. */
import { WeirError } from '../../contract/errors.ts';
import type { Message, Offset, PartitionBounds, ReadOptions, ReadResult } from '../log.ts';
import { partitionBounds } from './bounds.ts';
import type { Cluster } from './cluster.ts';
import { FetchLanes } from './fetch-lanes.ts';
import { KAFKA_ERROR, ProtocolError, refuse } from './protocol/error-codes.ts';
import { type FetchAnswer, fetchRequest } from './protocol/fetch.ts';
import {
  type BatchLimits,
  compressedContentBytes,
  isCrcRight,
  readBatch,
  splitBatches,
  unreadable,
} from './record-batch.ts';

/** A broker holds a fetch at most so long: reads beyond the lanes get their turn, and an abort is noticed. */
const TURN_MS_MAX = 500;
/** A batch with a wrong checksum is fetched so often, on new connections, before it is handed on as unreadable. */
const CRC_TRIES = 3;
/** Bytes of a fetch are asked for at least: one batch of a sidecar. */
const FETCH_BYTES_MIN = 128 * 1024;

interface Step {
  readonly topicId: string;
  readonly bounds: PartitionBounds;
  readonly messages: readonly Message[];
  /** Where the next fetch goes on: past batches without messages. */
  readonly next: number;
}

export class Reader {
  readonly #cluster: Cluster;
  readonly #lanes = new Map<number, FetchLanes>();
  /** By topic: bytes on the wire of a byte of values, as the last read found it. */
  readonly #wireShares = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async read(topic: string, partition: number, from: Offset, options: ReadOptions): Promise<ReadResult> {
    const { signal } = options;
    const endMs = performance.now() + (signal?.aborted === true ? 0 : options.waitMs);
    const abort = aborted(signal);
    let next: number = from;
    let last: ReadResult | null = null;
    try {
      for (;;) {
        const waitMs = Math.min(Math.max(0, Math.ceil(endMs - performance.now())), TURN_MS_MAX);
        const stepping = this.#step(topic, partition, next, { ...options, waitMs });
        const step = await this.#unlessAborted(stepping, abort.happened);
        if (step === null) return last ?? (await this.#nothing(topic, from, stepping));
        const { topicId, bounds, messages } = step;
        const isOver = performance.now() >= endMs || signal?.aborted === true;
        // What lies behind empty batches is there already, so an end of waiting does not stop before it.
        if (messages.length > 0 || (isOver && step.next === next)) return { topicId, bounds, messages };
        next = step.next;
        last = { topicId, bounds, messages: [] };
      }
    } finally {
      abort.forget();
    }
  }

  /** Closes all connections; later reads open new ones. */
  reset(): void {
    for (const lanes of this.#lanes.values()) lanes.close();
    this.#lanes.clear();
  }

  /** Null when the signal aborts first; the fetch ends by itself. */
  async #unlessAborted(stepping: Promise<Step>, happened: Promise<null>): Promise<Step | null> {
    const step = await Promise.race([stepping, happened]);
    if (step === null)
      stepping.catch((error: unknown) => this.#cluster.logger.debug({ problem: String(error) }, 'aborted_read_failed'));
    return step;
  }

  /** The answer of a read that was aborted before its first fetch came back. */
  async #nothing(topic: string, from: Offset, stepping: Promise<Step>): Promise<ReadResult> {
    const topicId = this.#cluster.knownId(topic);
    if (topicId !== null) return { topicId, bounds: { start: from, end: from }, messages: [] };
    const { topicId: id, bounds } = await stepping;
    return { topicId: id, bounds, messages: [] };
  }

  #step(topic: string, partition: number, from: number, options: ReadOptions): Promise<Step> {
    const limits = { ...options, from, batchBytesMax: this.#cluster.limits.batchBytesMax };
    let tries = 0;
    return this.#cluster.patiently(`cannot read ${topic}/${partition} at ${from}`, { topic }, async () => {
      const { topic: known, node } = await this.#cluster.leader(topic, partition);
      const bytesMax = this.#wireBytes(topic, options.bytesMax);
      const asked = { topicId: known.id, partition, from, waitMs: options.waitMs, bytesMax };
      return this.#lanesOf(node).with(async (lane) => {
        const answer = await lane.call(fetchRequest(asked), asked.waitMs);
        if (answer.error === KAFKA_ERROR.offsetOutOfRange) return this.#outOfRange(topic, partition, from, known.id);
        refuse(answer.error);
        const read = await readAnswer(answer, limits, ++tries === CRC_TRIES);
        if (read === null) {
          this.#cluster.logger.warn({ topic, partition, from, tries }, 'record_batch_checksum_wrong');
          lane.close();
          throw new ProtocolError(KAFKA_ERROR.corruptMessage);
        }
        if (read.valueBytes > 0) this.#wireShares.set(topic, read.wireBytes / read.valueBytes);
        const bounds = { start: answer.start as Offset, end: answer.end as Offset };
        return { topicId: known.id, bounds, messages: read.messages, next: read.next };
      });
    });
  }

  /** What is fetched beyond the limit of values is thrown away, and fetched again. */
  #wireBytes(topic: string, valueBytesMax: number): number {
    const expected = Math.ceil(valueBytesMax * (this.#wireShares.get(topic) ?? 1));
    return Math.min(valueBytesMax, Math.max(expected, FETCH_BYTES_MIN));
  }

  /** Below the start: read from there, the caller compares. Above the end: refused. */
  async #outOfRange(topic: string, partition: number, from: number, topicId: string): Promise<Step> {
    const bounds = await partitionBounds(this.#cluster, topic, partition);
    if (from <= bounds.end) return { topicId, bounds, messages: [], next: Math.max(from, bounds.start) };
    throw new WeirError(
      'WEIR_TRANSPORT_OUT_OF_RANGE',
      `${topic}/${partition} ends at ${bounds.end}; offset ${from} is beyond it: the log was cut, or made anew`,
      { topic, partition, from, end: bounds.end },
    );
  }

  #lanesOf(node: number): FetchLanes {
    const known = this.#lanes.get(node);
    if (known !== undefined) return known;
    const lanes = new FetchLanes(() => this.#cluster.openLane(node), this.#cluster.limits.fetchLanesMax);
    this.#lanes.set(node, lanes);
    return lanes;
  }
}

interface Read {
  readonly messages: readonly Message[];
  readonly next: number;
  /** Of the batches that were read to their end, and of their values. */
  readonly wireBytes: number;
  readonly valueBytes: number;
}

/** Null when the first batch that counts has a wrong checksum, unless this is the last try. */
async function readAnswer({ records }: FetchAnswer, limits: BatchLimits, isLastTry: boolean): Promise<Read | null> {
  const messages: Message[] = [];
  let next = limits.from;
  let bytes = 0;
  let whole = { wireBytes: 0, valueBytes: 0 };
  for (const batch of splitBatches(records)) {
    if (batch.lastOffset < limits.from) continue;
    const left = { messagesMax: limits.messagesMax - messages.length, bytesMax: limits.bytesMax - bytes };
    // One that does not fit is left to the next read, rather than decompressed for a part of it now and again then.
    if (messages.length > 0 && compressedContentBytes(batch) > left.bytesMax) break;
    if (!isCrcRight(batch)) {
      if (messages.length > 0) break;
      if (!isLastTry) return null;
      return { messages: [unreadable(batch, 'its checksum is wrong')], next: batch.lastOffset + 1, ...whole };
    }
    const found = await readBatch(batch, { ...limits, ...left });
    for (const message of found) {
      bytes += message.value.length;
      if (messages.length > 0 && bytes > limits.bytesMax) return { messages, next, ...whole };
      messages.push(message);
      next = message.offset + 1;
    }
    if (messages.length >= limits.messagesMax || (found.length > 0 && next <= batch.lastOffset)) break;
    next = batch.lastOffset + 1;
    whole = { wireBytes: whole.wireBytes + batch.bytes.length, valueBytes: bytes };
  }
  return { messages, next, ...whole };
}

function aborted(signal: AbortSignal | undefined): { readonly happened: Promise<null>; forget(): void } {
  const { promise: happened, resolve } = Promise.withResolvers<null>();
  // One that aborted before asks for what is there: it does not abort this read.
  if (signal === undefined || signal.aborted) return { happened, forget: () => undefined };
  const tell = (): void => resolve(null);
  signal.addEventListener('abort', tell, { once: true });
  return { happened, forget: () => signal.removeEventListener('abort', tell) };
}
