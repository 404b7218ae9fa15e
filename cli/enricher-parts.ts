/** The enricher from a configuration: the same for `weir enricher` and `weir run`. */
import type { Config } from '../contract/config-table.ts';
import { WeirError } from '../contract/errors.ts';
import { HISTORY_DEFAULTS } from '../enricher/ownership/history.ts';
import { defaultWorkers, startEnricher } from '../enricher/run.ts';
import { enricherGroup } from './groups.ts';
import type { StageParts, StageRun } from './stage-process.ts';
import { topicName } from './topics.ts';

/** Set, it would be ignored in silence: labels are the watcher's to send. */
function refuseNotYet(config: Config): void {
  if (config['enricher.labels'].length === 0) return;
  const message = 'enricher.labels is set; this version of Weir does not have it yet, leave it out';
  throw new WeirError('WEIR_CONFIG_INVALID', message, { key: 'enricher.labels' });
}

export async function startEnricherFrom({ log, clock, logger, meter, config }: StageParts): Promise<StageRun> {
  refuseNotYet(config);
  const stage = await startEnricher({
    log,
    clock,
    logger,
    meter,
    workers: config['enricher.workers'] || defaultWorkers(),
    holdMs: config['enricher.hold'],
    ownershipTopic: topicName(config, 'ownership'),
    rawTopic: topicName(config, 'raw'),
    enrichedTopic: topicName(config, 'enriched'),
    deadLetterTopic: topicName(config, 'deadLetters'),
    group: enricherGroup(config),
    history: { ...HISTORY_DEFAULTS, clockSkewMs: config['enricher.clockSkew'] },
    cluster: config.cluster,
    network: config.network || config.cluster,
    tables: config['enricher.tables'],
    geoip: config['enricher.geoip'],
    externalAddresses: config['privacy.externalAddresses'],
  });
  return { stage };
}
