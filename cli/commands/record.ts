import { rm } from 'node:fs/promises';
import { systemClock } from '../../contract/clock.ts';
import { type Command, durationFlag, type Invocation, type Status, usageError } from '../command.ts';
import { createLogger } from '../logging.ts';
import { printLine } from '../output.ts';

export const command: Command = {
  usage: `weir record: writes down what this machine's kernel and /proc tell, for weir run --source recording:FILE

Connections with their addresses, counters, process names and cgroup paths; no payload. Needs what capture
needs. The file must not exist. If this is killed, recording-part:FILE plays up to
some 5 s before that.

USAGE
  weir record FILE [--for 1m]

FLAGS
  --for DURATION  end by itself after so long (default: until Ctrl-C)

EXAMPLES
  sudo npx weir record office.weirrec --for 1m
  weir run --source recording:office.weirrec
`,
  options: { for: { type: 'string' } },
  sections: ['', 'sidecar', 'log'],
  defaults: { 'log.level': 'warn', 'log.format': 'text' },
  operands: 1,
  run,
};

/** What a kill costs, against how well larger blocks compress. */
const BLOCK_AGE_US = 5_000_000;

async function run(invocation: Invocation): Promise<Status> {
  const { config, operands, signal } = invocation;
  const [file] = operands;
  if (file === undefined) throw usageError('weir record needs the FILE to write; see weir record --help');
  const forMs = durationFlag(invocation, 'for');
  const { openMachine } = await import('../sidecar-parts.ts');
  const { RecordingWriter } = await import('../../sidecar/recording/writer.ts');
  const { startRecord } = await import('../../sidecar/recording/record.ts');
  const { source, host } = openMachine(config, createLogger(config));
  const writer = new RecordingWriter(file, BLOCK_AGE_US);
  let started = false;
  try {
    const recording = await startRecord({
      writer,
      node: { node: host.node, cluster: config.cluster, network: config.network },
      index: 0,
      source,
      host,
      clock: systemClock,
      intervalMs: config['sidecar.interval'],
      scanMs: config['sidecar.scan'],
      ringPollMs: config['sidecar.ringPoll'],
    });
    started = true;
    const end = forMs === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(forMs)]);
    await Promise.race([recording.done, new Promise((resolve) => end.addEventListener('abort', resolve))]);
    await recording.stop();
    printLine(`${recording.flows} flow records in ${file}; play them: weir run --source recording:${file}`);
  } finally {
    writer.close();
    // Capture was refused: nothing is in it.
    if (!started) await rm(file, { force: true });
  }
  return 0;
}
