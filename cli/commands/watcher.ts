import { join } from 'node:path';
import { type Command, type Invocation, type Status, textFlag } from '../command.ts';
import { openDataFolder } from '../data-folder.ts';
import { LOG_FILE } from '../reading.ts';
import { runStageProcess } from '../stage-process.ts';

export const command: Command = {
  usage: `weir watcher: tells which pod a UID is, and what the addresses of pods, services and nodes are

One or two a cluster; several alive at once do no harm. Needs get, list and watch on pods, nodes, services,
endpointslices, replicasets and jobs; get on what owns pods besides (deployments, statefulsets, daemonsets, cronjobs,
custom resources): where that is not granted, the owner that is known is named. Labels: enricher.labels.

USAGE
  weir watcher [--config weir.yaml] [--data DIR]

FLAGS
  --data DIR  DIR/log, where transport.path is empty

EXAMPLES
  weir watcher --config weir.yaml
  weir watcher --data /var/lib/weir --watcher-kubeconfig ~/.kube/config
`,
  options: { data: { type: 'string' } },
  sections: ['', 'transport', 'watcher', 'metrics', 'log'],
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const data = textFlag(invocation, 'data');
  const logFile = data === null ? null : join(openDataFolder(data).log, LOG_FILE);
  const { startWatcherFrom } = await import('../watcher-parts.ts');
  return runStageProcess(invocation, 'watcher', logFile, startWatcherFrom);
}
