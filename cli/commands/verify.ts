import type { VerifyReport } from '../../explore/verify.ts';
import type { ChainTable } from '../../schemas/objects.ts';
import { choiceFlag, type Command, type Invocation, type Status } from '../command.ts';
import { sinkGroupOf } from '../groups.ts';
import { type Format, FORMATS, printLine, printRows } from '../output.ts';
import { openLog, openReading } from '../reading.ts';

export const command: Command = {
  usage: `weir verify: proves that the lake is complete

Every object stands where its predecessor says, offsets and flow numbers tile without a gap, every flow
is in a row or told as a loss. Where the log still has the messages, the lake is held against them.

USAGE
  weir verify [--data DIR|URI]

FLAGS
  --data DIR|URI           a data folder or a lake, s3://bucket/prefix too (default weir-data)
  --format table|json|csv  default table

EXIT STATUS
  0 complete, 1 there are findings

EXAMPLES
  weir verify
  weir verify --data /var/lib/weir --format json
`,
  options: { data: { type: 'string' }, format: { type: 'string' } },
  sections: ['', 'transport', 'lake'],
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const format = choiceFlag(invocation, 'format', FORMATS);
  const { config } = invocation;
  const { store, logFile, where, close } = await openReading(invocation);
  const hasLog = logFile !== null || config['transport.path'] !== '';
  const log = hasLog ? await openLog(config, logFile) : undefined;
  try {
    const { verifyLake } = await import('../../explore/verify.ts');
    const topicPrefix = config['transport.topicPrefix'];
    const options = { store, topicPrefix, sinkGroup: (table: ChainTable) => sinkGroupOf(config, table) };
    const report = await verifyLake(log === undefined ? options : { ...options, log });
    print(report, where, format);
    return report.ok ? 0 : 1;
  } finally {
    await log?.close();
    await close();
  }
}

function print(report: VerifyReport, where: string, format: Format): void {
  const findings = report.findings.map(({ code, table, partition, object, message }) => [
    code,
    table,
    partition,
    object,
    message,
  ]);
  const head = ['finding', 'table', 'partition', 'object', 'message'];
  if (format !== 'table') return printRows(head, findings, format);
  const chains = report.partitions.map((chain) => [
    chain.table,
    chain.partition,
    chain.objects,
    chain.rows,
    chain.flows,
    chain.losses,
    `${chain.firstOffset}-${chain.nextOffset}`,
    chain.log?.lagMessages ?? null,
  ]);
  printRows(['table', 'partition', 'objects', 'rows', 'flows', 'lost', 'offsets', 'not stored yet'], chains, 'table');
  for (const { code, object, message } of report.findings)
    printLine(`${code}: ${object === null ? '' : `${object}: `}${message}`);
  const { flows, losses, judged } = report.summary;
  const verdict = report.ok ? 'complete' : `${report.findings.length} findings`;
  printLine(`${where}: ${verdict}: ${flows} flows in rows, ${losses} told as lost; ${judged}`);
}
