/** The sink from a configuration: the same for `weir sink` and `weir run`. */
import { WeirError } from '../contract/errors.ts';
import { startSink } from '../sink/run.ts';
import { sinkGroup } from './groups.ts';
import { openLakeStore } from './lake-store.ts';
import type { StageParts, StageRun } from './stage-process.ts';
import { topicName } from './topics.ts';

export async function startSinkFrom(
  { log, clock, logger, meter, config }: StageParts,
  lake: string,
): Promise<StageRun> {
  if (config['lake.format'] !== 'parquet') {
    const message = `lake.format is ${config['lake.format']}; this version of Weir writes parquet only`;
    throw new WeirError('WEIR_CONFIG_INVALID', message, { key: 'lake.format' });
  }
  const { store, close } = await openLakeStore(lake, config, logger);
  const stage = await startSink({
    log,
    store,
    clock,
    logger,
    meter,
    enrichedTopic: topicName(config, 'enriched'),
    ownershipTopic: topicName(config, 'ownership'),
    deadLettersTopic: topicName(config, 'deadLetters'),
    group: sinkGroup(config),
    flushAgeMs: config['lake.flushAge'],
    flushRowsMax: config['lake.flushRows'],
  });
  return { stage, close };
}
