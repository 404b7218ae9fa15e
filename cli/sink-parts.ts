/** The sink from a configuration: the same for `weir sink` and `weir run`. */
import { openAvroFormat } from '../sink/format/avro.ts';
import { openParquetFormat } from '../sink/format/parquet.ts';
import { hiderOf, privateFormat } from '../sink/format/private-format.ts';
import { startSink } from '../sink/run.ts';
import type { Log } from '../transport/log.ts';
import { sinkGroup } from './groups.ts';
import { openLakeStore } from './lake-store.ts';
import type { StageParts, StageRun } from './stage-process.ts';
import { topicName } from './topics.ts';

/** `flowTopicLog`: the log of the consumer of `transport.flowTopic`, where that of the lake is watched. */
export async function startSinkFrom(
  { log, clock, logger, meter, config }: StageParts,
  lake: string,
  flowTopicLog: Log = log,
): Promise<StageRun> {
  const privacy = {
    externalAddresses: config['privacy.externalAddresses'],
    dropColumns: config['privacy.dropColumns'],
  };
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
    keepsRefused: privacy.externalAddresses === 'keep',
    group: sinkGroup(config),
    flushAgeMs: config['lake.flushAge'],
    flushRowsMax: config['lake.flushRows'],
    format: privateFormat(config['lake.format'] === 'avro' ? openAvroFormat() : openParquetFormat(), privacy),
    flowTopic: config['transport.flowTopic']
      ? { topic: topicName(config, 'flows'), hide: hiderOf(privacy), log: flowTopicLog }
      : null,
  });
  return { stage, close };
}
