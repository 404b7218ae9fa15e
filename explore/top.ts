/** The busiest edges of a window, from the lake. */
import { WeirError } from '../contract/errors.ts';
import type { Cell } from './cells.ts';
import type { Lake } from './lake.ts';
import { queryAll } from './query.ts';

export const TOP_ORDERS = ['bytes', 'connections', 'failed', 'retransmits', 'rtt'] as const;
export type TopOrder = (typeof TOP_ORDERS)[number];

export interface TopEdge {
  readonly client: string;
  readonly server: string;
  readonly port: number | null;
  readonly connections: number;
  readonly failed: number;
  readonly bytesToServer: number;
  readonly bytesToClient: number;
  readonly retransmits: number;
  /** Mean of the minutes; null without a sample. */
  readonly rttUs: number | null;
}

export interface Window {
  /** Unix milliseconds, by the minute of the rows' end. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

export const WHOLE_LAKE: Window = { sinceMs: 0, untilMs: Date.UTC(9999, 0) };

const ORDER_SQL: Readonly<Record<TopOrder, string>> = {
  bytes: 'bytes_to_server + bytes_to_client',
  connections: 'connections',
  failed: 'failed',
  retransmits: 'retransmits',
  rtt: 'rtt_us',
};

/** An end's name: its owner, else the Service or organisation, else where its address lies. */
export const endSql = (side: 'src' | 'dst'): string =>
  `coalesce(CASE WHEN ${side}_namespace IS NULL THEN ${side}_workload ELSE ${side}_namespace || '/' || ${side}_workload END, ` +
  `${side === 'dst' ? 'dst_service, ' : ''}${side}_as_org, '(' || ${side}_addr_scope || ')')`;

const timestamp = (ms: number): string => `TIMESTAMP '${new Date(ms).toISOString().slice(0, -1).replace('T', ' ')}'`;

/** Fails: WEIR_EXPLORE_QUERY. */
export async function topEdges(lake: Lake, window: Window, order: TopOrder, limit: number): Promise<TopEdge[]> {
  if (!Number.isSafeInteger(limit) || limit < 0)
    throw new WeirError('WEIR_EXPLORE_QUERY', `the limit is ${limit}, allowed is a whole number`);
  const rows = await queryAll(
    lake,
    `SELECT ${endSql('src')} AS client, ${endSql('dst')} AS server, dst_port AS port,
  CAST(sum(connections) AS bigint) AS connections,
  CAST(sum(failed) AS bigint) AS failed,
  CAST(sum(bytes_to_dst) AS bigint) AS bytes_to_server,
  CAST(sum(bytes_to_src) AS bigint) AS bytes_to_client,
  CAST(sum(src_retransmitted_segments + dst_retransmitted_segments) AS bigint) AS retransmits,
  CAST(avg(coalesce(src_rtt_us, dst_rtt_us)) AS bigint) AS rtt_us
FROM edges
WHERE minute >= date_trunc('minute', ${timestamp(window.sinceMs)}) AND minute < ${timestamp(window.untilMs)}
GROUP BY 1, 2, 3
ORDER BY ${ORDER_SQL[order]} DESC NULLS LAST, client, server, port
LIMIT ${limit}`,
  );
  return rows.map((row) => ({
    client: textOf(row['client']),
    server: textOf(row['server']),
    port: numberOrNull(row['port']),
    connections: Number(row['connections']),
    failed: Number(row['failed']),
    bytesToServer: Number(row['bytes_to_server']),
    bytesToClient: Number(row['bytes_to_client']),
    retransmits: Number(row['retransmits']),
    rttUs: numberOrNull(row['rtt_us']),
  }));
}

const textOf = (cell: Cell | undefined): string => (typeof cell === 'string' ? cell : '');
const numberOrNull = (cell: Cell | undefined): number | null =>
  cell === null || cell === undefined ? null : Number(cell);
