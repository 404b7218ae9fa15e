/** How large messages of a topic may be, from the topic's own configuration: asked once a topic, believed for a while. */
import { WeirError } from '../../contract/errors.ts';
import type { Cluster } from './cluster.ts';
import { RIGHTS, ProtocolError } from './protocol/error-codes.ts';
import { topicConfigsRequest } from './protocol/topics.ts';

/**
 * Kafka's max.message.bytes holds for a record batch with its keys, headers and framing: this much more than the
 * values that Weir's limits speak of.
 */
export const BATCH_OVERHEAD_BYTES: number = 64 * 1024;

export interface MessageLimits {
  /** Of one value. */
  readonly messageBytesMax: number;
  /** Of the values of one call, which is one record batch. */
  readonly batchBytesMax: number;
}

/** Where we may not look, the broker's own check has to do. */
const UNKNOWN: MessageLimits = { messageBytesMax: Infinity, batchBytesMax: Infinity };

export class TopicLimits {
  readonly #cluster: Cluster;
  readonly #known = new Map<string, { readonly limits: Promise<MessageLimits>; readonly atMs: number }>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** @throws WEIR_TRANSPORT_UNKNOWN_TOPIC, WEIR_TRANSPORT_UNAVAILABLE */
  async of(topic: string): Promise<MessageLimits> {
    const known = this.#known.get(topic);
    if (known !== undefined && performance.now() - known.atMs < this.#cluster.limits.metadataMs) return known.limits;
    const limits = this.#ask(topic);
    this.#known.set(topic, { limits, atMs: performance.now() });
    try {
      return await limits;
    } catch (error) {
      this.#known.delete(topic);
      throw error;
    }
  }

  forget(topic: string): void {
    this.#known.delete(topic);
  }

  async #ask(topic: string): Promise<MessageLimits> {
    try {
      const configs = await this.#cluster.patiently(`cannot look at the limits of ${topic}`, { topic }, async () => {
        const { node } = await this.#cluster.leader(topic, 0);
        return this.#cluster.call(node, 'control', topicConfigsRequest(topic, ['max.message.bytes']));
      });
      const batchBytes = Number(configs.get('max.message.bytes') ?? Infinity);
      const bytes = Math.max(0, batchBytes - BATCH_OVERHEAD_BYTES);
      return { messageBytesMax: bytes, batchBytesMax: bytes };
    } catch (error) {
      if (!(error instanceof WeirError && error.cause instanceof ProtocolError && RIGHTS.has(error.cause.code)))
        throw error;
      this.#cluster.logger.debug({ topic }, 'topic_limits_not_visible');
      return UNKNOWN;
    }
  }
}
