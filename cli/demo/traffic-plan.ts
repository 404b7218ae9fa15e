/** What the workloads do, from a seed: ports, sizes, counts and moments. Pure. */
import {
  CALLER_OF_NOBODY,
  MOVED_ADDRESS,
  MOVED_FROM,
  MOVED_PORT,
  MOVED_TO,
  SILENT_4,
  SOURCE_PORTS,
  UNREACHABLE_4,
  UNREACHABLE_6,
  WORKLOADS,
  type WorkloadPlan,
  workloadNamed,
} from './fleet-plan.ts';
import { type Random, seededRandom } from './random.ts';

export interface TrafficPlan {
  /** By workload: the lines of its plan, without `planned` and `start`. */
  readonly lines: ReadonlyMap<string, readonly string[]>;
  /** Connections that will be attempted. */
  readonly connections: number;
  /** When the address is taken from its holder, ms since the start. */
  readonly takeMs: number;
  /** When the new holder gets it. */
  readonly giveMs: number;
  /** When the stage is killed. */
  readonly killMs: number;
  /** When somebody calls outside for the first time. */
  readonly outsideMs: number;
}

export const FOR_MS_MIN = 10_000;
export const FOR_MS_MAX = 300_000;

const FIRST_CALL_MS = 700;
/** A call that nobody answers is over after this: tcp_syn_retries is 1. */
const SILENT_CALL_MS = 3500;
const NEVER_MS = 2_000_000_000;
const ROUND_MS = 1000;

type End = 'fin' | 'rst' | 'server-rst' | 'abandon' | 'half';

interface Stream {
  readonly from: string;
  /** A workload, or an address that nobody has. */
  readonly to: string;
  readonly port?: number;
  readonly family?: 4 | 6;
  /** Calls a second; or `count` of them. */
  readonly rate?: number;
  readonly count?: number;
  readonly fromMs?: number;
  readonly untilMs?: number;
  readonly request?: number;
  readonly reply?: number;
  readonly holdMs?: number;
  readonly end?: End;
  readonly rounds?: number;
}

/** Mostly between nodes: there the other end is known only by who held its address. */
const steadyStreams = (forMs: number): readonly Stream[] => [
  { from: 'web', to: 'catalog', rate: 24, reply: 8000 },
  { from: 'web', to: 'catalog', rate: 8, family: 6, reply: 4000 },
  { from: 'web', to: 'catalog', rate: 1, end: 'rst' },
  { from: 'web', to: 'db', rate: 7, family: 6, reply: 1500 },
  { from: 'checkout', to: 'payments', rate: 18, request: 900 },
  { from: 'checkout', to: 'payments', rate: 1, end: 'server-rst' },
  { from: 'checkout', to: 'db', rate: 20, reply: 2500, holdMs: 15 },
  { from: 'catalog', to: 'cache-blue', rate: 1.5, reply: 300 },
  { from: 'payments', to: 'checkout', rate: 1.5, request: 400 },
  { from: 'reports', to: 'web', rate: 4, family: 6 },
  { from: 'batch', to: 'reports', rate: 6, reply: 20_000 },
  { from: 'batch', to: 'reports', rate: 2, family: 6, end: 'half' },
  { from: 'batch', to: 'db', rate: 2, request: 250_000, reply: 100, untilMs: forMs - 2000 },
  { from: 'web', to: 'checkout', rate: 2.5, request: 700 },
  { from: 'catalog', to: 'db', rate: 2.5, reply: 1200 },
  { from: 'client', to: 'web', rate: 5, reply: 12_000 },
  { from: 'client', to: 'web', rate: 2.5, family: 6, reply: 12_000 },
  { from: 'client', to: 'web', rate: 1, end: 'rst' },
];

function rareStreams(forMs: number, outsideMs: number): readonly Stream[] {
  const rounds = Math.max(2, Math.floor((forMs - FIRST_CALL_MS - 2500) / ROUND_MS));
  const long = { rounds, holdMs: ROUND_MS, untilMs: FIRST_CALL_MS + 1200 } as const;
  const nobody = { from: CALLER_OF_NOBODY, untilMs: forMs - SILENT_CALL_MS } as const;
  return [
    { from: 'web', to: 'catalog', count: 4, ...long, reply: 30_000 },
    { from: 'checkout', to: 'payments', count: 2, ...long },
    { from: 'batch', to: 'reports', count: 2, family: 6, ...long, reply: 5000 },
    { from: 'client', to: 'web', count: 2, ...long, reply: 9000 },
    { ...nobody, to: UNREACHABLE_4, port: 443, count: 6 },
    { ...nobody, to: UNREACHABLE_6, port: 443, family: 6, count: 3 },
    { ...nobody, to: SILENT_4, port: 8125, count: 5 },
    { ...nobody, to: SILENT_4, port: 8126, count: 5, end: 'abandon', holdMs: 400 },
    { from: 'web', to: 'reports', port: 7999, count: 8 },
    { from: 'payments', to: 'internet', count: 3, fromMs: outsideMs, untilMs: outsideMs + 3000, request: 30_000 },
    { from: 'batch', to: 'internet', family: 6, count: 2, fromMs: outsideMs + 500, untilMs: outsideMs + 3000 },
  ];
}

/** The moved address is called all the time; nothing is open at the moment when it moves. */
const cacheStreams: readonly Stream[] = [
  { from: 'web', to: MOVED_ADDRESS, port: MOVED_PORT, rate: 9, request: 60, reply: 900 },
  { from: 'checkout', to: MOVED_ADDRESS, port: MOVED_PORT, rate: 9, request: 60, reply: 900 },
];

/** `forMs` between FOR_MS_MIN and FOR_MS_MAX. */
export function planTraffic(seed: number, forMs: number): TrafficPlan {
  const random = seededRandom(seed);
  const takeMs = Math.round(forMs * (0.5 + 0.1 * random.next()));
  // Sometimes at once, sometimes with a moment in which nobody has it.
  const giveMs = takeMs + (random.next() < 0.3 ? 0 : random.between(100, 1200));
  const outsideMs = Math.round(forMs * (0.4 + 0.2 * random.next()));
  const refuseFromMs = Math.round(forMs * (0.25 + 0.1 * random.next()));
  const lines = new Map<string, string[]>(WORKLOADS.map(({ name }) => [name, headLines(workloadNamed(name))]));
  const add = (workload: string, line: string): void => void lines.get(workload)?.push(line);
  for (const { name, v4, v6, port, forks } of WORKLOADS) {
    for (const [family, address] of [
      [4, v4],
      [6, v6],
    ] as const) {
      for (const [fromMs, untilMs] of windows(name, refuseFromMs, Math.round(forMs * 0.1))) {
        add(name, listenLine(family, address, port, fromMs, untilMs, forks));
      }
    }
  }
  add(MOVED_FROM, listenLine(4, MOVED_ADDRESS, MOVED_PORT, 0, takeMs - random.between(300, 600), false));
  add(MOVED_TO, listenLine(4, MOVED_ADDRESS, MOVED_PORT, giveMs + random.between(0, 300), NEVER_MS, false));
  let connections = 0;
  for (const stream of [...steadyStreams(forMs), ...cacheStreams, ...rareStreams(forMs, outsideMs)]) {
    const call = callOf(stream, random, forMs);
    connections += call.count;
    add(stream.from, call.line);
  }
  return { lines, connections, takeMs, giveMs, killMs: Math.round(forMs * 0.4), outsideMs };
}

const headLines = ({ sourcePort }: WorkloadPlan): string[] => [`ports ${sourcePort} ${SOURCE_PORTS}`];

/** When a workload listens: the database takes a break. */
function windows(name: string, refuseFromMs: number, refuseMs: number): readonly (readonly [number, number])[] {
  if (name !== 'db') return [[0, NEVER_MS]];
  return [
    [0, refuseFromMs],
    [refuseFromMs + refuseMs, NEVER_MS],
  ];
}

const listenLine = (family: 4 | 6, at: string, port: number, fromMs: number, untilMs: number, forks: boolean): string =>
  `listen ${family} ${at} ${port} ${fromMs} ${untilMs} ${forks ? 'fork' : 'thread'}`;

function callOf(stream: Stream, random: Random, forMs: number): { line: string; count: number } {
  const { family = 4, end = 'fin', rounds = 1, holdMs = 0 } = stream;
  const startMs = (stream.fromMs ?? FIRST_CALL_MS) + random.between(0, 150);
  const spanMs = Math.max(1, (stream.untilMs ?? forMs - 200) - startMs);
  const rate = (stream.rate ?? 0) * (0.85 + 0.3 * random.next());
  const count = stream.count ?? Math.max(1, Math.floor((rate * spanMs) / 1000));
  const everyMs = Math.max(1, Math.floor(spanMs / count));
  const size = (around: number): number => Math.max(1, Math.round(around * (0.5 + random.next())));
  const from = workloadNamed(stream.from);
  const target = WORKLOADS.find(({ name }) => name === stream.to);
  const to = target === undefined ? stream.to : family === 4 ? target.v4 : target.v6;
  const port = stream.port ?? target?.port ?? 0;
  const source = family === 4 ? from.v4 : from.v6;
  const sizes = `${size(stream.request ?? 200)} ${size(stream.reply ?? 1000)}`;
  const line = `call ${startMs} ${count} ${everyMs} ${family} ${source} ${to} ${port} ${sizes} ${holdMs} ${end} ${rounds}`;
  return { line, count };
}
