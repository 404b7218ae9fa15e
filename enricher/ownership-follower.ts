/** Reads the ownership topic from its start into the pool's workers, and goes on as it grows. */
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Log, Message, Offset, ReadResult, TopicDescription } from '../transport/log.ts';
import type { EnricherPool } from './pool.ts';
import { untilDone } from './retry.ts';

const READ = { messagesMax: 1000, bytesMax: 1024 * 1024 } as const;
const WAIT_MS = 1000;

export interface FollowerOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pool: EnricherPool;
  readonly topic: TopicDescription;
  readonly signal: AbortSignal;
  /** Told of each message, in log order, before the workers have it. */
  observe?(message: Message): void;
}

export class OwnershipFollower {
  readonly #options: FollowerOptions;
  #next: Offset;
  #end: Offset;

  /** @throws WEIR_CONFIG_INVALID when the topic has several partitions: their claims would have no order */
  constructor(options: FollowerOptions) {
    const { name, partitions } = options.topic;
    const bounds = partitions[0];
    if (bounds === undefined || partitions.length > 1) {
      throw new WeirError('WEIR_CONFIG_INVALID', `topic ${name} has ${partitions.length} partitions, it must have one`);
    }
    this.#options = options;
    this.#next = bounds.start;
    this.#end = bounds.end;
  }

  /** Up to the end that the topic had when it was described, or to `end`. */
  async catchUp(end?: Offset): Promise<void> {
    if (end !== undefined) this.#end = end;
    const { pool, signal } = this.#options;
    pool.reached(this.#next);
    while (this.#next < this.#end && !signal.aborted) {
      const read = await this.#read(WAIT_MS);
      // The end may be a hole: then there is nothing to wait for.
      if (read === null || read.messages.length === 0) return;
    }
  }

  /** Until the signal aborts. */
  async follow(): Promise<void> {
    while (!this.#options.signal.aborted) await this.#read(WAIT_MS);
  }

  async #read(waitMs: number): Promise<ReadResult | null> {
    const { log, pool, topic, signal, clock, logger } = this.#options;
    const read = await untilDone(() => log.read(topic.name, 0, this.#next, { ...READ, waitMs, signal }), {
      clock,
      signal,
      onRetry: (error, pauseMs) =>
        logger.warn({ code: error.code, pauseMs, topic: topic.name }, 'ownership_read_failed'),
    });
    if (read === null) return null;
    if (read.topicId !== topic.id) {
      const message = `topic ${topic.name} was made anew under the enricher; start it again`;
      throw new WeirError('WEIR_TRANSPORT_UNKNOWN_TOPIC', message, { topic: topic.name });
    }
    for (const message of read.messages) {
      if (signal.aborted) return null;
      try {
        this.#options.observe?.(message);
        await pool.update(message, signal);
      } catch (cause) {
        const error = fromUnknown(cause, 'WEIR_INTERNAL', `ownership message ${message.offset}`);
        if (error.disposition !== 'drop') throw error;
        logger.warn({ code: error.code, offset: message.offset }, 'ownership_message_refused');
      }
      this.#next = (message.offset + 1) as Offset;
    }
    return read;
  }
}
