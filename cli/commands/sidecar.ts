import { join } from 'node:path';
import type { CaptureAddon } from '../../sidecar/native.ts';
import { type Command, type Invocation, type Status, textFlag, usageError } from '../command.ts';
import { openDataFolder } from '../data-folder.ts';
import { printLine } from '../output.ts';
import { LOG_FILE } from '../reading.ts';
import { runStageProcess } from '../stage-process.ts';

export const command: Command = {
  usage: `weir sidecar: captures the connections of this node and claims its addresses

Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; CAP_SYS_PTRACE to see the namespaces of other users.

USAGE
  weir sidecar [--config weir.yaml] [--data DIR] [--replace | --detach]

FLAGS
  --data DIR  DIR/log, where transport.path is empty
  --replace   end the capture that an earlier sidecar has left pinned (what it holds is delivered first), and begin
              with the programs of this version; without it they are adopted, with their ring
  --detach    take everything of Weir out of the kernel, delivered or not, and end

EXAMPLES
  weir sidecar --config weir.yaml
  weir sidecar --data /var/lib/weir --sidecar-node node-1 --sidecar-interval 30s
`,
  options: { data: { type: 'string' }, replace: { type: 'boolean' }, detach: { type: 'boolean' } },
  sections: ['', 'transport', 'sidecar', 'metrics', 'log'],
  run,
};

const TRIM_AFTER_MS = 2000;
const TRIM_EVERY_MS = 10_000;

async function run(invocation: Invocation): Promise<Status> {
  const { flags, config } = invocation;
  if (flags['detach'] === true) return detach(invocation);
  const data = textFlag(invocation, 'data');
  const logFile = data === null ? null : join(openDataFolder(data).log, LOG_FILE);
  const { holdNode, pinFolder } = await import('../sidecar-pin.ts');
  const { loadAddon } = await import('../../sidecar/native.ts');
  const { endPinned, hasEnded, isPinned, openMachine, openSpool, startSidecarFrom } = await import(
    '../sidecar-parts.ts'
  );
  const hold = await holdNode(config);
  try {
    return await runStageProcess(invocation, 'sidecar', logFile, async (parts) => {
      const pin = pinFolder(parts.config, parts.logger);
      const spool = await openSpool(parts.config);
      const more = spool === null ? {} : { spool };
      const isOver = pin !== null && (hasEnded(pin) || (flags['replace'] === true && isPinned(pin)));
      if (isOver) await endPinned(parts, pin, more);
      const run = await startSidecarFrom(parts, openMachine(parts.config, parts.logger, pin), more);
      trimNowAndThen(loadAddon());
      return spool === null ? run : { ...run, close: () => spool.log.close() };
    });
  } finally {
    hold.release();
  }
}

/** Starting, and compiling later on, take a third of the program's text and memory of malloc for once: given back. */
function trimNowAndThen(addon: Pick<CaptureAddon, 'trim'>): void {
  setTimeout(() => addon.trim(), TRIM_AFTER_MS).unref();
  setInterval(() => addon.trim(), TRIM_EVERY_MS).unref();
}

async function detach({ flags, config }: Invocation): Promise<Status> {
  if (flags['replace'] === true) throw usageError('weir sidecar takes --replace or --detach, not both');
  const { detachAll } = await import('../sidecar-pin.ts');
  const folders = detachAll(config);
  printLine(
    folders.length === 0 ? 'nothing of Weir is pinned in the kernel' : `taken out of the kernel: ${folders.join(', ')}`,
  );
  return 0;
}
