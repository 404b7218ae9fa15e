/** What all partitions of one enricher share. */
import type { Clock } from '../contract/clock.ts';
import type { Logger } from '../contract/log.ts';
import type { Log } from '../transport/log.ts';
import type { PoisonRate } from './poison.ts';
import type { EnricherPool } from './pool.ts';

export interface Shared {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pool: EnricherPool;
  readonly poison: PoisonRate;
  readonly holdMs: number;
  readonly groupId: string;
  readonly ownershipTopicId: string;
  readonly enrichedTopic: string;
  readonly deadLetterTopic: string;
  readonly deadLetterPartitions: number;
  /** False: a refused message's bytes, which may hold addresses, are left out of the dead letters. */
  readonly keepsRefused: boolean;
}
