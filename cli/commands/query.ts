import type { LakeOptions } from '../../explore/lake.ts';
import { type Command, choiceFlag, type Invocation, type Status, textFlag, textsFlag, usageError } from '../command.ts';
import { type Format, FORMATS, printLine, printResult, printRows } from '../output.ts';
import { openReading } from '../reading.ts';

export const command: Command = {
  usage: `weir query: SQL over the lake

USAGE
  weir query "SQL"         run it over flows, losses, ownership and the views edges, connections,
                           vpc_flow_log, ocsf_network_activity
  weir query --pack NAME   run a question of the query pack
  weir query --list        the questions of the pack

FLAGS
  --data DIR|URI           a data folder or a lake, s3://bucket/prefix too (default weir-data)
  --pack NAME              a question of the pack
  --set NAME=VALUE         a parameter of it, for example since=2026-01-31T12:00:00Z; again for more
  --list                   list the pack with its parameters
  --sql                    print the statement of --pack instead of running it
  --format table|json|csv  default table

EXAMPLES
  weir query "SELECT dst_workload, count(*) FROM flows GROUP BY 1 ORDER BY 2 DESC"
  weir query --pack slow --format csv > slow.csv
  weir query --data s3://flows/prod --pack slow --set since=2026-01-31T12:00:00Z
`,
  options: {
    data: { type: 'string' },
    pack: { type: 'string' },
    set: { type: 'string', multiple: true },
    list: { type: 'boolean' },
    sql: { type: 'boolean' },
    format: { type: 'string' },
  },
  sections: ['lake'],
  operands: 1,
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const { flags, operands, signal } = invocation;
  const format = choiceFlag(invocation, 'format', FORMATS);
  const pack = await import('../../explore/pack.ts');
  if (flags['list'] === true) {
    const rows = pack
      .listPack()
      .map(({ name, title, parameters }) => [name, title, parameters.map((p) => p.name).join(' ')]);
    printRows(['name', 'answers', 'parameters'], rows, format);
    return 0;
  }
  const name = textFlag(invocation, 'pack');
  const [text] = operands;
  if ((name === null) === (text === undefined))
    throw usageError('weir query takes either SQL or --pack NAME; see --help');
  const values = settings(textsFlag(invocation, 'set'));
  const question = name === null ? undefined : pack.loadPack(name);
  const sql = question === undefined ? (text ?? '') : pack.bindPack(question, values);
  if (flags['sql'] === true) {
    printLine(sql);
    return 0;
  }
  const reading = await openReading(invocation);
  try {
    const fromHour = pack.firstHourOf(values, question);
    await ask({ store: reading.store, sql, ...(fromHour === undefined ? {} : { fromHour }) }, sql, format, signal);
  } finally {
    await reading.close();
  }
  return 0;
}

async function ask(options: LakeOptions, sql: string, format: Format, signal: AbortSignal): Promise<void> {
  const { openLake } = await import('../../explore/lake.ts');
  const { runQuery } = await import('../../explore/query.ts');
  const lake = await openLake(options);
  try {
    const { columns, rows } = await runQuery(lake, sql, signal);
    const names = columns.map((column) => column.name);
    await printResult(names, rows, format);
  } finally {
    lake.close();
  }
}

function settings(given: readonly string[]): Record<string, string> {
  const pairs = given.map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at < 1) throw usageError(`--set is "${text}"; allowed is NAME=VALUE`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}
