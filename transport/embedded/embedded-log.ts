/** The log of a single machine: one SQLite file, written by one thread of each process that has it open. */
import { resolve as resolvePath } from 'node:path';
import { type Clock, systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { type Logger, silentLogger } from '../../contract/log.ts';
import type * as log from '../log.ts';
import { ByteBudget } from '../byte-budget.ts';
import { startMembership } from './membership.ts';
import type { ReadAnswer, WorkerStats } from './protocol.ts';
import { WorkerClient } from './worker-client.ts';

export interface EmbeddedLogOptions {
  /** The file; it and its folder are made when missing. */
  readonly path: string;
  /** For append times and retention by age. */
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Values that wait to be written; produce calls beyond it wait. Default 64 MiB. */
  readonly queueBytesMax?: number;
  /** How long a write waits for other processes before WEIR_TRANSPORT_UNAVAILABLE. Default 10 s. */
  readonly busyMsMax?: number;
  /** How often retention looks. Default 5 s. */
  readonly retentionEveryMs?: number;
}

export interface EmbeddedLogStats extends WorkerStats {
  readonly queuedBytes: number;
  /** Produce calls that wait for room in the queue. */
  readonly producesWaiting: number;
}

const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
const BUSY_MS_MAX = 10_000;
const RETENTION_EVERY_MS = 5_000;
/** What a queued message costs beside its value, so that a flood of empty ones is bounded too. */
const MESSAGE_OVERHEAD_BYTES = 128;

/**
 * Open the log, making the file when there is none. Several processes may have it open at once.
 * Fails: WEIR_TRANSPORT_VERSION, WEIR_TRANSPORT_CORRUPT, WEIR_DATA_RIGHTS, WEIR_TRANSPORT_FULL,
 * WEIR_TRANSPORT_UNAVAILABLE.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const path = resolvePath(options.path);
  const client = await WorkerClient.start({ path, busyMsMax: options.busyMsMax ?? BUSY_MS_MAX });
  return new EmbeddedLog(path, client, options);
}

/**
 * `Log` on one SQLite file. Durable by fsync of the write-ahead log, paid once for all produce calls that wait at the
 * moment (group commit). Every call may also fail with WEIR_TRANSPORT_FULL, WEIR_TRANSPORT_UNAVAILABLE (both: try
 * again), WEIR_TRANSPORT_CORRUPT or WEIR_TRANSPORT_CLOSED. Offsets are dense in a partition.
 */
export class EmbeddedLog implements log.Log {
  readonly #path: string;
  readonly #client: WorkerClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #budget: ByteBudget;
  readonly #retention: NodeJS.Timeout;
  readonly #memberships = new Set<log.Membership>();
  #closing: Promise<void> | null = null;
  #closed = false;
  #retaining = false;

  constructor(path: string, client: WorkerClient, options: EmbeddedLogOptions) {
    this.#path = path;
    this.#client = client;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#budget = new ByteBudget(options.queueBytesMax ?? QUEUE_BYTES_MAX);
    this.#retention = setInterval(() => void this.#retain(), options.retentionEveryMs ?? RETENTION_EVERY_MS);
    this.#retention.unref();
  }

  /** A topic that exists takes the retention and message limit given here. */
  async ensureTopics(specs: readonly log.TopicSpec[]): Promise<void> {
    this.#assertOpen();
    await this.#client.call('ensureTopics', { specs }).answer;
  }

  /** With its messages and positions. Made anew it has another id, and offsets from 0. */
  async deleteTopic(topic: string): Promise<void> {
    this.#assertOpen();
    await this.#client.call('deleteTopic', { topic }).answer;
  }

  async describe(topic: string): Promise<log.TopicDescription> {
    this.#assertOpen();
    const { topicId, partitions } = await this.#client.call('describe', { topic }).answer;
    return { name: topic, id: topicId, partitions };
  }

  async produce(
    topic: string,
    partition: number,
    messages: readonly log.OutgoingMessage[],
  ): Promise<readonly log.Offset[]> {
    this.#assertOpen();
    const lengths = messages.map((message) => message.value.byteLength);
    const valueBytes = lengths.reduce((sum, length) => sum + length, 0);
    const bytes = valueBytes + messages.length * MESSAGE_OVERHEAD_BYTES;
    const room = this.#budget.take(bytes);
    if (room !== null) await room;
    try {
      const values = packed(messages, valueBytes);
      const args = {
        topic,
        partition,
        nowMs: this.#clock.nowMs(),
        keys: messages.map((message) => message.key),
        headers: messages.map((message) => JSON.stringify(message.headers)),
        lengths,
        values,
      };
      const offsets = await this.#client.call('produce', args, [values.buffer]).answer;
      return offsets as readonly log.Offset[];
    } finally {
      this.#budget.give(bytes);
    }
  }

  async read(topic: string, partition: number, from: log.Offset, options: log.ReadOptions): Promise<log.ReadResult> {
    this.#assertOpen();
    const { messagesMax, bytesMax, signal } = options;
    const waitMs = signal?.aborted === true ? 0 : options.waitMs;
    const call = this.#client.call('read', { topic, partition, from, messagesMax, bytesMax, waitMs });
    const abort = (): void => this.#client.abort(call.id);
    if (waitMs > 0) signal?.addEventListener('abort', abort, { once: true });
    try {
      return unpacked(await call.answer);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async position(group: string, topic: string, partition: number): Promise<log.Offset | null> {
    this.#assertOpen();
    const next = await this.#client.call('position', { group, topic, partition }).answer;
    return next as log.Offset | null;
  }

  /** Beyond the partition's end it is WEIR_TRANSPORT_OUT_OF_RANGE: the topic was made anew meanwhile. */
  async commit(group: string, topic: string, partition: number, next: log.Offset): Promise<void> {
    this.#assertOpen();
    await this.#client.call('commit', { group, topic, partition, next }).answer;
  }

  /**
   * Gives every partition of the topic, as it is now, to every member at once: there is no balancing. Two members of a
   * group both get all; nothing above may rely on exclusivity (DESIGN section 4), they only do the work twice.
   */
  async join(
    _group: string,
    topic: string,
    run: (assignment: log.Assignment) => Promise<void>,
  ): Promise<log.Membership> {
    const { id, partitions } = await this.describe(topic);
    this.#assertOpen();
    const membership = startMembership(
      partitions.map((_, partition) => ({ topic, topicId: id, partition })),
      run,
      (error) => this.#logger.error({ err: error, topic }, 'partition run failed'),
      (left) => this.#memberships.delete(left),
    );
    this.#memberships.add(membership);
    return membership;
  }

  /** Apply retention now; it also happens by itself every few seconds. */
  async applyRetention(): Promise<void> {
    this.#assertOpen();
    await this.#client.call('retain', { nowMs: this.#clock.nowMs() }).answer;
  }

  async stats(): Promise<EmbeddedLogStats> {
    this.#assertOpen();
    const stats = await this.#client.call('stats', {}).answer;
    return { ...stats, queuedBytes: this.#budget.takenBytes, producesWaiting: this.#budget.waitersCount };
  }

  /** Leaves every group, settles what was produced, ends the thread. Reads that wait fail with WEIR_TRANSPORT_CLOSED. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#retention);
    await Promise.all([...this.#memberships].map((membership) => membership.leave()));
    this.#closed = true;
    this.#budget.close(this.#closedError());
    await this.#client.close();
    this.#logger.debug({ path: this.#path }, 'embedded log closed');
  }

  async #retain(): Promise<void> {
    if (this.#retaining) return;
    this.#retaining = true;
    try {
      await this.applyRetention();
    } catch (error) {
      if (!this.#closed) this.#logger.warn({ err: error, path: this.#path }, 'retention failed');
    } finally {
      this.#retaining = false;
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  #closedError(): WeirError {
    return new WeirError('WEIR_TRANSPORT_CLOSED', `${this.#path}: the log is closed`, { path: this.#path });
  }
}

/** All values one after the other, in a buffer of our own: the callers keep theirs. */
function packed(messages: readonly log.OutgoingMessage[], bytes: number): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(bytes);
  let position = 0;
  for (const { value } of messages) {
    values.set(value, position);
    position += value.byteLength;
  }
  return values;
}

function unpacked({ topicId, bounds, offsets, appendMs, keys, headers, values }: ReadAnswer): log.ReadResult {
  const messages = values.map(
    (value, index): log.Message => ({
      offset: offsets[index] as log.Offset,
      appendMs: appendMs[index] ?? 0,
      key: keys[index] ?? null,
      value,
      headers: JSON.parse(headers[index] ?? '{}') as log.Headers,
    }),
  );
  return { topicId, bounds, messages };
}
