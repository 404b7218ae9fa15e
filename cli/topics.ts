/** The topics of CONTRACT with their retention and limits, from the configuration. */
import type { Config } from '../contract/config-table.ts';
import { WeirError } from '../contract/errors.ts';
import { ENRICHED_MESSAGE_BYTES_MAX, OWNERSHIP_MESSAGE_BYTES_MAX, RAW_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import { type Log, TOPICS, type TopicSpec } from '../transport/log.ts';

/** Claims are kept longer than flows by this: a batch at the edge of retention still finds who held its addresses. */
const OWNERSHIP_LONGER_MS = 2 * 3_600_000;
const DEAD_LETTER_LONGER_MS = 7 * 24 * 3_600_000;

export const topicName = (config: Pick<Config, 'transport.topicPrefix'>, topic: keyof typeof TOPICS): string =>
  config['transport.topicPrefix'] + TOPICS[topic];

/** All four, and that of single flows where it is asked for; `partitions` of those that flows go through. */
export function topicSpecs(config: Config, partitions: number = config['transport.partitions']): readonly TopicSpec[] {
  const retentionMs = config['transport.retention'];
  const retentionBytes = config['transport.retentionBytes'];
  const raw = { retentionMs, retentionBytes, partitions };
  const flows = { ...raw, name: topicName(config, 'flows'), messageBytesMax: RAW_MESSAGE_BYTES_MAX };
  return [
    ...(config['transport.flowTopic'] ? [flows] : []),
    { ...raw, name: topicName(config, 'raw'), messageBytesMax: RAW_MESSAGE_BYTES_MAX },
    { ...raw, name: topicName(config, 'enriched'), messageBytesMax: ENRICHED_MESSAGE_BYTES_MAX },
    {
      name: topicName(config, 'ownership'),
      partitions: 1,
      retentionMs: retentionMs + OWNERSHIP_LONGER_MS,
      retentionBytes: null,
      messageBytesMax: OWNERSHIP_MESSAGE_BYTES_MAX,
    },
    {
      name: topicName(config, 'deadLetters'),
      partitions: 1,
      retentionMs: retentionMs + DEAD_LETTER_LONGER_MS,
      retentionBytes,
      messageBytesMax: ENRICHED_MESSAGE_BYTES_MAX,
    },
  ];
}

/**
 * Make what is not there. Topics that exist keep their number of partitions, whatever the configuration says of new ones.
 * WEIR_TRANSPORT_*.
 */
export async function ensureTopics(log: Log, config: Config): Promise<void> {
  let partitions: number | undefined;
  try {
    partitions = (await log.describe(topicName(config, 'raw'))).partitions.length;
  } catch (error) {
    if (!(error instanceof WeirError) || error.code !== 'WEIR_TRANSPORT_UNKNOWN_TOPIC') throw error;
  }
  await log.ensureTopics(topicSpecs(config, partitions));
}
