/** The rows of a demo as the lake has them, and who held which address according to it. */
import type { Cell } from '../../explore/cells.ts';
import type { Lake } from '../../explore/lake.ts';
import { queryAll } from '../../explore/query.ts';
import { formatCell } from '../table.ts';

export interface LakeRow {
  readonly reporterNode: string;
  readonly reporter: 'src' | 'dst';
  readonly report: string;
  readonly outcome: string;
  readonly connectionCount: number;
  readonly srcAddr: string;
  readonly srcPort: number;
  readonly dstAddr: string;
  readonly dstPort: number;
  readonly bytesToDst: number;
  readonly bytesToSrc: number;
  readonly src: LakeOwner;
  readonly dst: LakeOwner;
}

export interface LakeOwner {
  readonly workload: string | null;
  readonly node: string | null;
  readonly method: string;
  readonly reason: string | null;
}

/** A claim of the ownership table, the newest of its address and port. */
export interface NewestOwner {
  readonly addr: string;
  /** Null: the whole address. */
  readonly port: number | null;
  readonly workload: string;
  readonly node: string | null;
}

const textOrNull = (cell: Cell | undefined): string | null =>
  cell === null || cell === undefined ? null : formatCell(cell);

const quoted = (texts: readonly string[]): string => texts.map((text) => `'${text.replaceAll("'", "''")}'`).join(', ');

export async function readLakeRows(lake: Lake, nodes: readonly string[]): Promise<readonly LakeRow[]> {
  const rows = await queryAll(
    lake,
    `SELECT reporter_node, reporter, report, outcome, connection_count, src_addr, src_port, dst_addr, dst_port,
       bytes_to_dst, bytes_to_src, src_workload, src_node, src_method, src_reason, dst_workload, dst_node, dst_method,
       dst_reason
     FROM flows WHERE reporter_node IN (${quoted(nodes)})`,
  );
  return rows.map((row) => {
    const orNull = (name: string): string | null => textOrNull(row[name]);
    const text = (name: string): string => orNull(name) ?? '';
    const number = (name: string): number => Number(row[name] ?? 0);
    const owner = (side: string): LakeOwner => ({
      workload: orNull(`${side}_workload`),
      node: orNull(`${side}_node`),
      method: text(`${side}_method`),
      reason: orNull(`${side}_reason`),
    });
    return {
      reporterNode: text('reporter_node'),
      reporter: text('reporter') === 'src' ? 'src' : 'dst',
      report: text('report'),
      outcome: text('outcome'),
      connectionCount: number('connection_count'),
      srcAddr: text('src_addr'),
      srcPort: number('src_port'),
      dstAddr: text('dst_addr'),
      dstPort: number('dst_port'),
      bytesToDst: number('bytes_to_dst'),
      bytesToSrc: number('bytes_to_src'),
      src: owner('src'),
      dst: owner('dst'),
    };
  });
}

/** What a look-up of the current owner would find: of each address and port the claim that began last. */
export async function readNewestOwners(lake: Lake, nodes: readonly string[]): Promise<readonly NewestOwner[]> {
  const rows = await queryAll(
    lake,
    `SELECT addr, port, workload, node FROM (
       SELECT addr, port, workload, node, row_number() OVER (PARTITION BY addr, port ORDER BY valid_from DESC) AS place
       FROM ownership WHERE workload IS NOT NULL AND node IN (${quoted(nodes)})
     ) AS claims WHERE place = 1`,
  );
  return rows.map(({ addr, port, workload, node }) => ({
    addr: textOrNull(addr) ?? '',
    port: port === null || port === 0 ? null : Number(port),
    workload: textOrNull(workload) ?? '',
    node: textOrNull(node),
  }));
}

/** The same rows with their ends named by the newest owner of the address: what a look-up without history gives. */
export function namedByNewest(rows: readonly LakeRow[], newest: readonly NewestOwner[]): readonly LakeRow[] {
  const owners = new Map(newest.map((owner) => [`${owner.addr} ${owner.port ?? ''}`, owner]));
  const named = (end: LakeOwner, addr: string, port: number): LakeOwner => {
    if (end.method === 'local') return end;
    const found = owners.get(`${addr} ${port}`) ?? owners.get(`${addr} `);
    if (found === undefined) return { workload: null, node: null, method: 'none', reason: 'no_claim' };
    return {
      workload: found.workload,
      node: found.node,
      method: found.port === null ? 'address' : 'port',
      reason: null,
    };
  };
  return rows.map((row) => ({
    ...row,
    src: named(row.src, row.srcAddr, row.srcPort),
    dst: named(row.dst, row.dstAddr, row.dstPort),
  }));
}
