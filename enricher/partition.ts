/**
 * One raw partition: read, hold until ready, then in raw order dead letter, produce, commit. Exactly once rests on that
 * order and on one produce in flight; what was produced and not committed is produced again, and the sink knows it by
 * its sources.
 */
import { fromUnknown, WeirError } from '../contract/errors.ts';
import type { Headers, Message, Offset, OutgoingMessage } from '../transport/log.ts';
import { type Assignment, CONTENT_TYPE_AVRO_SINGLE_OBJECT, HEADER } from '../transport/log.ts';
import { deadLetter, ringOf } from './dead-letter.ts';
import type { Enriched, EnrichResult, Refusal } from './enrich.ts';
import { FirstSeen } from './first-seen.ts';
import type { PartitionMeter } from './measure.ts';
import { isOversize } from './pool.ts';
import type { Need } from './ready.ts';
import { untilDone } from './retry.ts';
import type { Shared } from './shared.ts';
import { headerRange } from './source.ts';
import { SLOT_BYTES } from './task.ts';

const READ_MESSAGES_MAX = 256;
const READ_WAIT_MS = 500;
/** While a batch waits: how often it asks, and how often the partition's end is looked at. */
const LOOK_MS = 50;
const SAMPLE_MS = 500;

export class PartitionRun {
  readonly #shared: Shared;
  readonly #assignment: Assignment;
  readonly #seen = new FirstSeen();
  readonly #meter: PartitionMeter;
  #next: Offset = 0 as Offset;
  /** The partition's end as it was last seen. */
  #end: Offset = 0 as Offset;
  #sampledMs = 0;

  constructor(shared: Shared, assignment: Assignment, meter: PartitionMeter) {
    this.#shared = shared;
    this.#assignment = assignment;
    this.#meter = meter;
  }

  /** Until the partition is taken away; what is not ready then is left for the next owner. */
  async run(): Promise<void> {
    const { log, groupId, logger } = this.#shared;
    const { topic, partition, signal } = this.#assignment;
    const position = await this.#retry('position', () => log.position(groupId, topic, partition));
    // Without a commit from the earliest, never from the latest: a read below the start reads from the start.
    this.#next = (position ?? 0) as Offset;
    logger.info({ partition, from: this.#next, committed: position !== null }, 'partition_taken');
    while (!signal.aborted) {
      const messages = await this.#read();
      if (messages.length > 0) await this.#work(messages);
    }
    this.#meter.handedBack();
    logger.info({ partition, next: this.#next }, 'partition_handed_back');
  }

  async #read(): Promise<readonly Message[]> {
    const { log, clock } = this.#shared;
    const { topic, partition, signal, topicId } = this.#assignment;
    const options = { messagesMax: READ_MESSAGES_MAX, bytesMax: SLOT_BYTES, waitMs: READ_WAIT_MS, signal };
    const read = await this.#retry('read', () => log.read(topic, partition, this.#next, options));
    if (read === null) return [];
    if (read.topicId !== topicId) {
      throw new WeirError(
        'WEIR_TRANSPORT_UNKNOWN_TOPIC',
        `topic ${topic} was made anew under the enricher; start it again`,
      );
    }
    if (read.bounds.start > this.#next && this.#next > 0) {
      this.#shared.logger.warn({ partition, next: this.#next, start: read.bounds.start }, 'raw_messages_expired');
    }
    this.#sawEnd(read.bounds.end);
    const messages = fitting(read.messages);
    this.#meter.took(messages, read.bounds.end, clock.nowMs());
    return messages;
  }

  /** Bring the messages through, as many at once as are ready. */
  async #work(messages: readonly Message[]): Promise<void> {
    const { pool, clock, ownershipTopicId } = this.#shared;
    const { partition, topicId, signal } = this.#assignment;
    const origin = { rawTopicId: topicId, rawPartition: partition, ownershipTopicId };
    let rest = messages;
    while (rest.length > 0) {
      const nowMs = clock.nowMs();
      const inputs = rest.map((message) => ({ message, force: this.#holdEndsMs(message) <= nowMs }));
      const result = await pool.enrich(inputs, origin);
      if (result.taken > 0 && !(await this.#deliver(rest.slice(0, result.taken), result))) return;
      rest = rest.slice(result.taken);
      const first = rest[0];
      if (first === undefined || signal.aborted) return;
      await this.#wait(first, result.needs, result.ownershipNext);
      if (signal.aborted) return;
    }
  }

  /** Until what the batch needs may be there, its hold ends, or the partition is taken away. */
  async #wait(message: Message, needs: readonly Need[], seenNext: number): Promise<void> {
    const { pool, clock } = this.#shared;
    const { signal } = this.#assignment;
    let lookedAt = seenNext;
    while (!signal.aborted && clock.nowMs() < this.#holdEndsMs(message)) {
      await clock.sleep(LOOK_MS, signal);
      await this.#sampleEnd();
      if (signal.aborted || pool.position === lookedAt) continue;
      lookedAt = pool.position;
      if (await pool.look(needs)) return;
    }
  }

  #holdEndsMs(message: Message): number {
    const seenMs = this.#seen.of(message.offset) ?? this.#shared.clock.nowMs();
    return seenMs + this.#shared.holdMs;
  }

  /** Messages that arrive while an earlier one waits are seen now: their hold is not added to its. */
  async #sampleEnd(): Promise<void> {
    const { log, clock, logger } = this.#shared;
    const { topic, partition } = this.#assignment;
    if (clock.nowMs() - this.#sampledMs < SAMPLE_MS) return;
    this.#sampledMs = clock.nowMs();
    try {
      const { bounds } = await log.read(topic, partition, this.#end, { messagesMax: 1, bytesMax: 1, waitMs: 0 });
      this.#sawEnd(bounds.end);
    } catch (cause) {
      const error = fromUnknown(cause, 'WEIR_INTERNAL', `the end of partition ${partition}`);
      if (error.disposition !== 'retry') throw error;
      logger.debug({ code: error.code, partition }, 'end_not_seen');
    }
  }

  #sawEnd(end: Offset): void {
    const { clock } = this.#shared;
    this.#end = end;
    this.#sampledMs = clock.nowMs();
    this.#seen.record(end, this.#sampledMs);
  }

  /** Dead letters, then each enriched message and its commit. False when the partition was taken away meanwhile. */
  async #deliver(messages: readonly Message[], result: EnrichResult): Promise<boolean> {
    const { poison, log, enrichedTopic, groupId } = this.#shared;
    const { topic, partition } = this.#assignment;
    const refused = new Map(result.refused.map((refusal) => [refusal.offset, refusal]));
    for (const { offset } of messages) poison.note(refused.has(offset));
    if (!(await this.#bury(messages, refused))) return false;
    let from = 0;
    for (const enriched of result.enriched) {
      const carried = messages.slice(from, from + enriched.sources);
      from += enriched.sources;
      const out = [outgoing(enriched, carried)];
      // The same bytes again: a repeat of what landed has the same sources, and is dropped by them.
      if ((await this.#retry('produce', () => log.produce(enrichedTopic, partition, out))) === null) return false;
      const next = ((carried.at(-1)?.offset ?? 0) + 1) as Offset;
      if ((await this.#retry('commit', async () => [await log.commit(groupId, topic, partition, next)])) === null)
        return false;
      this.#next = next;
      this.#seen.done(next);
      this.#meter.delivered(carried, enriched, this.#end, this.#shared.clock.nowMs());
    }
    this.#meter.counted(result.counts, this.#shared.pool.claims);
    return true;
  }

  async #bury(messages: readonly Message[], refused: ReadonlyMap<number, Refusal>): Promise<boolean> {
    const { log, deadLetterTopic, deadLetterPartitions, keepsRefused, logger } = this.#shared;
    const { topic, partition } = this.#assignment;
    for (const message of messages) {
      const refusal = refused.get(message.offset);
      if (refusal === undefined) continue;
      const letter = [deadLetter(message, topic, partition, refusal, keepsRefused)];
      const to = partition % deadLetterPartitions;
      if ((await this.#retry('produce', () => log.produce(deadLetterTopic, to, letter))) === null) return false;
      this.#meter.refused(refusal.code);
      logger.warn(
        { partition, offset: message.offset, ring: ringOf(message), code: refusal.code },
        'raw_message_refused',
      );
    }
    return true;
  }

  #retry<T>(what: string, call: () => Promise<T>): Promise<T | null> {
    const { clock, logger } = this.#shared;
    const { partition, signal } = this.#assignment;
    const onRetry = (error: WeirError, pauseMs: number): void => {
      logger.warn({ partition, what, code: error.code, pauseMs, problem: error.message }, 'log_call_failed');
    };
    return untilDone(call, { clock, signal, onRetry });
  }
}

/** As many as fit one slot; at least one. */
function fitting(messages: readonly Message[]): readonly Message[] {
  let bytes = 0;
  const past = messages.findIndex((message) => {
    bytes += isOversize(message) ? 0 : message.value.byteLength;
    return bytes > SLOT_BYTES;
  });
  return past < 0 ? messages : messages.slice(0, Math.max(past, 1));
}

function outgoing(enriched: Enriched, carried: readonly Message[]): OutgoingMessage {
  const only = carried.length === 1 ? headerRange(carried[0]!.headers) : null;
  const headers: Record<string, string> = {
    [HEADER.contentType]: CONTENT_TYPE_AVRO_SINGLE_OBJECT,
    [HEADER.flows]: String(enriched.flows),
    ...(only === null ? {} : rangeHeaders(only)),
  };
  if (enriched.rows > 0) {
    headers[HEADER.from] = String(enriched.fromMs);
    headers[HEADER.to] = String(enriched.toMs);
  }
  return { key: carried[0]?.key ?? null, value: enriched.bytes, headers };
}

function rangeHeaders({ ring, seq, first, next }: NonNullable<ReturnType<typeof headerRange>>): Headers {
  return {
    [HEADER.ring]: ring,
    [HEADER.seq]: String(seq),
    [HEADER.first]: String(first),
    [HEADER.next]: String(next),
  };
}
