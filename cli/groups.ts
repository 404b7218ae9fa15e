/** Names of the consumer groups. Positions belong to a topic's id, so a topic that was made anew starts from its begin. */
import type { Config } from '../contract/config-table.ts';
import type { ChainTable } from '../schemas/objects.ts';

export const enricherGroup = (config: Pick<Config, 'transport.topicPrefix'>): string =>
  `${config['transport.topicPrefix']}enricher`;

/** As the enricher joins it (enricher/run.ts): with the raw topic's id. */
export const enricherGroupOf = (config: Pick<Config, 'transport.topicPrefix'>, rawTopicId: string): string =>
  `${enricherGroup(config)}.${rawTopicId}`;

export const sinkGroup = (config: Pick<Config, 'transport.topicPrefix'>): string =>
  `${config['transport.topicPrefix']}sink`;

/** The sink reads its two topics as two groups (sink/run.ts). */
export const sinkGroupOf = (config: Pick<Config, 'transport.topicPrefix'>, table: ChainTable): string =>
  table === 'flows' ? sinkGroup(config) : `${sinkGroup(config)}.ownership`;
