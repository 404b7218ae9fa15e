/** The enricher from a configuration: the same for `weir enricher` and `weir run`. */
import type { Config } from '../contract/config-table.ts';
import { WeirError } from '../contract/errors.ts';
import { defaultWorkers, startEnricher } from '../enricher/run.ts';
import { enricherGroup } from './groups.ts';
import type { StageParts, StageRun } from './stage-process.ts';
import { topicName } from './topics.ts';

/** Keys of what comes with the tables of the internet and with Kubernetes: set, they would be ignored in silence. */
const NOT_YET = ['enricher.tables', 'enricher.geoip', 'privacy.dropColumns'] as const;

function refuseNotYet(config: Config): void {
  const key = NOT_YET.find((name) => config[name].length > 0);
  const found = key ?? (config['privacy.externalAddresses'] === 'keep' ? undefined : 'privacy.externalAddresses');
  if (found === undefined) return;
  throw new WeirError(
    'WEIR_CONFIG_INVALID',
    `${found} is set; this version of Weir does not have it yet, leave it out`,
    {
      key: found,
    },
  );
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
  });
  return { stage };
}
