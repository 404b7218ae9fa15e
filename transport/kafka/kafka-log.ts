/** The log of a fleet: Apache Kafka 3.1 and newer. */
import { systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { silentLogger } from '../../contract/log.ts';
import type * as log from '../log.ts';
import { Cluster, closedError } from './cluster.ts';
import { CredentialsRefused, weirError } from './faults.ts';
import { GroupMember } from './group-member.ts';
import type { HostPort } from './lane.ts';
import { KAFKA_LIMITS, type KafkaLimits, type KafkaLogOptions } from './options.ts';
import { Positions } from './positions.ts';
import { Producer } from './producer.ts';
import { Reader } from './reader.ts';
import { TopicLimits } from './topic-limits.ts';
import { describeTopic, ensureTopics } from './topics.ts';

const SEED_PAUSE_MS = 250;

/**
 * Connect. Fails, all fatal: WEIR_TRANSPORT_UNREACHABLE when no broker answered within `openMs`,
 * WEIR_TRANSPORT_CREDENTIALS, WEIR_TRANSPORT_BROKER_VERSION.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const limits: KafkaLimits = { ...KAFKA_LIMITS, ...options.limits };
  const lane = {
    clientId: options.clientId ?? 'weir',
    tls: options.tls ?? false,
    sasl: options.sasl ?? null,
    connectMs: limits.connectMs,
    answerMs: limits.answerMs,
    logger,
  };
  const brokers = options.brokers.map(hostPort);
  const cluster = new Cluster({ brokers, lane, limits, clock, logger });
  try {
    await firstAnswer(cluster, options);
  } catch (error) {
    cluster.close();
    throw error;
  }
  return new KafkaLog(cluster);
}

async function firstAnswer(cluster: Cluster, { brokers, tls, sasl }: KafkaLogOptions): Promise<void> {
  const { openMs } = cluster.limits;
  const endMs = performance.now() + openMs;
  for (;;) {
    try {
      await cluster.metadata([]);
      return;
    } catch (error) {
      if (error instanceof CredentialsRefused) throw weirError(error, 'the broker refused the connection');
      const failure = weirError(error, 'no broker answers');
      if (failure.disposition !== 'retry') throw failure;
      if (performance.now() + SEED_PAUSE_MS < endMs) await cluster.clock.sleep(SEED_PAUSE_MS, cluster.signal);
      else throw unreachable(brokers, `${tls ? 'with' : 'without'} TLS, ${sasl?.mechanism ?? 'no SASL'}`, error);
    }
  }
}

function unreachable(brokers: readonly string[], how: string, error: unknown): WeirError {
  const detail = error instanceof Error ? error.message : String(error);
  const advice = 'look at transport.brokers, and whether that listener wants transport.tls or transport.sasl';
  const message = `no broker of ${brokers.join(', ')} answers (${how}): ${detail}; ${advice}`;
  return new WeirError('WEIR_TRANSPORT_UNREACHABLE', message, { brokers: brokers.join(',') }, error);
}

function hostPort(address: string): HostPort {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = Number(address.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new WeirError('WEIR_CONFIG_INVALID', `transport.brokers: ${address} is not host:port`, { address });
  return { host, port };
}

/**
 * `Log` on Kafka. Every call is tried again by itself for `patienceMs`, and then fails with WEIR_TRANSPORT_UNAVAILABLE
 * (try again). WEIR_TRANSPORT_RIGHTS, WEIR_TRANSPORT_CREDENTIALS are fatal. Offsets may have holes.
 */
export class KafkaLog implements log.Log {
  readonly #cluster: Cluster;
  readonly #limits: TopicLimits;
  readonly #producer: Producer;
  readonly #reader: Reader;
  readonly #positions: Positions;
  readonly #members = new Set<GroupMember>();
  #closing: Promise<void> | null = null;
  #isClosed = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#limits = new TopicLimits(cluster);
    this.#producer = new Producer(cluster, this.#limits);
    this.#reader = new Reader(cluster);
    this.#positions = new Positions(cluster);
  }

  /**
   * Topics are made with the broker's append times, no compaction, and the cluster's own replication. Retention of a
   * topic that exists is left as it is.
   */
  async ensureTopics(specs: readonly log.TopicSpec[]): Promise<void> {
    this.#assertOpen();
    await ensureTopics(this.#cluster, specs);
    for (const { name } of specs) this.#limits.forget(name);
  }

  async describe(topic: string): Promise<log.TopicDescription> {
    this.#assertOpen();
    return describeTopic(this.#cluster, topic);
  }

  async produce(
    topic: string,
    partition: number,
    messages: readonly log.OutgoingMessage[],
  ): Promise<readonly log.Offset[]> {
    this.#assertOpen();
    return this.#producer.produce(topic, partition, messages);
  }

  /**
   * A partition that this process was given, and whose session is over, gives nothing: another may be at it. Where it was
   * given by several groups, one that lasts is enough: the others' commits are refused.
   */
  async read(topic: string, partition: number, from: log.Offset, options: log.ReadOptions): Promise<log.ReadResult> {
    this.#assertOpen();
    const members = this.#membersAt(topic, partition);
    for (const { runs } of members) runs.asked(partition);
    let messages: number | null = null;
    let isCaughtUp = false;
    try {
      const result = await this.#reader.read(topic, partition, from, options);
      messages = result.messages.length;
      isCaughtUp = from >= result.bounds.end;
      const isLapsed = members.length > 0 && members.every((member) => member.isLapsed);
      return isLapsed ? { ...result, messages: [] } : result;
    } finally {
      for (const { runs } of members) runs.answered(partition, messages, isCaughtUp);
    }
  }

  async position(group: string, topic: string, partition: number): Promise<log.Offset | null> {
    this.#assertOpen();
    return this.#positions.position(group, topic, partition);
  }

  /**
   * As the member that this process is, if it is one: WEIR_TRANSPORT_FENCED when the partition is not its own any more.
   * Without a membership a group that has members elsewhere refuses, with the same error.
   */
  async commit(group: string, topic: string, partition: number, next: log.Offset): Promise<void> {
    this.#assertOpen();
    const members = [...this.#members].filter((member) => member.group === group && member.topic === topic);
    const [first] = members;
    if (first === undefined) return this.#positions.commit(group, topic, partition, next);
    const owner = members.find((member) => member.owns(partition)) ?? first;
    owner.committer(partition);
    await this.#positions.commit(group, topic, partition, next, owner);
  }

  async join(
    group: string,
    topic: string,
    run: (assignment: log.Assignment) => Promise<void>,
  ): Promise<log.Membership> {
    this.#assertOpen();
    await this.#cluster.patiently(`cannot join ${group} at ${topic}`, { topic }, () => this.#cluster.topic(topic));
    this.#assertOpen();
    const member = new GroupMember({
      cluster: this.#cluster,
      group,
      topic,
      run,
      reset: () => {
        this.#cluster.reset();
        this.#reader.reset();
      },
      left: (left) => this.#members.delete(left),
    });
    this.#members.add(member);
    return member;
  }

  /** What the brokers do not take within `patienceMs` fails with WEIR_TRANSPORT_CLOSED. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock, limits } = this.#cluster;
    await Promise.all([...this.#members].map((member) => member.leave()));
    this.#isClosed = true;
    // While the brokers are away, calls that wait in line would each have their own patience.
    const timer = new AbortController();
    await Promise.race([this.#producer.settled(), clock.sleep(limits.patienceMs, timer.signal)]);
    timer.abort();
    this.#producer.close();
    this.#cluster.close();
    this.#reader.reset();
    await this.#producer.settled();
  }

  #membersAt(topic: string, partition: number): readonly GroupMember[] {
    return [...this.#members].filter((member) => member.topic === topic && member.owns(partition));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError();
  }
}
