import { type ErrorCode, WeirError } from '../../contract/errors.ts';
import type { Store } from '../../contract/store.ts';
import type { HourFigures, LedgerSum, PartitionReport, VerifyReport } from '../../explore/verify.ts';
import type { ChainTable } from '../../schemas/objects.ts';
import type { Log } from '../../transport/log.ts';
import { choiceFlag, type Command, type Invocation, type Status } from '../command.ts';
import { enricherGroupOf, sinkGroupOf } from '../groups.ts';
import { type Format, FORMATS, printLine, printNotice, printRows } from '../output.ts';
import { openLog, openReading } from '../reading.ts';

/** What a row of figures stands for. */
const SPANS = ['hour', 'day', 'partition'] as const;
type Span = (typeof SPANS)[number];

/** Of JSON and CSV; a table shows the first of them. */
const COLUMNS = [
  'table',
  'partition',
  'hour',
  'from_offset',
  'to_offset',
  'objects',
  'rows',
  'flows',
  'lost',
  'findings',
  'finding',
  'object',
  'message',
];
const SPAN_COLUMNS = 10;
const SPANS_SHOWN = 48;
const CHAIN_COLUMNS = [
  'table',
  'partition',
  'objects',
  'rows',
  'flows',
  'lost',
  'offsets',
  'by the log from',
  'raw log up to',
  'not stored yet',
];
const LEDGER_COLUMNS = ['lost by', 'reason', 'intentional', 'times', 'flows', 'unknown'];

/** The log cannot be had: what it would say is left out. */
const AWAY: ReadonlySet<ErrorCode> = new Set(['WEIR_TRANSPORT_UNREACHABLE', 'WEIR_TRANSPORT_UNAVAILABLE']);

export const command: Command = {
  usage: `weir verify: proves that the lake is complete

Every object stands where its predecessor says, offsets and flow numbers tile without a gap, every flow
is in a row or told as a loss. Where the log still has the messages, the lake is held against them.

USAGE
  weir verify [--data DIR|URI]

The log is DIR/log, transport.path, or Kafka where transport.kind says so. What the raw log holds and the
lake does not yet is lag; what the enricher has passed and nobody downstream tells of is missing.

FLAGS
  --data DIR|URI           a data folder or a lake, s3://bucket/prefix too (default weir-data)
  --by hour|day|partition  one row of figures for each (default hour); a table shows at most 48 of them, and every
                           one with findings
  --format table|json|csv  default table; JSON and CSV have one row a partition and hour, then one a finding

EXIT STATUS
  0 complete, 1 there are findings

EXAMPLES
  weir verify
  weir verify --data /var/lib/weir --format json
  weir verify --data s3://bucket/weir --by day --transport-kind kafka --transport-brokers kafka:9092
`,
  options: { data: { type: 'string' }, by: { type: 'string' }, format: { type: 'string' } },
  sections: ['', 'transport', 'lake'],
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const format = choiceFlag(invocation, 'format', FORMATS);
  const by = choiceFlag(invocation, 'by', SPANS);
  const { store, logFile, where, close } = await openReading(invocation);
  try {
    const report = await verified(invocation, store, logFile);
    print(report, where, format, by);
    return report.ok ? 0 : 1;
  } finally {
    await close();
  }
}

/** With the log where there is one; where it is away, by the objects alone, and that is said. */
async function verified({ config }: Invocation, store: Store, logFile: string | null): Promise<VerifyReport> {
  const { verifyLake } = await import('../../explore/verify.ts');
  const options = {
    store,
    topicPrefix: config['transport.topicPrefix'],
    sinkGroup: (table: ChainTable) => sinkGroupOf(config, table),
    enricherGroup: (rawTopicId: string) => enricherGroupOf(config, rawTopicId),
  };
  const onKafka = config['transport.kind'] === 'kafka' && config['transport.brokers'].length > 0;
  if (!onKafka && logFile === null && config['transport.path'] === '') return verifyLake(options);
  let log: Log | null = null;
  try {
    log = await openLog(config, logFile);
    return await verifyLake({ ...options, log });
  } catch (error) {
    if (!(error instanceof WeirError) || !AWAY.has(error.code)) throw error;
    printNotice(`${error.code}: ${error.message}; judged by the objects alone`);
    return await verifyLake(options);
  } finally {
    await log?.close();
  }
}

function print(report: VerifyReport, where: string, format: Format, by: Span): void {
  if (format !== 'table') return printRows(COLUMNS, [...spanRows(report, by), ...findingRows(report)], format);
  printRows(CHAIN_COLUMNS, report.partitions.map(chainRow), 'table');
  const spans = spanRows(report, by).map((row) => row.slice(0, SPAN_COLUMNS));
  // Of a long lake only what is wrong; JSON and CSV have all of it.
  const wrong = new Set(findingRows(report).map((row) => String(row.slice(0, 3))));
  const shown = spans.length <= SPANS_SHOWN ? spans : spans.filter((row) => wrong.has(String(row.slice(0, 3))));
  if (by !== 'partition' && shown.length > 0) {
    printLine('');
    printRows(COLUMNS.slice(0, SPAN_COLUMNS), shown, 'table');
  }
  if (report.summary.ledger.length > 0) {
    printLine('');
    printRows(LEDGER_COLUMNS, report.summary.ledger.map(ledgerRow), 'table');
  }
  printLine('');
  for (const { code, object, message } of report.findings)
    printLine(`${code}: ${object === null ? '' : `${object}: `}${message}`);
  const { flows, losses, judged, objects, bytesRead, bytesStored } = report.summary;
  const verdict = report.ok ? 'complete' : `${report.findings.length} findings`;
  printLine(`${where}: ${verdict}: ${flows} flows in rows, ${losses} told as lost; ${judged}`);
  printLine(`read ${inMiB(bytesRead)} of the ${inMiB(bytesStored)} that ${objects} objects and their losses have`);
}

const inMiB = (bytes: number): string => `${(bytes / (1024 * 1024)).toFixed(1)} MiB`;

const chainRow = (chain: PartitionReport): unknown[] => [
  chain.table,
  chain.partition,
  chain.objects,
  chain.rows,
  chain.flows,
  chain.losses,
  `${chain.firstOffset}-${chain.nextOffset}`,
  chain.log?.comparedFrom ?? null,
  chain.log?.raw?.judgedTo ?? null,
  chain.log?.lagMessages ?? null,
];

const ledgerRow = ({ stage, reason, intentional, entries, flows, unknown }: LedgerSum): unknown[] => [
  stage,
  reason,
  intentional,
  entries,
  flows,
  unknown,
];

/** One row a partition and span, with how many findings lie in it. */
function spanRows(report: VerifyReport, by: Span): unknown[][] {
  const found = new Map<string, number>();
  for (const { table, partition, object } of report.findings) {
    const key = `${table} ${partition} ${spanOf(hourOf(object), by)}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return report.partitions.flatMap(({ table, partition, hours }) => {
    const spans = new Map<string | null, HourFigures>();
    for (const figures of hours) {
      const span = spanOf(figures.hour, by);
      const sum = spans.get(span) ?? { ...figures, objects: 0, rows: 0, flows: 0, losses: 0 };
      sum.toOffset = figures.toOffset;
      for (const key of ['objects', 'rows', 'flows', 'losses'] as const) sum[key] += figures[key];
      spans.set(span, sum);
    }
    return [...spans].map(([span, { fromOffset, toOffset, objects, rows, flows, losses }]) => {
      const findings = found.get(`${table} ${partition} ${span}`) ?? 0;
      const figures = [fromOffset, toOffset, objects, rows, flows, losses, findings];
      return [table, partition, span, ...figures, null, null, null];
    });
  });
}

const findingRows = (report: VerifyReport): unknown[][] =>
  report.findings.map(({ code, table, partition, object, message }) => {
    const figures = Array<null>(SPAN_COLUMNS - 3).fill(null);
    return [table, partition, hourOf(object), ...figures, code, object, message];
  });

/** `dt=…/hour=…` of an object's name; null where it has none. */
const hourOf = (object: string | null): string | null => /dt=[\d-]+\/hour=\d+/.exec(object ?? '')?.[0] ?? null;

function spanOf(hour: string | null, by: Span): string | null {
  if (by === 'partition' || hour === null) return null;
  return by === 'day' ? hour.slice(0, hour.indexOf('/')) : hour;
}
