import { type Command, type Invocation, type Status, usageError } from '../command.ts';
import { printText } from '../output.ts';

const ENGINES = ['athena', 'trino', 'spark', 'duckdb'] as const;

export const command: Command = {
  usage: `weir ddl: the statements that make the tables and views in another engine

USAGE
  weir ddl athena|trino|spark|duckdb --lake-uri URI [--lake-format avro]

EXAMPLES
  weir ddl athena --lake-uri s3://bucket/weir
  weir ddl spark --lake-uri s3a://bucket/weir --lake-format avro
  weir ddl duckdb --lake-uri $PWD/weir-data/lake | duckdb
`,
  options: {},
  sections: ['lake'],
  operands: 1,
  run,
};

async function run({ operands, config }: Invocation): Promise<Status> {
  const engine = ENGINES.find((known) => known === operands[0]);
  if (engine === undefined) throw usageError(`weir ddl takes one of ${ENGINES.join(', ')}; see weir ddl --help`);
  const uri = config['lake.uri'];
  if (uri === '') throw usageError(`weir ddl ${engine} needs --lake-uri, the folder or bucket that the tables lie in`);
  const { ddlFor } = await import('../../explore/ddl.ts');
  printText(ddlFor(engine, uri, config['lake.format']));
  return 0;
}
