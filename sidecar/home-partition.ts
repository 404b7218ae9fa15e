/**
 * The raw partition that this node's key belongs to. A stream keeps its partition; where partitions were added and the key
 * goes elsewhere, the stream is ended and a new one begins there, so that readers who count on the key find the node.
 */
import { fromUnknown, WeirError } from '../contract/errors.ts';
import type { SidecarOptions } from './options.ts';
import { partitionOf } from '../transport/key-partition.ts';
import type { Plan } from './plan.ts';

/** How often the topic is looked at. */
const LOOK_MS = 30_000;

export class HomePartition {
  readonly #options: SidecarOptions;
  readonly #lookMs: number;
  #partitions: number;
  #nextLookMs: number;
  #nextTryMs = 0;
  #looking = false;

  constructor(options: SidecarOptions, partitions: number) {
    this.#options = options;
    this.#partitions = partitions;
    this.#lookMs = options.partitionsMs ?? LOOK_MS;
    this.#nextLookMs = options.clock.nowMs() + this.#lookMs;
  }

  get partition(): number {
    const { cluster, node, partition } = this.#options;
    return partition ?? partitionOf(`${cluster}/${node}`, this.#partitions);
  }

  /** Where the stream goes on that an earlier process has left, or a new one begins. WEIR_TRANSPORT_TOPIC_MISMATCH. */
  firstOf(plan: Plan | null): number {
    if (plan === null) return this.partition;
    if (plan.partition < this.#partitions) return plan.partition;
    const message = `${this.#options.rawTopic} has ${this.#partitions} partitions, the pinned ring's stream goes to number ${plan.partition}`;
    throw new WeirError('WEIR_TRANSPORT_TOPIC_MISMATCH', `${message}; weir sidecar --detach gives it up`);
  }

  /** Whether the stream of partition `current` shall end for another now. Looks at the topic now and then, beside. */
  isElsewhere(current: number): boolean {
    this.#look();
    return this.partition !== current && this.#options.clock.nowMs() >= this.#nextTryMs;
  }

  /** It was tried: where that failed, not again at once. */
  tried(): void {
    this.#nextTryMs = this.#options.clock.nowMs() + this.#lookMs;
  }

  #look(): void {
    const { clock, log, logger, rawTopic, source } = this.#options;
    if (source.kind !== 'ebpf' || this.#looking || clock.nowMs() < this.#nextLookMs) return;
    this.#looking = true;
    this.#nextLookMs = clock.nowMs() + this.#lookMs;
    log
      .describe(rawTopic)
      .then(({ partitions }) => {
        this.#partitions = partitions.length;
      })
      .catch((cause: unknown) => {
        const { code, message } = fromUnknown(cause, 'WEIR_TRANSPORT_UNAVAILABLE', `cannot look at ${rawTopic}`);
        logger.debug({ code, detail: message }, 'the partitions of the raw topic are not known now');
      })
      .finally(() => {
        this.#looking = false;
      });
  }
}
