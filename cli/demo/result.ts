/** What the lake answers, and what the truth says of it. */
import { systemClock } from '../../contract/clock.ts';
import type { Config } from '../../contract/config-table.ts';
import { openLake, type Lake } from '../../explore/lake.ts';
import { bindPack, loadPack, type PackValues } from '../../explore/pack.ts';
import { queryAll } from '../../explore/query.ts';
import { verifyLake, type VerifyReport } from '../../explore/verify.ts';
import type { ChainTable } from '../../schemas/objects.ts';
import { readFolderStore } from '../../sink/store/folder.ts';
import type { Log } from '../../transport/log.ts';
import { sinkGroupOf } from '../groups.ts';
import { type BlindSpan, checkRows, type CheckReport } from './check.ts';
import { MOVED_ADDRESS, nodeName, WATCHED_NODES } from './fleet-plan.ts';
import { namedByNewest, readLakeRows, readNewestOwners } from './lake-rows.ts';
import type { Truth } from './truth.ts';

/** A row of an answer. */
export type Answer = Readonly<Record<string, unknown>>;

/** How the sidecar of node-a came back after kill -9. */
export interface SidecarRestart {
  readonly awayMs: number;
  /** Its ring outlived it, so nothing may be missing; otherwise what it did not see is not judged. */
  readonly adopted: boolean;
}

export interface DemoResult {
  readonly check: CheckReport;
  /** Ends that a look-up of the newest owner of the address would have named wrongly. */
  readonly wrongByNewest: number;
  readonly failures: readonly Answer[];
  readonly slow: readonly Answer[];
  readonly outside: readonly Answer[];
  readonly owners: readonly Answer[];
  /** Flow numbers of this demo that are told as lost. */
  readonly losses: number;
  /** A node had no sidecar for a while. */
  readonly lossesAllowed: boolean;
  readonly restart: SidecarRestart | null;
  readonly verify: VerifyReport;
  /** Every figure is as it must be. */
  readonly ok: boolean;
}

/** WEIR_EXPLORE_*. */
export async function readResult(
  config: Config,
  lakeFolder: string,
  log: Log | null,
  truth: Truth,
  { blind, restart }: { readonly blind: BlindSpan | null; readonly restart: SidecarRestart | null },
): Promise<DemoResult> {
  const store = readFolderStore(lakeFolder);
  const lake = await openLake({ store });
  const nodes = WATCHED_NODES.map((node) => nodeName(truth.head.demo, node));
  try {
    const rows = await readLakeRows(lake, nodes);
    const check = checkRows(truth, rows, blind);
    const newest = checkRows(truth, namedByNewest(rows, await readNewestOwners(lake, nodes)), blind);
    const since = new Date(truth.head.startedUs / 1000).toISOString();
    const ask = (name: string, values: PackValues): Promise<readonly Answer[]> =>
      queryAll(lake, bindPack(loadPack(name), values));
    const owners = await ask('owners', { addr: MOVED_ADDRESS, limit: '1000' });
    const verify = await verifyLake({
      store,
      topicPrefix: config['transport.topicPrefix'],
      sinkGroup: (table: ChainTable) => sinkGroupOf(config, table),
      clock: systemClock,
      ...(log === null ? {} : { log }),
    });
    const losses = await lossesOf(lake, nodes);
    return {
      check,
      wrongByNewest: newest.names.wrong,
      failures: await ask('failures', { since, limit: '7' }),
      slow: await ask('slow', { since, limit: '3' }),
      outside: await ask('outside', { since, limit: '50' }),
      owners: owners.filter(({ claimed_by }) => nodes.includes(String(claimed_by))),
      losses,
      lossesAllowed: blind !== null,
      restart,
      verify,
      ok: check.ok && verify.ok && (losses === 0 || blind !== null),
    };
  } finally {
    lake.close();
  }
}

async function lossesOf(lake: Lake, nodes: readonly string[]): Promise<number> {
  const list = nodes.map((node) => `'${node}'`).join(', ');
  const sql = `SELECT CAST(coalesce(sum(flows), 0) AS bigint) AS flows FROM losses WHERE reporter_node IN (${list})`;
  const [row] = await queryAll(lake, sql);
  return Number(row?.['flows'] ?? 0);
}
