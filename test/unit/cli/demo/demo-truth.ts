/** A small fleet's truth and the lake that tells it exactly; tests change one thing. */
import type { LakeRow } from '../../../../cli/demo/lake-rows.ts';
import type { Truth, TruthEnd } from '../../../../cli/demo/truth.ts';

export const DEMO = '1-2';

export const end = (of: Partial<TruthEnd>): TruthEnd => ({
  workload: 'web',
  role: 'client',
  local: '10.77.1.10',
  localPort: 20_000,
  remote: '10.77.2.12',
  remotePort: 5432,
  openedUs: 1_000_000,
  closedUs: 2_000_000,
  sent: 100,
  received: 2000,
  outcome: 'closed',
  error: 0,
  pid: 1,
  ...of,
});

/** The other side of it. */
export const answer = (of: TruthEnd, workload: string): TruthEnd => ({
  ...of,
  workload,
  role: 'server',
  local: of.remote,
  localPort: of.remotePort,
  remote: of.local,
  remotePort: of.localPort,
  sent: of.received,
  received: of.sent,
});

const asked = end({});

export const truth = (ends: readonly TruthEnd[] = [asked, answer(asked, 'db')]): Truth => ({
  head: { demo: DEMO, seed: 1, forMs: 10_000, startedUs: 0 },
  ends,
  holders: [],
});

const web = { workload: 'web', node: `demo-${DEMO}-node-a`, reason: null };
const db = { workload: 'db', node: `demo-${DEMO}-node-b`, reason: null };

export const row = (of: Partial<LakeRow>): LakeRow => ({
  reporterNode: `demo-${DEMO}-node-a`,
  reporter: 'src',
  report: 'final',
  outcome: 'closed',
  connectionCount: 1,
  srcAddr: '10.77.1.10',
  srcPort: 20_000,
  dstAddr: '10.77.2.12',
  dstPort: 5432,
  bytesToDst: 100,
  bytesToSrc: 2000,
  src: { ...web, method: 'local' },
  dst: { ...db, method: 'address' },
  ...of,
});

/** What both sidecars report of `truth()`. */
export const rows = (): LakeRow[] => [
  row({}),
  row({
    reporterNode: `demo-${DEMO}-node-b`,
    reporter: 'dst',
    src: { ...web, method: 'address' },
    dst: { ...db, method: 'local' },
  }),
];
