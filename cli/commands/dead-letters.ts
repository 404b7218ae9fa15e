import { writeFile } from 'node:fs/promises';
import { systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { parseDuration } from '../../contract/units.ts';
import { choiceFlag, type Command, countFlag, type Invocation, type Status, textFlag, usageError } from '../command.ts';
import type { FoundLetter, LetterFilter } from '../dead-letters.ts';
import { createLogger } from '../logging.ts';
import { type Format, FORMATS, printLine, printResult, printRows } from '../output.ts';
import { openBareLog, openLog, openReading, type Reading } from '../reading.ts';
import { topicName } from '../topics.ts';

export const command: Command = {
  usage: `weir dead-letters: what was refused, and what can come after all

A message that no stage could read lies in the dead-letter topic as it came; the lake tells its flows as lost. Once a Weir
is here that can read it, redrive joins it with the claims that the log still has, and its rows go where they would have gone;
the ledger takes the loss back (reason recovered, a negative number). What the lake does not tell as lost is left alone, so
nothing doubles, however often it is run.

USAGE
  weir dead-letters list [FILTERS]            each with what became of its flows
  weir dead-letters redrive [FILTERS] [--dry-run]
  weir dead-letters payload LETTER FILE       the bytes as they came

FLAGS
  --code CODE              those refused with this error
  --stage enricher|sink    those refused by this stage
  --from T, --to T         written from, before: 2026-11-25T01:00:00Z, or a duration ago such as 2h
  --limit N                at most so many (list: default 1000)
  --dry-run                say what redrive would do
  --data DIR|URI           the data folder, or the lake of a fleet (default weir-data; else lake.uri)
  --format table|json|csv  default table

lake in the list: told (as lost: can be re-driven), recovered, untold (in rows, or not stored yet), none (no range is named).

EXIT STATUS
  0 done; 1 some of the chosen letters are left as they are

EXAMPLES
  weir dead-letters list --from 1d
  weir dead-letters redrive --code WEIR_SCHEMA_UNKNOWN --dry-run
  weir dead-letters payload 0-17 /tmp/letter.avro
`,
  options: {
    code: { type: 'string' },
    stage: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    limit: { type: 'string' },
    'dry-run': { type: 'boolean' },
    data: { type: 'string' },
    format: { type: 'string' },
  },
  sections: ['', 'transport', 'lake', 'enricher', 'privacy', 'log'],
  defaults: { 'log.level': 'warn', 'log.format': 'text' },
  operands: 3,
  run,
};

const LIST_MAX = 1000;

async function run(invocation: Invocation): Promise<Status> {
  const [action, letter, file, ...rest] = invocation.operands;
  const isPayload = action === 'payload' && letter !== undefined && file !== undefined;
  if (!isPayload && ((action !== 'list' && action !== 'redrive') || letter !== undefined || rest.length > 0))
    throw usageError('weir dead-letters takes list, redrive, or payload LETTER FILE; see weir dead-letters --help');
  const format = choiceFlag(invocation, 'format', FORMATS);
  const filter = filterOf(invocation, action === 'list' ? LIST_MAX : Number.MAX_SAFE_INTEGER);
  const lake = await lakeOf(invocation);
  const logger = createLogger(invocation.config);
  try {
    // A payload is written as it lies there, whatever its framing.
    const open = isPayload ? openBareLog : openLog;
    const log = await open(invocation.config, lake?.logFile ?? null, logger);
    try {
      const given = { invocation, log, lake, filter, format };
      if (isPayload) return await payload(given, letter, file);
      if (action === 'list') return await list(given);
      return await runRedrive(given);
    } finally {
      await log.close();
    }
  } finally {
    await lake?.close();
  }
}

interface Given {
  readonly invocation: Invocation;
  readonly log: Awaited<ReturnType<typeof openLog>>;
  readonly lake: Reading | null;
  readonly filter: LetterFilter;
  readonly format: Format;
}

/** A fleet's log can be read without its lake. */
async function lakeOf(invocation: Invocation): Promise<Reading | null> {
  const { config } = invocation;
  const hasOtherLog = config['transport.kind'] === 'kafka' || config['transport.path'] !== '';
  try {
    return await openReading(invocation);
  } catch (error) {
    const isNone = error instanceof WeirError && error.code === 'WEIR_EXPLORE_NO_LAKE';
    if (isNone && hasOtherLog && textFlag(invocation, 'data') === null) return null;
    throw error;
  }
}

const COLUMNS = words('letter time stage code topic partition offset node flows bytes lake message');

async function list({ invocation, log, lake, filter, format }: Given): Promise<Status> {
  const { flowsOf, readLetters, ToldLetters } = await import('../dead-letters.ts');
  const { config, signal } = invocation;
  const told = lake === null ? null : new ToldLetters(lake.store, topicName(config, 'raw'));
  async function* rows(): AsyncGenerator<readonly unknown[]> {
    for await (const found of readLetters(log, topicName(config, 'deadLetters'), filter, signal)) {
      const { id, stage, code, topic, partition, offset, headers, message, why } = found;
      const state = told === null ? null : await told.stateOf(found);
      const time = new Date(message.appendMs);
      const node = headers['weir-node'] ?? null;
      const bytes = message.value.byteLength;
      yield [id, time, stage, code, topic, partition, offset, node, flowsOf(found), bytes, state, why];
    }
  }
  await printResult(COLUMNS, rows(), format);
  return 0;
}

async function runRedrive({ invocation, log, lake, filter, format }: Given): Promise<Status> {
  if (lake === null)
    throw usageError('redrive must see the lake, which tells what was lost; name it with --data or --lake-uri');
  const { redrive } = await import('../redrive.ts');
  const { config, signal, flags } = invocation;
  const dryRun = flags['dry-run'] === true;
  const verdicts: (readonly unknown[])[] = [];
  const onLetter = (found: FoundLetter, verdict: string): void => {
    const row = [found.id, found.partition, found.offset, verdict];
    if (format === 'table') verdicts.push(row);
    else printRows(VERDICT_COLUMNS, [row], format);
  };
  const logger = createLogger(config);
  const counts = await redrive({ log, lake, config, filter, dryRun, signal, logger, onLetter });
  if (format !== 'table') return counts.left === 0 ? 0 : 1;
  if (verdicts.length > 0) printRows(VERDICT_COLUMNS, verdicts.slice(0, LIST_MAX), 'table');
  const { letters, redriven, rows, flows, before, left } = counts;
  const verb = dryRun ? 'would be re-driven' : 're-driven';
  printLine(
    `${letters} letters: ${redriven} ${verb} (${rows} rows, ${flows} flows), ${before} recovered before, ${left} left`,
  );
  return left === 0 ? 0 : 1;
}

const VERDICT_COLUMNS = words('letter partition offset verdict');

async function payload({ invocation, log }: Given, letter: string, file: string): Promise<Status> {
  const match = /^(\d{1,5})-(\d{1,15})$/.exec(letter);
  if (match === null) throw usageError(`"${letter}" is no letter; weir dead-letters list names them, such as 0-17`);
  const topic = topicName(invocation.config, 'deadLetters');
  const [partition, offset] = [Number(match[1]), Number(match[2])];
  const { messagesOf } = await import('../../enricher/replay.ts');
  for await (const message of messagesOf(log, topic, partition, offset, invocation.signal)) {
    if (message.offset !== offset) break;
    await writeFile(file, message.value);
    printLine(`${message.value.byteLength} bytes of letter ${letter} written to ${file}`);
    return 0;
  }
  throw new WeirError('WEIR_TRANSPORT_OUT_OF_RANGE', `${topic} has no letter ${letter}`, { topic, partition, offset });
}

function filterOf(invocation: Invocation, limit: number): LetterFilter {
  const stage = textFlag(invocation, 'stage');
  if (stage !== null && stage !== 'enricher' && stage !== 'sink')
    throw usageError(`--stage is "${stage}"; allowed is enricher, sink`);
  return {
    code: textFlag(invocation, 'code'),
    stage,
    fromMs: timeFlag(invocation, 'from') ?? 0,
    toMs: timeFlag(invocation, 'to') ?? Number.POSITIVE_INFINITY,
    limit: countFlag(invocation, 'limit', 1e12) ?? limit,
  };
}

/** A time as ISO 8601, or a duration before now; ms since 1970. */
function timeFlag(invocation: Invocation, name: string): number | null {
  const text = textFlag(invocation, name);
  if (text === null) return null;
  const agoMs = parseDuration(text);
  const atMs = agoMs === null ? Date.parse(text) : systemClock.nowMs() - agoMs;
  if (Number.isNaN(atMs))
    throw usageError(`--${name} is "${text}"; allowed is 2026-11-25T01:00:00Z or a duration ago, 2h`);
  return atMs;
}

function words(text: string): readonly string[] {
  return text.split(' ');
}
