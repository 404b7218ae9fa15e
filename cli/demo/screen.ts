/** The last screen: what a fleet's operators ask, answered from the lake, and the truth beside it. 80 columns. Pure. */
import type { CheckReport } from './check.ts';
import { LOOKED_UP_SHARE_MIN } from './check.ts';
import { MOVED_ADDRESS } from './fleet-plan.ts';
import type { Answer, DemoResult, SidecarRestart } from './result.ts';
import type { Truth } from './truth.ts';

export const SCREEN_COLUMNS = 80;
export const SCREEN_LINES = 40;
/** First character of a line whose figure is off; a terminal shows it red. */
export const OFF_MARK = '!';

export interface ScreenInput {
  readonly result: DemoResult;
  readonly truth: Truth;
  /** As the user would name it. */
  readonly data: string;
  /** A recording was played instead of capturing. */
  readonly isPlayback: boolean;
}

const cut = (line: string): string => (line.length <= SCREEN_COLUMNS ? line : `${line.slice(0, SCREEN_COLUMNS - 1)}…`);
const text = (value: unknown): string => `${(value ?? '') as string}`.replace(/\p{Cc}/gu, ' ');
const whole = (value: unknown): string => Number(value ?? 0).toLocaleString('en-US', { maximumFractionDigits: 0 });
const tenths = (value: unknown): string => (value === null ? '?' : Number(value).toFixed(1));
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

export function screenLines(input: ScreenInput): string[] {
  const { result, truth, data, isPlayback } = input;
  const connections = `${whole(result.check.connections.made)} connections in ${truth.head.forMs / 1000} s`;
  const what = isPlayback ? 'a playback' : 'captured with eBPF';
  const lines = [
    `== weir demo, seed ${truth.head.seed}: ${connections}, ${what} ==`,
    heading('WHAT FAILS, AND HOW', 'failures'),
    ...result.failures.map(failureLine),
    heading('WHAT IS SLOW (ms, 95th percentile), AND WHY', 'slow'),
    ...result.slow.map(slowLine),
    heading('WHO REACHED OUTSIDE FOR THE FIRST TIME', 'outside'),
    ...result.outside
      .filter(({ what: of }) => !text(of).startsWith('unclaimed'))
      .slice(0, 2)
      .map(outsideLine),
    heading(`WHO HELD ${MOVED_ADDRESS}, AND WHEN`, 'owners'),
    ...result.owners.slice(0, 3).map(ownerLine),
    ...truthLines(result),
    'GO ON WITH',
    `  npx weir query --data ${data} --pack edges`,
    `  npx weir query --data ${data} --pack owners --set addr=${MOVED_ADDRESS}`,
    `  npx weir verify --data ${data}`,
  ];
  return lines.map(cut);
}

const heading = (title: string, query: string): string => {
  const name = `weir query --pack ${query}`;
  return `${title.padEnd(SCREEN_COLUMNS - name.length - 1)} ${name}`;
};

function failureLine(row: Answer): string {
  const edge = `${text(row['client'])} -> ${text(row['server'])}:${text(row['dst_port'])}`;
  const often = `${whole(row['connections'])} of ${whole(row['of_all'])}`;
  return `  ${edge.padEnd(34)} ${text(row['outcome']).padEnd(13)} ${often.padEnd(12)} ${text(row['error'])}`;
}

function slowLine(row: Answer): string {
  const edge = `${text(row['client'])} -> ${text(row['server'])}:${text(row['dst_port'])}`;
  const times = `open ${tenths(row['connect_ms_p95'])}, rtt ${tenths(row['rtt_ms_p95'])}`;
  return `  ${edge.padEnd(29)} ${times}: ${text(row['why'])}`;
}

function outsideLine(row: Answer): string {
  const edge = `${text(row['client'])} -> ${text(row['dst_addr'])} port ${text(row['dst_port'])}`;
  return `  ${edge.padEnd(44)} first ${clockTime(row['first_time'])}, ${whole(row['bytes_to_dst'])} B`;
}

function ownerLine(row: Answer): string {
  const until = row['valid_to'] === null ? 'now' : clockTime(row['valid_to']);
  const node = text(row['claimed_by']).replace(/^demo-\d+-\d+-/, '');
  return `  ${text(row['workload']).padEnd(12)} on ${node.padEnd(8)} from ${clockTime(row['valid_from'])} until ${until}`;
}

/** Of an ISO time, the time of day with milliseconds. */
const clockTime = (value: unknown): string => text(value).slice(11, 23);

/** A line of the truth and whether its figure is off. */
interface Figure {
  readonly name: string;
  readonly value: string;
  readonly isOff: boolean;
}

function figuresOf({ check, wrongByNewest, losses, verify, lossesAllowed, restart }: DemoResult): Figure[] {
  const { connections, bytes, rows, names, lookedUpShare, outcomesOff } = check;
  const { made, found, off, unjudged } = connections;
  const notJudged = unjudged === 0 ? '' : `, ${whole(unjudged)} not judged (no sidecar)`;
  const lake = `${whole(names.ends / 2)} rows, ${whole(rows.interim)} interim`;
  const gone = `${whole(rows.lost)} lost, ${whole(rows.twice)} twice, ${whole(rows.unexpected)} without truth`;
  const reasons = [...names.unnamed].sort(([, a], [, b]) => b - a);
  const unnamed = reasons.map(([reason, ends]) => `${reason} ${whole(ends)}`).join(', ') || 'none';
  const finding = verify.findings[0];
  return [
    {
      name: 'connections',
      value: `${whole(made)} made, ${whole(found)} found, ${whole(off)} off${notJudged}`,
      isOff: off > 0 || made === 0,
    },
    { name: 'bytes', value: `${whole(bytes.truth)} of payload, off by ${whole(bytes.off)}`, isOff: bytes.off > 0 },
    { name: 'rows', value: `${gone}; ${lake}`, isOff: rows.lost + rows.twice + rows.unexpected > 0 },
    ...restartFigure(restart, rows.lost + rows.twice + losses),
    { name: 'outcomes', value: `${whole(outcomesOff)} off`, isOff: outcomesOff > 0 },
    {
      name: 'named wrongly',
      value: `${whole(names.wrong)} of ${whole(names.ends)} ends; the current owner would be wrong for ${whole(wrongByNewest)}`,
      isOff: names.wrong > 0,
    },
    { name: 'not named', value: `${unnamed}; rightly: ${whole(names.nobody)} outside the fleet`, isOff: false },
    { name: 'known by', value: methodsText(check), isOff: lookedUpShare < LOOKED_UP_SHARE_MIN },
    {
      name: 'ledger',
      value: `${whole(verify.summary.flows)} flow numbers in rows, ${whole(losses)} told as lost`,
      isOff: losses > 0 && !lossesAllowed,
    },
    {
      name: 'verify',
      value: finding === undefined ? `complete: ${whole(verify.summary.objects)} objects` : finding.message,
      isOff: !verify.ok,
    },
  ];
}

/** Beside the rows: what a sidecar that was killed cost. */
function restartFigure(restart: SidecarRestart | null, off: number): Figure[] {
  if (restart === null) return [];
  const away = `sidecar of node-a away ${(restart.awayMs / 1000).toFixed(1)} s`;
  if (!restart.adopted) return [{ name: 'kill -9', value: `${away}, its ring too: not judged then`, isOff: false }];
  const cost = off === 0 ? '0 lost, 0 twice' : `${whole(off)} LOST OR TWICE`;
  return [{ name: 'kill -9', value: `${away}, its ring adopted: ${cost}`, isOff: off > 0 }];
}

function truthLines(result: DemoResult): string[] {
  const figures = figuresOf(result);
  const off = figures.filter(({ isOff }) => isOff).length;
  const verdict = off === 0 ? 'every figure is right' : `${off} FIGURES ARE OFF`;
  const title = 'THE TRUTH, as the traffic programs wrote it down';
  return [
    title.padEnd(SCREEN_COLUMNS - verdict.length) + verdict,
    ...figures.map(({ name, value, isOff }) => `${isOff ? OFF_MARK : ' '} ${name.padEnd(14)} ${value}`),
  ];
}

function methodsText(check: CheckReport): string {
  const shares = [...check.methods].sort(([, a], [, b]) => b - a);
  const list = shares.map(([method, ends]) => `${method} ${percent(ends / Math.max(1, check.names.ends))}`).join(', ');
  return check.lookedUpShare >= LOOKED_UP_SHARE_MIN ? list : `${list}: too few by look-up`;
}
