/**
 * Membership of a consumer group by Kafka's classic protocol, of our own and not kafkajs' consumer: that one rejoins
 * before user code has drained, hands batches to user code that another member owns already, and ends for good on some
 * errors. Here: drain first, fence second.
 *
 * - A partition that moves is drained by its owner, which then joins again; only then is it given to another member.
 * - A member that was not heard of for a session (SIGSTOP, a cut network) fences itself by the clock: its runs are
 *   aborted, its reads give nothing, its commits are refused, before it has asked anybody.
 * - Whatever fails is tried again, on a coordinator that is looked up anew; only missing rights end it.
 */
import { WeirError } from '../../contract/errors.ts';
import type { Membership, Offset } from '../log.ts';
import { assign } from './assignment.ts';
import type { Cluster } from './cluster.ts';
import { ConnectionLost, remedyOf, weirError } from './faults.ts';
import { FENCED, KAFKA_ERROR, ProtocolError } from './protocol/error-codes.ts';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  heartbeatRequest,
  type Joined,
  joinGroupRequest,
  leaveGroupRequest,
  syncGroupRequest,
} from './protocol/group.ts';
import type { Committing } from './positions.ts';
import type { Committer } from './protocol/offsets.ts';
import type { TopicMetadata } from './protocol/metadata.ts';
import { WireReader, WireWriter } from './protocol/wire.ts';
import { type Run, Runs } from './runs.ts';

const PROTOCOL = 'weir-sticky-1';
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 2_000;
const LEAVE_MS_MAX = 3_000;
/** Beyond the time that members may drain, for their answers. */
const REBALANCE_MARGIN_MS = 10_000;

export interface MemberOptions {
  readonly cluster: Cluster;
  readonly group: string;
  readonly topic: string;
  readonly run: Run;
  /** Before a stalled member begins anew: closes what else is connected. */
  readonly reset: () => void;
  readonly left: (member: GroupMember) => void;
}

export class GroupMember implements Membership, Committing {
  readonly group: string;
  readonly topic: string;
  readonly done: Promise<void>;
  /** Of partitions that are ours, since they are. */
  readonly committed: Map<number, Offset> = new Map();
  readonly #options: MemberOptions;
  readonly #cluster: Cluster;
  readonly #runs: Runs;
  readonly #settle: { resolve(): void; reject(error: unknown): void };
  readonly #end = new AbortController();
  readonly #watch: NodeJS.Timeout;
  readonly #loop: Promise<void>;
  #known: TopicMetadata | null = null;
  #memberId = '';
  #generation = -1;
  /** When the coordinator last counted us in; monotonic, of when we asked. */
  #heardMs: number = performance.now();
  #isLeaving = false;
  #hasFailed = false;
  #mustRejoin = false;
  #lookedMs = 0;
  #leaving: Promise<void> | null = null;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#cluster = options.cluster;
    this.group = options.group;
    this.topic = options.topic;
    this.#runs = new Runs(options.run, (error) => this.#fail(error));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    // Nobody need look at `done`: an unwatched rejection must not end the process.
    promise.catch(() => undefined);
    this.#settle = { resolve, reject };
    this.#watch = setInterval(() => this.#look(), this.#heartbeatMs / 2);
    this.#loop = this.#work();
  }

  owns(partition: number): boolean {
    return this.#runs.has(partition);
  }

  /** The session may be over, and another member at our partitions. */
  get isLapsed(): boolean {
    return performance.now() - this.#heardMs > this.#cluster.limits.sessionMs;
  }

  get runs(): Runs {
    return this.#runs;
  }

  /** @throws WEIR_TRANSPORT_FENCED */
  committer(partition: number): Committer {
    const topicId = this.#known?.id ?? null;
    if (this.owns(partition) && !this.isLapsed)
      return { generation: this.#generation, memberId: this.#memberId, topicId };
    const what = `${this.topic}/${partition} was taken from this member of ${this.group}`;
    throw new WeirError('WEIR_TRANSPORT_FENCED', `${what}; what it did is left to the next owner`, {
      group: this.group,
      topic: this.topic,
      partition,
    });
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  get #heartbeatMs(): number {
    const { heartbeatMs, sessionMs } = this.#cluster.limits;
    return Math.min(heartbeatMs, sessionMs / 3);
  }

  async #leave(): Promise<void> {
    this.#isLeaving = true;
    this.#runs.abort();
    // Heartbeats go on until the last run has committed.
    await this.#runs.ended();
    clearInterval(this.#watch);
    this.#end.abort();
    const isGone = this.#sayGoodbye();
    await Promise.race([Promise.all([this.#loop, isGone]), this.#cluster.clock.sleep(LEAVE_MS_MAX)]);
    this.#settle.resolve();
    this.#options.left(this);
  }

  /** So that others need not wait for the session to end. */
  async #sayGoodbye(): Promise<void> {
    if (this.#memberId === '') return;
    try {
      const node = await this.#cluster.coordinator(this.group);
      await this.#cluster.call(node, 'positions', leaveGroupRequest(this.group, this.#memberId));
    } catch (error) {
      this.#cluster.logger.debug({ group: this.group, problem: String(error) }, 'group_not_left');
    }
  }

  async #work(): Promise<void> {
    let pauseMs = PAUSE_MS_MIN;
    while (!this.#end.signal.aborted) {
      try {
        await this.#rebalance();
        pauseMs = PAUSE_MS_MIN;
        await this.#stay();
      } catch (error) {
        if (this.#end.signal.aborted || this.#cluster.signal.aborted) return;
        if (!(await this.#recover(error))) return;
        await this.#cluster.clock.sleep(pauseMs, this.#end.signal);
        pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
      }
    }
  }

  /** False when there is no way on. */
  async #recover(error: unknown): Promise<boolean> {
    const { group, topic } = this;
    if (error instanceof ProtocolError && error.code === KAFKA_ERROR.rebalanceInProgress) return true;
    if (error instanceof ProtocolError && FENCED.has(error.code)) {
      this.#cluster.logger.warn({ group, topic, code: error.code }, 'member_fenced');
      if (error.code === KAFKA_ERROR.unknownMemberId) this.#memberId = '';
      await this.#loseAll();
      return true;
    }
    const failure = weirError(error, `cannot be a member of ${group}`, { group, topic });
    if (failure.disposition !== 'retry' && (remedyOf(error) === 'none' || this.isLapsed)) {
      this.#fail(failure);
      await this.#loseAll();
      return false;
    }
    this.#cluster.forgetCoordinator(group);
    this.#cluster.logger.warn({ group, topic, problem: failure.message }, 'group_unavailable');
    if (this.isLapsed) await this.#loseAll();
    return true;
  }

  /** One round: join, assign where we lead, take what is ours, drain what is not any more. */
  async #rebalance(): Promise<void> {
    this.#mustRejoin = false;
    const topic = await this.#topicNow();
    const joined = await this.#join();
    const askedMs = performance.now();
    const assignments = joined.leaderId === joined.memberId ? await this.#assignments(joined) : new Map();
    const identity = { group: this.group, generation: joined.generation, memberId: joined.memberId };
    const bytes = await this.#call(syncGroupRequest(identity, assignments), this.#cluster.limits.sessionMs);
    this.#heardMs = askedMs;
    const mine = new Set(decodeAssignment(bytes, this.topic));
    const taken = this.#runs.partitions.filter((partition) => !mine.has(partition));
    for (const partition of mine) {
      if (this.#isLeaving || this.#hasFailed) continue;
      // While we waited for the others our session was over by the clock, which ended the run; we are counted in after all.
      if (this.#runs.isAborted(partition)) this.#runs.letGo(partition);
      if (this.#runs.has(partition)) continue;
      this.committed.delete(partition);
      this.#runs.start({ topic: this.topic, topicId: topic.id, partition });
    }
    const { group, topic: name } = this;
    this.#cluster.logger.info({ group, topic: name, generation: joined.generation, partitions: [...mine] }, 'joined');
    if (taken.length === 0) return;
    await this.#whileHeard(this.#drain(taken));
    this.#mustRejoin = true;
  }

  async #join(): Promise<Joined> {
    const { sessionMs, drainMs } = this.#cluster.limits;
    const rebalanceMs = drainMs + REBALANCE_MARGIN_MS;
    for (;;) {
      const metadata = encodeSubscription({ topics: [this.topic], userData: encodeOwned(this.#runs.partitions) });
      const { group } = this;
      const asked = { group, sessionMs, rebalanceMs, memberId: this.#memberId, protocol: PROTOCOL, metadata };
      const answer = await this.#call(joinGroupRequest(asked), rebalanceMs);
      this.#memberId = answer.memberId;
      if (!('generation' in answer)) continue;
      // We are in the new generation from here on, and may commit in it.
      this.#generation = answer.generation;
      this.#heardMs = performance.now();
      return answer;
    }
  }

  async #assignments({ members }: Joined): Promise<ReadonlyMap<string, Uint8Array>> {
    const byTopic = new Map<string, { id: string; owned: readonly number[] }[]>();
    for (const { memberId, metadata } of members) {
      const { topics, userData } = decodeSubscription(metadata);
      for (const topic of topics) {
        const claim = { id: memberId, owned: decodeOwned(userData) };
        byTopic.set(topic, [...(byTopic.get(topic) ?? []), claim]);
      }
    }
    const assignments = new Map<string, Uint8Array>();
    for (const [topic, claims] of byTopic) {
      const { partitions } = await this.#cluster.topic(topic);
      for (const [id, given] of assign(claims, partitions.length)) assignments.set(id, encodeAssignment(topic, given));
    }
    return assignments;
  }

  /** Heartbeats until there is to be another round. */
  async #stay(): Promise<void> {
    while (!this.#end.signal.aborted && !this.#mustRejoin) {
      await this.#cluster.clock.sleep(this.#heartbeatMs, this.#end.signal);
      if (this.#end.signal.aborted) return;
      if (this.isLapsed) throw new ConnectionLost('the session is over');
      await this.#heartbeat();
      await this.#lookAtTopic();
      // By our clock the session was over while a heartbeat was under way; the coordinator (a new one, perhaps) took it.
      if (!this.#isLeaving && !this.#hasFailed && this.#runs.hasAborted) this.#mustRejoin = true;
    }
  }

  /** A lost connection is tried again until the session is over. */
  async #heartbeat(): Promise<void> {
    const { group } = this;
    const askedMs = performance.now();
    try {
      await this.#call(heartbeatRequest({ group, generation: this.#generation, memberId: this.#memberId }));
      this.#heardMs = askedMs;
    } catch (error) {
      if (error instanceof ProtocolError && error.code === KAFKA_ERROR.rebalanceInProgress) {
        // Heard all the same: the coordinator counts us in until it stops waiting for us.
        this.#heardMs = askedMs;
        this.#mustRejoin = true;
        return;
      }
      const remedy = remedyOf(error);
      if (remedy === 'none' || this.isLapsed) throw error;
      this.#cluster.forgetCoordinator(group);
      this.#cluster.logger.debug({ group, problem: String(error) }, 'heartbeat_tried_again');
    }
  }

  /** Whether the topic has other partitions now, or another id. */
  async #lookAtTopic(): Promise<void> {
    if (performance.now() - this.#lookedMs < this.#cluster.limits.metadataMs || this.#known === null) return;
    this.#lookedMs = performance.now();
    try {
      const now = await this.#cluster.askTopic(this.topic);
      const { id, partitions } = this.#known;
      if (now.id !== id || now.partitions.length !== partitions.length) this.#mustRejoin = true;
    } catch (error) {
      this.#cluster.logger.debug({ topic: this.topic, problem: String(error) }, 'topic_not_seen');
    }
  }

  /** A topic that was made anew has nothing in common with the one that the runs are at. */
  async #topicNow(): Promise<TopicMetadata> {
    const topic = await this.#cluster.askTopic(this.topic);
    this.#lookedMs = performance.now();
    if (this.#known !== null && this.#known.id !== topic.id) await this.#loseAll();
    this.#known = topic;
    return topic;
  }

  async #loseAll(): Promise<void> {
    await this.#drain(this.#runs.partitions);
    this.#generation = -1;
  }

  async #drain(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return;
    const { limits, clock, logger } = this.#cluster;
    const inTime = await this.#runs.drain(partitions, limits.drainMs, clock);
    if (!inTime) logger.error({ group: this.group, topic: this.topic, partitions }, 'run_not_drained_in_time');
  }

  /** The coordinator must hear of us while we drain. */
  async #whileHeard(work: Promise<void>): Promise<void> {
    const stop = new AbortController();
    const hearing = (async () => {
      while (!stop.signal.aborted) {
        await this.#cluster.clock.sleep(this.#heartbeatMs, stop.signal);
        if (!stop.signal.aborted) await this.#heartbeat();
      }
    })();
    // What a heartbeat says meanwhile is said again by the next one; the drain comes first.
    hearing.catch((error: unknown) => this.#cluster.logger.debug({ problem: String(error) }, 'heartbeat_failed'));
    await work;
    stop.abort();
  }

  /** By the clock alone, whatever calls are under way. */
  #look(): void {
    const { limits, logger } = this.#cluster;
    if (this.isLapsed) {
      this.#runs.abort();
      return;
    }
    const partition = this.#runs.stalled(limits.stallMs);
    if (partition === null) return;
    logger.error({ group: this.group, topic: this.topic, partition, stallMs: limits.stallMs }, 'partition_stalled');
    // A new member on new connections, by way of a session that is over.
    this.#heardMs = -Infinity;
    this.#runs.abort();
    this.#options.reset();
  }

  async #call<T>(request: Parameters<Cluster['call']>[2] & { read(answer: Buffer): T }, extraMs = 0): Promise<T> {
    const node = await this.#cluster.coordinator(this.group);
    return this.#cluster.call(node, `group/${this.group}/${this.topic}`, request, extraMs);
  }

  #fail(error: unknown): void {
    const { group, topic } = this;
    if (this.#hasFailed) this.#cluster.logger.error({ err: error, group, topic }, 'partition run failed');
    this.#hasFailed = true;
    this.#settle.reject(error);
  }
}

function encodeOwned(partitions: readonly number[]): Buffer {
  const writer = new WireWriter();
  return writer.array(partitions, (partition) => writer.int32(partition)).written;
}

/** Empty for members that say nothing of it. */
function decodeOwned(userData: Uint8Array): readonly number[] {
  if (userData.length === 0) return [];
  const reader = new WireReader(Buffer.from(userData));
  return reader.array(() => reader.int32());
}
