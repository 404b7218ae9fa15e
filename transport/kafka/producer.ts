/**
 * Producing to a given partition: acks=all, one record batch a call, one request in flight a partition, without the
 * idempotent producer. Not known outcomes are sent again, the same bytes: once or more, in order, never lost.
 */
import { type ErrorContext, WeirError } from '../../contract/errors.ts';
import type { Offset, OutgoingMessage } from '../log.ts';
import { ByteBudget } from '../byte-budget.ts';
import { closedError, type Cluster } from './cluster.ts';
import { freeBuffer } from './free-buffer.ts';
import { produceRequest } from './protocol/produce.ts';
import { encodeBatch } from './record-batch.ts';
import type { TopicLimits } from './topic-limits.ts';
import { Turns } from './turns.ts';

/** Of the time that an answer may take: how long a broker waits for its replicas. */
const REPLICAS_SHARE = 0.8;
/** A partition that waits for its replicas holds up those that share its connection, so few do. */
const LANES = 4;
/** What a waiting message costs beside its value. */
const MESSAGE_OVERHEAD_BYTES = 128;

export class Producer {
  readonly #cluster: Cluster;
  readonly #limits: TopicLimits;
  readonly #budget: ByteBudget;
  readonly #turns = new Turns();

  constructor(cluster: Cluster, limits: TopicLimits) {
    this.#cluster = cluster;
    this.#limits = limits;
    this.#budget = new ByteBudget(cluster.limits.queueBytesMax);
  }

  /** Values that wait or are under way. */
  get queuedBytes(): number {
    return this.#budget.takenBytes;
  }

  async produce(topic: string, partition: number, messages: readonly OutgoingMessage[]): Promise<readonly Offset[]> {
    if (messages.length === 0) return [];
    const bytes = messages.reduce((sum, { value }) => sum + value.byteLength + MESSAGE_OVERHEAD_BYTES, 0);
    const room = this.#budget.take(bytes);
    if (room !== null) await room;
    try {
      return await this.#turns.take(`${topic}/${partition}`, () => this.#send(topic, partition, messages));
    } finally {
      this.#budget.give(bytes);
    }
  }

  /** Resolves when nothing is under way. */
  settled(): Promise<void> {
    return this.#turns.settled();
  }

  /** Calls that wait for room fail. */
  close(): void {
    this.#budget.close(closedError());
  }

  async #send(topic: string, partition: number, messages: readonly OutgoingMessage[]): Promise<Offset[]> {
    const what = `cannot write to ${topic}/${partition}`;
    await this.#assertFits(topic, partition, messages);
    const batch = await encodeBatch(messages, this.#cluster.clock.nowMs());
    const replicasMs = Math.ceil(REPLICAS_SHARE * this.#cluster.limits.answerMs);
    const purpose = `produce/${partition % LANES}`;
    const base = await this.#cluster.patiently(what, { topic }, async () => {
      const { node } = await this.#cluster.leader(topic, partition);
      return this.#cluster.call(node, purpose, produceRequest(topic, partition, batch, replicasMs));
    });
    // Answered, so nothing is on its way that would send it again.
    freeBuffer(batch);
    return messages.map((_, index) => (base + index) as Offset);
  }

  /** Before compression, so that what is refused does not depend on how well it compresses. */
  async #assertFits(topic: string, partition: number, messages: readonly OutgoingMessage[]): Promise<void> {
    const { messageBytesMax, batchBytesMax } = await this.#limits.of(topic);
    const largest = messages.reduce((most, { value }) => Math.max(most, value.byteLength), 0);
    const total = messages.reduce((sum, { value }) => sum + value.byteLength, 0);
    const context: ErrorContext = { topic, partition, messages: messages.length, largest, total };
    if (largest > messageBytesMax) throw tooLarge(`a message of ${largest} bytes`, topic, messageBytesMax, context);
    if (total > batchBytesMax)
      throw tooLarge(`${messages.length} messages of ${total} bytes`, topic, batchBytesMax, context);
  }
}

const tooLarge = (what: string, topic: string, bytesMax: number, context: ErrorContext): WeirError =>
  new WeirError(
    'WEIR_TRANSPORT_MESSAGE_TOO_LARGE',
    `${what} exceeds the limit of ${topic}, ${bytesMax} bytes`,
    context,
  );
