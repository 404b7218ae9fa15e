import { join } from 'node:path';
import { type Command, type Invocation, type Status, textFlag } from '../command.ts';
import { openDataFolder } from '../data-folder.ts';
import { LOG_FILE } from '../reading.ts';
import { runStageProcess } from '../stage-process.ts';

export const command: Command = {
  usage: `weir sidecar: captures the connections of this node and claims its addresses

Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; CAP_SYS_PTRACE to see the namespaces of other users.

USAGE
  weir sidecar [--config weir.yaml] [--data DIR]

FLAGS
  --data DIR  DIR/log, where transport.path is empty

EXAMPLES
  weir sidecar --config weir.yaml
  weir sidecar --data /var/lib/weir --sidecar-node node-1 --sidecar-interval 30s
`,
  options: { data: { type: 'string' } },
  sections: ['', 'transport', 'sidecar', 'metrics', 'log'],
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const data = textFlag(invocation, 'data');
  const logFile = data === null ? null : join(openDataFolder(data).log, LOG_FILE);
  const { openMachine, refuseSpool, startSidecarFrom } = await import('../sidecar-parts.ts');
  refuseSpool(invocation.config);
  return runStageProcess(invocation, 'sidecar', logFile, (parts) =>
    startSidecarFrom(parts, openMachine(parts.config, parts.logger)),
  );
}
