import { type Command, countFlag, type Invocation, type Status, textFlag, usageError } from '../command.ts';
import { printLine, printRows } from '../output.ts';
import { openLog, openReading } from '../reading.ts';
import { formatCell } from '../table.ts';
import { topicName } from '../topics.ts';

export const command: Command = {
  usage: `weir tail: flows as they arrive, each connection once

Follows the log of a running weir run (or of the stages of a fleet) until Ctrl-C.

USAGE
  weir tail [--data DIR] [TEXT]    only flows where an end's workload, namespace or address has TEXT in it

FLAGS
  --data DIR      the embedded log of this data folder (default weir-data)
  --failed        only what was refused, timed out, unreachable or reset
  --both          both ends' reports, where there are two
  --from-start    from the oldest message that the log has
  --limit N       end after N flows
  --format table|json

EXAMPLES
  weir tail
  weir tail --failed checkout
`,
  options: {
    data: { type: 'string' },
    failed: { type: 'boolean' },
    both: { type: 'boolean' },
    'from-start': { type: 'boolean' },
    limit: { type: 'string' },
    format: { type: 'string' },
  },
  sections: ['transport'],
  operands: 1,
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const { flags, operands, config, signal } = invocation;
  const format = textFlag(invocation, 'format') ?? 'table';
  if (format !== 'table' && format !== 'json') throw usageError(`--format is "${format}"; allowed is table, json`);
  const limit = countFlag(invocation, 'limit', 1e12) ?? Infinity;
  const logFile = config['transport.path'] === '' ? (await openReading(invocation)).logFile : null;
  const log = await openLog(config, logFile);
  const stop = new AbortController();
  signal.addEventListener('abort', () => stop.abort(), { once: true });
  try {
    const { formatTailLine, tailFlows } = await import('../../explore/tail.ts');
    const [text] = operands;
    const filter = {
      failed: flags['failed'] === true,
      bothEnds: flags['both'] === true,
      ...(text === undefined ? {} : { text }),
    };
    const from = flags['from-start'] === true ? 'start' : 'end';
    let shown = 0;
    for await (const flow of tailFlows({
      log,
      topic: topicName(config, 'enriched'),
      from,
      filter,
      signal: stop.signal,
    })) {
      if (format === 'table') printLine(formatCell(formatTailLine(flow)));
      else printRows(Object.keys(flow), [Object.values(flow)], 'json');
      if (++shown >= limit) break;
    }
  } finally {
    stop.abort();
    await log.close();
  }
  return 0;
}
