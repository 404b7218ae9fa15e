import type { Command, Invocation, Status } from '../command.ts';
import { printLine } from '../output.ts';
import { formatCell } from '../table.ts';

/** Edges of a map: more would be no map. */
const EDGES_MAX = 1000;

export const command: Command = {
  usage: `weir map: who talks to whom, each client with its servers below

USAGE
  weir map [--last 5m]

FLAGS
  --data DIR|URI   a data folder or a lake (default weir-data)
  --by ORDER       which edges are taken first: bytes, connections, failed, retransmits, rtt
  --last DURATION  only what ended in it (default: the whole lake)
  --limit N        edges at most (default ${EDGES_MAX})

EXAMPLES
  weir map
  weir map --last 10m --data /var/lib/weir
`,
  options: { data: { type: 'string' }, by: { type: 'string' }, last: { type: 'string' }, limit: { type: 'string' } },
  sections: ['lake'],
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const { readEdges } = await import('../edges.ts');
  const { renderMap } = await import('../../explore/map.ts');
  for (const line of renderMap(await readEdges(invocation, EDGES_MAX))) printLine(formatCell(line));
  return 0;
}
