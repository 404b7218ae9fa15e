/** Brokers, leaders and coordinators: asked for, believed for a while, asked again when a broker says otherwise. */
import type { Clock } from '../../contract/clock.ts';
import type { Logger } from '../../contract/log.ts';
import { WeirError } from '../../contract/errors.ts';
import { ConnectionLost, remedyOf, weirError } from './faults.ts';
import { type HostPort, Lane, type LaneOptions } from './lane.ts';
import type { KafkaLimits } from './options.ts';
import { KAFKA_ERROR, ProtocolError } from './protocol/error-codes.ts';
import { findCoordinatorRequest } from './protocol/group.ts';
import { type Metadata, metadataRequest, type TopicMetadata } from './protocol/metadata.ts';
import type { ApiRequest } from './protocol/request.ts';

export interface ClusterOptions {
  readonly brokers: readonly HostPort[];
  readonly lane: LaneOptions;
  readonly limits: KafkaLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface KnownTopic {
  readonly topic: TopicMetadata;
  readonly atMs: number;
}

const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 1_000;
/** A topic that one broker does not know may have been made a moment ago: asked this often before it is believed. */
const UNKNOWN_TOPIC_TRIES = 3;
const UNKNOWN_TOPIC_PAUSE_MS = 150;

export class Cluster {
  readonly limits: KafkaLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #options: ClusterOptions;
  readonly #lanes = new Map<string, Promise<Lane>>();
  readonly #nodes = new Map<number, HostPort>();
  readonly #topics = new Map<string, KnownTopic>();
  readonly #coordinators = new Map<string, number>();
  readonly #abort = new AbortController();
  #controller = -1;
  #nextSeed = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.clock = options.clock;
    this.logger = options.logger;
  }

  /** Aborts at close. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get controller(): number {
    return this.#controller;
  }

  /** The lane of that purpose to that broker; made at its first use, and anew once it is closed. */
  lane(node: number, purpose: string): Promise<Lane> {
    const address = this.#nodes.get(node);
    if (address === undefined) throw new ConnectionLost(`broker ${node} is not in the cluster's metadata`);
    return this.#laneTo(address, `${node}/${purpose}`);
  }

  async call<T>(node: number, purpose: string, request: ApiRequest<T>, extraMs = 0): Promise<T> {
    return (await this.lane(node, purpose)).call(request, extraMs);
  }

  /** A lane that nobody else uses and that the caller closes. */
  openLane(node: number): Promise<Lane> {
    const address = this.#nodes.get(node);
    if (address === undefined) throw new ConnectionLost(`broker ${node} is not in the cluster's metadata`);
    this.#assertOpen();
    return Lane.open(address, this.#options.lane);
  }

  /** What is known of a topic, at most `metadataMs` old. @throws ProtocolError unknownTopicOrPartition */
  async topic(name: string): Promise<TopicMetadata> {
    const known = this.#topics.get(name);
    if (known !== undefined && performance.now() - known.atMs < this.limits.metadataMs) return known.topic;
    return this.askTopic(name);
  }

  /** The id that was last seen of a topic; null when none was. */
  knownId(name: string): string | null {
    return this.#topics.get(name)?.topic.id ?? null;
  }

  /** As it is now. */
  async askTopic(name: string): Promise<TopicMetadata> {
    for (let tries = 1; ; tries++) {
      const { topics } = await this.metadata([name]);
      const [topic] = topics;
      const error = topic?.error ?? KAFKA_ERROR.unknownTopicOrPartition;
      if (topic !== undefined && error === 0) {
        this.#topics.set(name, { topic, atMs: performance.now() });
        return topic;
      }
      this.#topics.delete(name);
      if (error !== KAFKA_ERROR.unknownTopicOrPartition || tries === UNKNOWN_TOPIC_TRIES)
        throw new ProtocolError(error);
      await this.clock.sleep(UNKNOWN_TOPIC_PAUSE_MS, this.signal);
    }
  }

  /** @throws ProtocolError leaderNotAvailable while there is none */
  async leader(name: string, partition: number): Promise<{ readonly topic: TopicMetadata; readonly node: number }> {
    let topic = await this.topic(name);
    // Partitions may have been added since.
    if (partition >= topic.partitions.length) topic = await this.askTopic(name);
    const found = topic.partitions[partition];
    if (found === undefined) throw unknownPartition(name, partition, topic.partitions.length);
    if (found.leader < 0) throw new ProtocolError(KAFKA_ERROR.leaderNotAvailable);
    return { topic, node: found.leader };
  }

  /** Of some broker that answers: known ones first, then those of the configuration. */
  async metadata(topics: readonly string[]): Promise<Metadata> {
    const { value } = await this.#askAny(metadataRequest(topics));
    this.#nodes.clear();
    for (const broker of value.brokers) this.#nodes.set(broker.node, broker);
    this.#controller = value.controller;
    return value;
  }

  async coordinator(group: string): Promise<number> {
    const known = this.#coordinators.get(group);
    if (known !== undefined && this.#nodes.has(known)) return known;
    const { value } = await this.#askAny(findCoordinatorRequest(group));
    this.#nodes.set(value.node, value);
    this.#coordinators.set(group, value.node);
    return value.node;
  }

  forgetTopic(name: string): void {
    this.#topics.delete(name);
  }

  forgetCoordinator(group: string): void {
    this.#coordinators.delete(group);
  }

  /** All connections, and what is known: the remedy when something hangs and nobody knows what. */
  reset(): void {
    this.#topics.clear();
    this.#coordinators.clear();
    this.#closeLanes();
  }

  /**
   * Try until it succeeds, fails for good, or `patienceMs` are over. What was out of date is asked anew in between.
   * @throws WeirError
   */
  async patiently<T>(
    what: string,
    about: { readonly topic?: string; readonly group?: string },
    attempt: () => Promise<T>,
    patienceMs: number = this.limits.patienceMs,
  ): Promise<T> {
    const startMs = performance.now();
    let pauseMs = PAUSE_MS_MIN;
    for (;;) {
      this.#assertOpen();
      try {
        return await attempt();
      } catch (error) {
        const remedy = remedyOf(error);
        const isUnknownTopic = error instanceof ProtocolError && error.code === KAFKA_ERROR.unknownTopicOrPartition;
        const leftMs = patienceMs - (performance.now() - startMs);
        if (this.signal.aborted) throw closedError();
        if (remedy === 'none' || leftMs <= 0) throw weirError(error, what);
        if (isUnknownTopic && about.topic !== undefined) await this.#confirmTopic(about.topic, what);
        if (remedy !== 'again' && about.topic !== undefined) this.forgetTopic(about.topic);
        if (remedy !== 'again' && about.group !== undefined) this.forgetCoordinator(about.group);
        this.logger.debug({ what, problem: String(error), pauseMs }, 'kafka_call_tried_again');
        await this.clock.sleep(Math.min(pauseMs, leftMs), this.signal);
        pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
      }
    }
  }

  close(): void {
    this.#abort.abort();
    this.#closeLanes();
  }

  /** A leader may not know a topic that exists; when nobody knows it, there is none. */
  async #confirmTopic(name: string, what: string): Promise<void> {
    try {
      await this.askTopic(name);
    } catch (error) {
      if (error instanceof ProtocolError) throw weirError(error, what);
      this.logger.debug({ topic: name, problem: String(error) }, 'topic_not_confirmed');
    }
  }

  async #askAny<T>(request: ApiRequest<T>): Promise<{ value: T }> {
    const known = [...this.#nodes].map(([node, address]) => ({ address, key: `${node}/control` }));
    const seeds = this.#options.brokers.map((_, index, all) => {
      const address = all[(index + this.#nextSeed) % all.length] as HostPort;
      return { address, key: `seed/${address.host}:${address.port}` };
    });
    let failure: unknown = new ConnectionLost('no brokers are configured');
    for (const { address, key } of [...known, ...seeds]) {
      try {
        return { value: await (await this.#laneTo(address, key)).call(request) };
      } catch (error) {
        if (error instanceof ProtocolError) throw error;
        failure = error;
      }
    }
    this.#nextSeed++;
    throw failure;
  }

  async #laneTo(address: HostPort, key: string): Promise<Lane> {
    this.#assertOpen();
    const known = this.#lanes.get(key);
    if (known !== undefined) {
      const lane = await known;
      if (lane.isOpen) return lane;
      lane.retire();
      if (this.#lanes.get(key) === known) this.#lanes.delete(key);
      return this.#laneTo(address, key);
    }
    const opening = Lane.open(address, this.#options.lane);
    this.#lanes.set(key, opening);
    try {
      const lane = await opening;
      if (!this.signal.aborted) return lane;
      lane.close();
      throw closedError();
    } catch (error) {
      if (this.#lanes.get(key) === opening) this.#lanes.delete(key);
      throw error;
    }
  }

  #closeLanes(): void {
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    for (const opening of lanes) {
      opening.then(
        (lane) => lane.close(),
        (error: unknown) => this.logger.debug({ problem: String(error) }, 'kafka_connection_never_opened'),
      );
    }
  }

  #assertOpen(): void {
    if (this.signal.aborted) throw closedError();
  }
}

export const closedError = (): WeirError => new WeirError('WEIR_TRANSPORT_CLOSED', 'the log on Kafka is closed');

export const unknownPartition = (topic: string, partition: number, count: number): WeirError =>
  new WeirError('WEIR_TRANSPORT_UNKNOWN_TOPIC', `${topic} has ${count} partitions, and no partition ${partition}`, {
    topic,
    partition,
  });
