import { join } from 'node:path';
import { type Command, type Invocation, type Status, textFlag, usageError } from '../command.ts';
import { openDataFolder } from '../data-folder.ts';
import { LOG_FILE } from '../reading.ts';
import { runStageProcess } from '../stage-process.ts';

export const command: Command = {
  usage: `weir sink: enriched flows and claims of ownership become tables

Any number of sinks may run at once. A sink that was killed loses nothing and repeats nothing.

USAGE
  weir sink [--config weir.yaml] [--data DIR]

FLAGS
  --data DIR  DIR/log and DIR/lake, where transport.path and lake.uri are empty

EXAMPLES
  weir sink --config weir.yaml
  weir sink --data /var/lib/weir --lake-flush-age 10s
`,
  options: { data: { type: 'string' } },
  sections: ['', 'transport', 'lake', 'privacy', 'metrics', 'log'],
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const data = textFlag(invocation, 'data');
  const folder = data === null ? null : openDataFolder(data);
  const lake = invocation.config['lake.uri'] || folder?.lake;
  if (lake === undefined) throw usageError('weir sink needs --lake-uri or --data; see weir sink --help');
  const logFile = folder === null ? null : join(folder.log, LOG_FILE);
  const { startSinkFrom } = await import('../sink-parts.ts');
  return runStageProcess(invocation, 'sink', logFile, (parts) => startSinkFrom(parts, lake));
}
