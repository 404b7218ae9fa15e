import { type Command, durationFlag, type Invocation, type Status, textFlag, usageError } from '../command.ts';
import { DEFAULT_DATA, holdDataFolder, openDataFolder } from '../data-folder.ts';
import { recordingSource } from '../recording-source.ts';

export const command: Command = {
  usage: `weir run: all stages in one process, on a local log and lake

Captures this machine's connections with eBPF until Ctrl-C (needs root), or plays a recording and ends.
What was captured is in the lake when it ends.

USAGE
  weir run [--data DIR] [--for 5m] [--source ebpf|recording:FILE]

FLAGS
  --data DIR       the data folder (default weir-data): DIR/log and DIR/lake
  --for DURATION   end by itself after so long
  --source SOURCE  ebpf (default), recording:FILE (made by weir record), or recording-part:FILE: what is
                   whole of one whose recorder was killed

Other defaults than the table's: lake.flushAge 2s, sidecar.ringBytes 16MiB, log.level warn, log.format text.

EXAMPLES
  sudo npx weir run
  weir run --for 1m --data /tmp/weir --metrics-listen off
  weir run --source recording:FILE
`,
  options: { data: { type: 'string' }, for: { type: 'string' }, source: { type: 'string' } },
  sections: ['', 'transport', 'lake', 'sidecar', 'enricher', 'privacy', 'metrics', 'log'],
  defaults: { 'lake.flushAge': 2000, 'sidecar.ringBytes': 16 * 1024 * 1024, 'log.level': 'warn', 'log.format': 'text' },
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const forMs = durationFlag(invocation, 'for');
  const source = textFlag(invocation, 'source') ?? 'ebpf';
  const recording = recordingSource(source);
  if (source !== 'ebpf' && recording === null) {
    throw usageError(`--source is "${source}"; allowed is ebpf, recording:FILE, or recording-part:FILE`);
  }
  const folder = openDataFolder(textFlag(invocation, 'data') ?? DEFAULT_DATA);
  const held = await holdDataFolder(folder);
  try {
    const { runSession } = await import('../run-session.ts');
    return await runSession(folder, invocation, { forMs, recording });
  } finally {
    held.release();
  }
}
