import { join } from 'node:path';
import { type Command, type Invocation, type Status, textFlag } from '../command.ts';
import { openDataFolder } from '../data-folder.ts';
import { LOG_FILE } from '../reading.ts';
import { runStageProcess } from '../stage-process.ts';

export const command: Command = {
  usage: `weir enricher: raw flows and claims of ownership become enriched flows

Any number of enrichers may run at once; they share the partitions.

USAGE
  weir enricher [--config weir.yaml] [--data DIR]

FLAGS
  --data DIR  DIR/log, where transport.path is empty

EXAMPLES
  weir enricher --config weir.yaml
  weir enricher --data /var/lib/weir --enricher-hold 10s
`,
  options: { data: { type: 'string' } },
  sections: ['', 'transport', 'enricher', 'privacy', 'metrics', 'log'],
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const data = textFlag(invocation, 'data');
  const logFile = data === null ? null : join(openDataFolder(data).log, LOG_FILE);
  const { startEnricherFrom } = await import('../enricher-parts.ts');
  return runStageProcess(invocation, 'enricher', logFile, startEnricherFrom);
}
