/**
 * Goals: figures that can be compared within one run (beside each other, beside a reference library, beside a
 * calibration loop), each taken only after the result was checked, and never rotting, because a tiny size runs in the tests.
 * Non-goals: wall-clock throughput, a verdict on a foreign machine, statistics finer than a median of rounds.
 *
 * Time is CPU time of the whole process (user and system, garbage collection and compilation included).
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, release } from 'node:os';
import { join } from 'node:path';

export const ROOT: string = join(import.meta.dirname, '..');

/** `smoke`: does it run and is it right; the figures mean nothing. */
export type Size = 'smoke' | 'full';

/** What a figure is held against. `from` says where the number comes from. */
export interface Goal {
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly from: string;
}

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Smallest and largest round. */
  readonly spread?: readonly [number, number];
  readonly goal?: Goal;
}

export interface Outcome {
  readonly figures: readonly Figure[];
  /** Of the results that were checked: the same on every machine for the same size, or empty where they cannot be. */
  readonly hash: string;
}

export interface Benchmark {
  readonly name: string;
  readonly what: string;
  /** Null: it can run here. */
  readonly refusal?: () => string | null;
  run(size: Size): Promise<Outcome>;
}

/** One thing that is timed: does its work once and says how many units (flows, rows, look-ups) that was. */
export interface Variant {
  readonly name: string;
  readonly run: () => number | Promise<number>;
}

export interface Timing {
  /** CPU-nanoseconds a unit: median of the rounds, and their ends. */
  readonly ns: number;
  readonly min: number;
  readonly max: number;
}

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** CPU-microseconds that `run` costs this process, all its threads. */
export async function cpuOf(run: () => unknown): Promise<number> {
  const before = cpuUs();
  await run();
  return cpuUs() - before;
}

/** Rounds in which every variant has its turn, so that what else the machine does falls on all of them. */
export async function compare(size: Size, variants: readonly Variant[]): Promise<readonly Timing[]> {
  const { rounds, leastUs } = size === 'full' ? { rounds: 9, leastUs: 200_000 } : { rounds: 1, leastUs: 0 };
  if (size === 'full') for (const variant of variants) await turn(variant, leastUs / 2); // compiled before it counts
  const all = variants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, variant] of variants.entries()) all[i]!.push(await turn(variant, leastUs));
  }
  return all.map((ns) => ({ ns: median(ns), min: Math.min(...ns), max: Math.max(...ns) }));
}

async function turn(variant: Variant, leastUs: number): Promise<number> {
  const before = cpuUs();
  let units = 0;
  do {
    const done = variant.run();
    units += typeof done === 'number' ? done : await done;
  } while (cpuUs() - before < leastUs);
  return (1000 * (cpuUs() - before)) / units;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** A timing as units a CPU-second, in millions. */
export function rate(what: string, { ns, min, max }: Timing, goal?: Goal): Figure {
  const figure = { what, value: 1000 / ns, unit: 'M a CPU-second', spread: [1000 / max, 1000 / min] as const };
  return goal === undefined ? figure : { ...figure, goal };
}

/** A timing as CPU-nanoseconds a unit. */
export function cost(what: string, unit: string, { ns, min, max }: Timing, goal?: Goal): Figure {
  const figure = { what, value: ns, unit: `CPU-ns a ${unit}`, spread: [min, max] as const };
  return goal === undefined ? figure : { ...figure, goal };
}

export const isMet = ({ value, goal }: Figure): boolean | null =>
  goal === undefined
    ? null
    : value <= (goal.atMost ?? Number.POSITIVE_INFINITY) && value >= (goal.atLeast ?? Number.NEGATIVE_INFINITY);

/** A seeded generator (xorshift32): the same load on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** A whole number below `n`. */
  below(n: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % n;
  }

  /** In [0, 1). */
  unit(): number {
    return this.below(0x1_0000_0000) / 0x1_0000_0000;
  }
}

/** Zipf with exponent 1 over `n`: 0 is the most frequent. */
export class Zipf {
  readonly #sums: Float64Array;
  readonly #random: Random;

  constructor(n: number, random: Random) {
    this.#random = random;
    this.#sums = new Float64Array(n);
    for (let i = 0, sum = 0; i < n; i++) this.#sums[i] = sum += 1 / (i + 1);
  }

  next(): number {
    const sums = this.#sums;
    const wanted = this.#random.unit() * sums[sums.length - 1]!;
    let low = 0;
    for (let high = sums.length - 1; low < high; ) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** FNV-1a over numbers and texts, eight hex digits. */
export class Hash {
  #value = 0x811c9dc5;

  add(value: number | string): this {
    for (const char of String(value)) this.#value = Math.imul(this.#value ^ char.charCodeAt(0), 0x01000193);
    return this;
  }

  toString(): string {
    return (this.#value >>> 0).toString(16).padStart(8, '0');
  }
}

/** Iterations of an xorshift loop, in millions a CPU-second: what this machine gives one core at this moment. */
export async function calibrate(size: Size): Promise<number> {
  const iterations = size === 'full' ? 20_000_000 : 100_000;
  const spin = (): number => {
    let x = 1;
    for (let i = 0; i < iterations; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
    }
    return x === 0 ? 0 : iterations;
  };
  const [timing] = await compare(size, [{ name: 'xorshift', run: spin }]);
  return 1000 / timing!.ns;
}

export interface Environment {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
  readonly load: string;
}

export function environment(load: string): Environment {
  let commit = 'unknown';
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', ROOT, '-c', 'safe.directory=*', ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    commit = git('rev-parse', '--short=12', 'HEAD');
  } catch (error) {
    commit = `no git (${String(error).slice(0, 40)})`;
  }
  const cpu = cpus()[0]?.model.trim() ?? 'unknown';
  return { cpu, cores: availableParallelism(), kernel: release(), node: process.version, commit, load };
}
