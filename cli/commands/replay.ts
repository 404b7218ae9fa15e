import { join, resolve } from 'node:path';
import type { ReplayCounts } from '../../enricher/replay-compare.ts';
import { type Command, type Flags, type Invocation, type Status, textFlag, usageError } from '../command.ts';
import { DEFAULT_DATA, findDataFolder, holdDataFolder, openDataFolder } from '../data-folder.ts';
import { printLine, printNotice } from '../output.ts';
import { LOG_FILE } from '../reading.ts';
import { recordingSource } from '../recording-source.ts';
import type { ReplayPlan } from '../replay-session.ts';

export const command: Command = {
  usage: `weir replay: joins a stretch of the raw topic again, into another lake

Each batch is joined with the claims up to the position that the first run recorded, which gives the same rows; or with all
claims that the log holds now (--at latest), which gives the same owners, or owners where there were none. Says which.
Nothing is changed in the log that is read. Countries and systems (enricher.geoip) are those of the files as they are now.

USAGE
  weir replay --into DIR [--data DIR] [--from OFFSET] [--to OFFSET] [--partition N] [--at recorded|latest]
  weir replay --into DIR --source recording:FILE

FLAGS
  --into DIR       a new data folder: its lake gets the rows
  --data DIR       whose log is read (default weir-data); with transport.kind kafka, the brokers are
  --from OFFSET    the first raw offset (default: the oldest)
  --to OFFSET      the raw offset after the last (default: the end)
  --partition N    of one raw partition only
  --at WHEN        recorded (default), or latest
  --source FILE    recording:FILE, made by weir record: runs it through the whole pipeline

Status 1: rows of --at recorded differ, or --at latest took an owner away or named another one.

EXAMPLES
  weir replay --into /tmp/again
  weir replay --into /tmp/better --at latest --from 1000 --to 2000
  weir query --data /tmp/again --pack top-talkers
`,
  options: {
    into: { type: 'string' },
    data: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    partition: { type: 'string' },
    at: { type: 'string' },
    source: { type: 'string' },
  },
  sections: ['', 'transport', 'lake', 'enricher', 'privacy', 'metrics', 'log'],
  defaults: { 'lake.flushAge': 2000, 'log.level': 'warn', 'log.format': 'text', 'metrics.listen': 'off' },
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const { flags } = invocation;
  const intoText = textFlag(invocation, 'into');
  if (intoText === null) throw usageError('--into is missing: the data folder whose lake gets the rows');
  const data = textFlag(invocation, 'data') ?? DEFAULT_DATA;
  const source = textFlag(invocation, 'source');
  const recording = recordingSource(source ?? '');
  if (source !== null && recording === null)
    throw usageError(`--source is "${source}"; allowed is recording:FILE, or recording-part:FILE`);
  if (resolve(intoText) === resolve(data)) throw usageError('--into is the folder that is read; name another');
  const at = textFlag(invocation, 'at') ?? 'recorded';
  if (at !== 'recorded' && at !== 'latest') throw usageError(`--at is "${at}"; allowed are recorded and latest`);
  const from = whole(flags, 'from') ?? 0;
  const to = whole(flags, 'to') ?? Number.MAX_SAFE_INTEGER;
  const folder = recording === null ? findDataFolder(data) : null;
  const logFile = folder === null ? null : join(folder.log, LOG_FILE);
  const plan: ReplayPlan = { logFile, from, to, at, partition: whole(flags, 'partition') };
  const into = openDataFolder(intoText);
  const held = await holdDataFolder(into);
  try {
    if (recording !== null) {
      const { runSession } = await import('../run-session.ts');
      return await runSession(into, invocation, { forMs: null, recording });
    }
    const { replaySession } = await import('../replay-session.ts');
    const counts = await replaySession(invocation, into, plan);
    printCounts(counts, at, intoText);
    if (counts.gone > 0)
      printNotice(`${counts.gone} rows could not be joined again: the log has their raw flows no more`);
    if (at === 'recorded') return counts.same === counts.rows ? 0 : 1;
    return counts.namedNoMore + counts.otherOwner === 0 ? 0 : 1;
  } finally {
    held.release();
  }
}

function printCounts(counts: ReplayCounts, at: 'recorded' | 'latest', into: string): void {
  const { rows, same, namedNow, namedNoMore, otherOwner, otherDetail } = counts;
  const differ = rows - same;
  printLine(
    `${rows} rows joined again ${at === 'recorded' ? 'at the recorded positions' : 'with all claims'}, into ${into}`,
  );
  if (differ === 0) return printLine('every row is the same as the first time');
  printLine(`${same} rows are the same, ${differ} differ:`);
  printLine(`  ends that have an owner now and had none   ${namedNow}`);
  printLine(`  ends that have none now and had one        ${namedNoMore}`);
  printLine(`  ends that have another owner               ${otherOwner}`);
  printLine(`  ends that differ in reason, since or place ${otherDetail}`);
}

function whole(flags: Flags, name: string): number | null {
  const text = flags[name];
  if (text === undefined) return null;
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text))
    throw usageError(`--${name} is "${String(text)}"; a whole number from 0 on`);
  return Number(text);
}
