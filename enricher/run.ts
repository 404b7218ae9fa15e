/** The enricher as a stage: the ownership topic into the workers, the raw topic through them into the enriched one. */
import { availableParallelism } from 'node:os';
import type { Clock } from '../contract/clock.ts';
import { WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import type { Stage } from '../contract/stage.ts';
import type { Log, Membership, Message } from '../transport/log.ts';
import type { GeoMemory } from './geo/geo-table.ts';
import { EnricherMeter } from './measure.ts';
import { OwnershipFollower } from './ownership-follower.ts';
import type { HistoryOptions } from './ownership/history.ts';
import { PartitionRun } from './partition.ts';
import type { ExternalAddresses } from './privacy.ts';
import { PoisonRate } from './poison.ts';
import { EnricherPool } from './pool.ts';
import type { Shared } from './shared.ts';
import { StaticPublisher } from './tables/static-publisher.ts';
import { TableFiles } from './tables/table-files.ts';

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
  /** Cluster and network that static tables are told under; needed with `tables`. */
  readonly cluster?: string;
  readonly network?: string;
  /** Files of static tables, and MMDB files. */
  readonly tables?: readonly string[];
  readonly geoip?: readonly string[];
  /** What becomes of public addresses once the owners are known; other than `keep`, dead letters have no value. */
  readonly externalAddresses?: ExternalAddresses;
}

/** One thread is the log's. */
export const defaultWorkers = (): number => Math.max(1, availableParallelism() - 1);

/**
 * Resolves once every claim that the ownership topic held is in the workers and the group is joined.
 * `stop` finishes what is ready, commits and leaves.
 * @throws WEIR_TRANSPORT_UNKNOWN_TOPIC, WEIR_TRANSPORT_TOPIC_MISMATCH when the topics do not fit together
 */
export async function startEnricher(options: EnricherOptions): Promise<Stage> {
  const { log, clock, logger, workers } = options;
  const { ownership, raw, deadLetterPartitions } = await topics(options);
  const { history, externalAddresses = 'keep' } = options;
  const pool = new EnricherPool({ workers, externalAddresses, ...(history === undefined ? {} : { history }) });
  const stopping = new AbortController();
  const { signal } = stopping;
  try {
    const publisher = publisherOf(options, signal);
    const observe = (message: Message): void => publisher.observe(message);
    const follower = new OwnershipFollower({ log, clock, logger, pool, topic: ownership, signal, observe });
    const files = tableFiles(options, publisher, pool);
    await follower.catchUp();
    await files.start();
    // What the tables say is known before the first flow is joined.
    await follower.catchUp((await log.describe(ownership.name)).partitions[0]?.end);
    logger.info({ ownershipNext: pool.position, workers }, 'ownership_read');
    const shared: Shared = {
      ...{ log, clock, logger, pool, poison: new PoisonRate(), holdMs: options.holdMs },
      groupId: `${options.group}.${raw.id}`,
      ownershipTopicId: ownership.id,
      enrichedTopic: options.enrichedTopic,
      deadLetterTopic: options.deadLetterTopic,
      deadLetterPartitions,
      keepsRefused: externalAddresses === 'keep',
    };
    const meter = new EnricherMeter(options.meter, logger);
    const membership = await log.join(shared.groupId, options.rawTopic, (assignment) =>
      new PartitionRun(shared, assignment, meter.partition(assignment.partition)).run(),
    );
    const following = Promise.all([follower.follow(), files.follow(signal)]).then(() => undefined);
    return stageOf(pool, membership, following, stopping);
  } catch (cause) {
    stopping.abort();
    await pool.close();
    throw cause;
  }
}

function publisherOf(options: EnricherOptions, signal: AbortSignal): StaticPublisher {
  const { log, clock, logger, ownershipTopic: topic, cluster = '' } = options;
  return new StaticPublisher({ log, clock, logger, topic, cluster, signal });
}

function tableFiles(options: EnricherOptions, publisher: StaticPublisher, pool: EnricherPool): TableFiles {
  const { clock, logger, meter, tables = [], geoip = [], network = '' } = options;
  const onGeo = (memory: GeoMemory): void => {
    pool.geo = memory;
  };
  return new TableFiles({ tables, geoip, network, clock, logger, meter, publisher, onGeo });
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
    throw new WeirError('WEIR_TRANSPORT_TOPIC_MISMATCH', message, { rawTopic, enrichedTopic });
  }
  return { ownership, raw, deadLetterPartitions: deadLetters.partitions.length };
}
