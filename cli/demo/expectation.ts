/** What the lake must hold, from the truth alone: one end of a connection, seen from a watched node. Pure. */
import { nodeName, type NodeName, WATCHED_NODES, WORKLOADS, type WorkloadPlan } from './fleet-plan.ts';
import { endKey, holdersWithin, type Truth, type TruthEnd, type TruthOutcome } from './truth.ts';

export interface ExpectedEnd {
  readonly key: string;
  readonly truth: TruthEnd;
  readonly reporterNode: string;
  readonly reporter: 'src' | 'dst';
  readonly outcome: string;
  readonly bytesToDst: number;
  readonly bytesToSrc: number;
  /** Who may be named as the other end; empty: nobody may. */
  readonly remote: ReadonlySet<string>;
}

const byName = new Map<string, WorkloadPlan>(WORKLOADS.map((workload) => [workload.name, workload]));
const nodeOf = (workload: string): NodeName => byName.get(workload)?.node ?? 'outside';
const isWatched = (workload: string): boolean => WATCHED_NODES.includes(nodeOf(workload));

/** The node of a workload as rows name it; null outside. */
export const nodeOfWorkload = (demo: string, workload: string): string | null =>
  isWatched(workload) ? nodeName(demo, nodeOf(workload)) : null;

/** Every end on a watched node, by its key. Throws RangeError where two ends have one key. */
export function expectEnds(truth: Truth): ReadonlyMap<string, ExpectedEnd> {
  const all = new Map<string, TruthEnd>();
  for (const end of truth.ends) {
    const key = endKey(end.local, end.localPort, end.remote, end.remotePort);
    if (all.has(key)) throw new RangeError(`the truth has two ends ${key}`);
    all.set(key, end);
  }
  const expected = new Map<string, ExpectedEnd>();
  for (const [key, end] of all) {
    if (!isWatched(end.workload)) continue;
    const other = all.get(endKey(end.remote, end.remotePort, end.local, end.localPort));
    const isClient = end.role === 'client';
    expected.set(key, {
      key,
      truth: end,
      reporterNode: nodeName(truth.head.demo, nodeOf(end.workload)),
      reporter: isClient ? 'src' : 'dst',
      outcome: outcomeFor(end.outcome, isClient),
      bytesToDst: isClient ? end.sent : end.received,
      bytesToSrc: isClient ? end.received : end.sent,
      remote: remoteOf(truth, end, other),
    });
  }
  return expected;
}

function outcomeFor(outcome: TruthOutcome, isClient: boolean): string {
  if (outcome === 'reset_by_local') return isClient ? 'reset_by_src' : 'reset_by_dst';
  if (outcome === 'reset_by_remote') return isClient ? 'reset_by_dst' : 'reset_by_src';
  return outcome;
}

/** Who answered, where somebody did; else who held the address while it was called. */
function remoteOf(truth: Truth, end: TruthEnd, other: TruthEnd | undefined): ReadonlySet<string> {
  if (other !== undefined) return new Set(isWatched(other.workload) ? [other.workload] : []);
  const moved = truth.holders.some(({ address }) => address === end.remote);
  if (moved) {
    const within = holdersWithin(truth.holders, end.remote, end.openedUs, end.closedUs);
    return new Set([...within].filter((holder) => holder !== null));
  }
  const here = WORKLOADS.filter(({ v4, v6 }) => v4 === end.remote || v6 === end.remote);
  const serving = here.filter(({ port }) => port === end.remotePort);
  return new Set((serving.length > 0 ? serving : here).map(({ name }) => name).filter(isWatched));
}
