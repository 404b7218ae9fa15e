import { choiceFlag, type Command, type Invocation, type Status } from '../command.ts';
import { FORMATS, printRows } from '../output.ts';

export const command: Command = {
  usage: `weir top: the busiest edges, workload to workload

USAGE
  weir top [--by bytes|connections|failed|retransmits|rtt] [--last 5m]

FLAGS
  --data DIR|URI           a data folder or a lake (default weir-data)
  --by ORDER               default bytes
  --last DURATION          only what ended in it (default: the whole lake)
  --limit N                default 20
  --format table|json|csv  default table

EXAMPLES
  weir top --last 5m
  weir top --by failed --format json
`,
  options: {
    data: { type: 'string' },
    by: { type: 'string' },
    last: { type: 'string' },
    limit: { type: 'string' },
    format: { type: 'string' },
  },
  sections: ['lake'],
  run,
};

const COLUMNS = ['client', 'server', 'port', 'connections', 'failed', 'bytes_out', 'bytes_in', 'retransmits', 'rtt_us'];

async function run(invocation: Invocation): Promise<Status> {
  const format = choiceFlag(invocation, 'format', FORMATS);
  const { readEdges } = await import('../edges.ts');
  const edges = await readEdges(invocation);
  const rows = edges.map((edge) => [
    edge.client,
    edge.server,
    edge.port,
    edge.connections,
    edge.failed,
    edge.bytesToServer,
    edge.bytesToClient,
    edge.retransmits,
    edge.rttUs,
  ]);
  printRows(COLUMNS, rows, format);
  return 0;
}
