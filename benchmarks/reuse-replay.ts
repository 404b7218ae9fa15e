/**
 * Addresses that go from workload to workload, ten million flows through the whole enricher, each answer held against
 * the truth. Status 1 when an end is named wrongly, a reason is not so, or edges do not know 99 % of the ends of a
 * healthy fleet. Of the rows asked for some 4 % find nobody to connect.
 *   npm run soak -- reuse
 *   node scripts/node24.mjs benchmarks/reuse-replay.ts --rows 1000000 --seed 7
 */
import { parseArgs } from 'node:util';
import { type Replay, type ReplayOptions, replayReuse } from '../test/fixtures/reuse/replay.ts';

const EDGES_UNKNOWN_MAX = 0.01;
const FLEET = { nodes: 20, addresses: 10_000, sharedPorts: 20 } as const;
/** What a CI-sized fleet's second holds; more rows take more seconds, so that a row is never alone. */
const ROWS_A_SECOND = 10_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const share = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(3)} %`;

interface World {
  readonly name: string;
  readonly part: number;
  readonly options: Pick<ReplayOptions, 'faults' | 'skewUs' | 'clockSkewMs'>;
}

const WORLDS: readonly World[] = [
  { name: 'healthy', part: 0.4, options: { faults: false, skewUs: 10_000, clockSkewMs: 10 } },
  { name: 'faulty', part: 0.4, options: { faults: true, skewUs: 10_000, clockSkewMs: 10 } },
  { name: 'faulty, clocks 500 ms apart', part: 0.2, options: { faults: true, skewUs: 500_000, clockSkewMs: 500 } },
];

interface Row {
  readonly world: string;
  readonly rows: number;
  readonly tenures: number;
  readonly lookedUp: number;
  readonly wrong: number;
  readonly unattributed: number;
  readonly byReason: Readonly<Record<string, number>>;
  readonly falseReasons: number;
  readonly edgeEnds: number;
  readonly edgesUnattributed: number;
  readonly currentWrong: number;
  readonly currentUnattributed: number;
  readonly seconds: number;
  readonly ok: boolean;
}

function rowOf(world: World, { judge, fleet, left, deadLetters }: Replay, seconds: number): Row {
  const { looked, captured, current } = judge;
  const { ends, unattributed } = judge.edges();
  const wrong = looked.wrong + captured.wrong;
  const isKnown = world.options.faults || unattributed <= EDGES_UNKNOWN_MAX * ends;
  return {
    world: world.name,
    rows: judge.rows,
    tenures: fleet.tenures,
    lookedUp: looked.named + looked.wrong + looked.unattributed,
    wrong,
    unattributed: looked.unattributed,
    byReason: judge.byReason,
    falseReasons: judge.falseReasons,
    edgeEnds: ends,
    edgesUnattributed: unattributed,
    currentWrong: current.wrong,
    currentUnattributed: current.unattributed,
    seconds,
    ok: wrong + judge.falseReasons + left + deadLetters === 0 && isKnown,
  };
}

function table(row: Row): void {
  const { rows, lookedUp, wrong, unattributed, edgeEnds, edgesUnattributed, currentWrong, currentUnattributed } = row;
  say(`\n${row.world}: ${rows} rows, ${row.tenures} lives of workloads, ${row.seconds.toFixed(0)} s`);
  const lines: readonly (readonly [string, string])[] = [
    ['remote ends looked up', String(lookedUp)],
    ['  named wrongly', String(wrong)],
    ['  unattributed', `${unattributed}  ${share(unattributed, lookedUp)}`],
    ...Object.entries(row.byReason).map(([reason, n]) => [`    ${reason}`, `${n}  ${share(n, lookedUp)}`] as const),
    ['  without a true reason', String(row.falseReasons)],
    ['ends in edges', String(edgeEnds)],
    ['  unattributed', `${edgesUnattributed}  ${share(edgesUnattributed, edgeEnds)}`],
    ['owner of now, all known: named wrongly', `${currentWrong}  ${share(currentWrong, lookedUp)}`],
    ['  unattributed', `${currentUnattributed}  ${share(currentUnattributed, lookedUp)}`],
  ];
  for (const [name, value] of lines) say(`  ${name.padEnd(42)}${value}`);
}

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '10500000' }, seed: { type: 'string', default: '1' } },
});
const total: Row[] = [];
for (const world of WORLDS) {
  const rows = Number(values.rows) * world.part;
  const seconds = Math.max(60, Math.round(rows / ROWS_A_SECOND));
  const began = performance.now();
  const done = await replayReuse({ ...FLEET, ...world.options, rows, seconds, seed: Number(values.seed) });
  const row = rowOf(world, done, (performance.now() - began) / 1000);
  table(row);
  for (const example of done.judge.examples) say(`  ${example}`);
  total.push(row);
}
const ok = total.every((row) => row.ok);
say(JSON.stringify({ soak: 'reuse', rows: total.reduce((sum, { rows }) => sum + rows, 0), ok, worlds: total }));
process.exitCode = ok ? 0 : 1;
