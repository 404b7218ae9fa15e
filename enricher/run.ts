/** The enricher as a stage: the ownership topic into the workers, the raw topic through them into the enriched one. */
import { availableParallelism } from 'node:os';
import type { Clock } from '../contract/clock.ts';
import { WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import type { Stage } from '../contract/stage.ts';
import type { Log, Membership } from '../transport/log.ts';
import { EnricherMeter } from './measure.ts';
import { OwnershipFollower } from './ownership-follower.ts';
import type { HistoryOptions } from './ownership/history.ts';
import { PartitionRun } from './partition.ts';
import { PoisonRate } from './poison.ts';
import { EnricherPool } from './pool.ts';
import type { Shared } from './shared.ts';

export interface EnricherOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  /** Threads that join; see `defaultWorkers`. */
  readonly workers: number;
  /** How long a raw message waits for claims, from when it can be read. */
  readonly holdMs: number;
  /** Topics by their whole names. */
  readonly ownershipTopic: string;
  readonly rawTopic: string;
  readonly enrichedTopic: string;
  readonly deadLetterTopic: string;
  /** The raw topic's id is added: offsets of a topic that was made anew are others. */
  readonly group: string;
  readonly history?: HistoryOptions;
}

/** One thread is the log's. */
export const defaultWorkers = (): number => Math.max(1, availableParallelism() - 1);

/**
 * Resolves once every claim that the ownership topic held is in the workers and the group is joined.
 * `stop` finishes what is ready, commits and leaves.
 * @throws WEIR_TRANSPORT_UNKNOWN_TOPIC, WEIR_CONFIG_INVALID when the topics do not fit together
 */
export async function startEnricher(options: EnricherOptions): Promise<Stage> {
  const { log, clock, logger, workers } = options;
  const { ownership, raw, deadLetterPartitions } = await topics(options);
  const history = options.history;
  const pool = new EnricherPool(history === undefined ? { workers } : { workers, history });
  const stopping = new AbortController();
  const { signal } = stopping;
  try {
    const follower = new OwnershipFollower({ log, clock, logger, pool, topic: ownership, signal });
    await follower.catchUp();
    logger.info({ ownershipNext: pool.position, workers }, 'ownership_read');
    const shared: Shared = {
      ...{ log, clock, logger, pool, poison: new PoisonRate(), holdMs: options.holdMs },
      groupId: `${options.group}.${raw.id}`,
      ownershipTopicId: ownership.id,
      enrichedTopic: options.enrichedTopic,
      deadLetterTopic: options.deadLetterTopic,
      deadLetterPartitions,
    };
    const meter = new EnricherMeter(options.meter, logger);
    const membership = await log.join(shared.groupId, options.rawTopic, (assignment) =>
      new PartitionRun(shared, assignment, meter.partition(assignment.partition)).run(),
    );
    return stageOf(pool, membership, follower.follow(), stopping);
  } catch (cause) {
    stopping.abort();
    await pool.close();
    throw cause;
  }
}

function stageOf(
  pool: EnricherPool,
  membership: Membership,
  following: Promise<void>,
  stopping: AbortController,
): Stage {
  const close = async (): Promise<void> => {
    await membership.leave();
    stopping.abort();
    await following.catch(() => undefined);
    await pool.close();
  };
  let closing: Promise<void> | null = null;
  const stop = (): Promise<void> => (closing ??= close());
  // The follower ends only by an error or by `stop`.
  const done = Promise.race([membership.done, following.then(() => membership.done)]).then(
    stop,
    async (cause: unknown) => {
      await stop();
      throw cause;
    },
  );
  done.catch(() => undefined);
  return { name: 'enricher', done, stop };
}

async function topics({ log, ownershipTopic, rawTopic, enrichedTopic, deadLetterTopic }: EnricherOptions) {
  const [ownership, raw, enriched, deadLetters] = await Promise.all(
    [ownershipTopic, rawTopic, enrichedTopic, deadLetterTopic].map((topic) => log.describe(topic)),
  );
  if (ownership === undefined || raw === undefined || enriched === undefined || deadLetters === undefined) {
    throw new WeirError('WEIR_INTERNAL', 'a topic has no description');
  }
  if (raw.partitions.length !== enriched.partitions.length) {
    const message = `${rawTopic} has ${raw.partitions.length} partitions and ${enrichedTopic} ${enriched.partitions.length}; they must have as many`;
    throw new WeirError('WEIR_CONFIG_INVALID', message);
  }
  return { ownership, raw, deadLetterPartitions: deadLetters.partitions.length };
}
