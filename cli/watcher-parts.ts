/** The watcher from a configuration. */
import { hostname } from 'node:os';
import { startWatcher } from '../watcher/run.ts';
import type { StageParts, StageRun } from './stage-process.ts';
import { topicName } from './topics.ts';

/** Two watchers that are alive at once must not have one name: in a cluster the host's is the pod's. */
const watcherName = (): string =>
  `watcher-${hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 96)}`;

export async function startWatcherFrom({ log, clock, logger, meter, config }: StageParts): Promise<StageRun> {
  const stage = await startWatcher({
    log,
    clock,
    logger,
    meter,
    cluster: config.cluster,
    network: config.network,
    name: watcherName(),
    kubeconfig: config['watcher.kubeconfig'],
    labels: config['enricher.labels'],
    ownershipTopic: topicName(config, 'ownership'),
    heartbeatMs: config['sidecar.heartbeat'],
  });
  return { stage };
}
