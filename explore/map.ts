/** Who talks to whom, as an indented text: each client with its servers below. Pure; the edges come from `topEdges`. */
import type { TopEdge } from './top.ts';
import { formatBytes, formatMicros } from './units.ts';

/** Clients by bytes, and below each its servers by bytes. */
export function renderMap(edges: readonly TopEdge[]): string[] {
  const clients = new Map<string, TopEdge[]>();
  for (const edge of edges) {
    const list = clients.get(edge.client);
    if (list === undefined) clients.set(edge.client, [edge]);
    else list.push(edge);
  }
  const width = Math.max(0, ...edges.map((edge) => serverText(edge).length));
  const lines: string[] = [];
  for (const [client, list] of [...clients].sort(([a, x], [b, y]) => bytesOf(y) - bytesOf(x) || (a < b ? -1 : 1))) {
    lines.push(client);
    const servers = [...list].sort((a, b) => bytesOf([b]) - bytesOf([a]) || (serverText(a) < serverText(b) ? -1 : 1));
    for (const edge of servers) lines.push(`  -> ${serverText(edge).padEnd(width)}  ${figures(edge)}`);
  }
  return lines;
}

const bytesOf = (edges: readonly TopEdge[]): number =>
  edges.reduce((sum, edge) => sum + edge.bytesToServer + edge.bytesToClient, 0);

const serverText = ({ server, port }: TopEdge): string => (port === null ? server : `${server}:${port}`);

function figures({ connections, failed, bytesToServer, bytesToClient, rttUs }: TopEdge): string {
  const parts = [`${connections} connection${connections === 1 ? '' : 's'}`];
  if (failed > 0) parts.push(`${failed} failed`);
  parts.push(`${formatBytes(bytesToServer)} out`, `${formatBytes(bytesToClient)} in`);
  if (rttUs !== null) parts.push(`rtt ${formatMicros(rttUs)}`);
  return parts.join(', ');
}
