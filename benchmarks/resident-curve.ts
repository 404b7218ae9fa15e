/** Resident memory of a process over time, and whether it grows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { residentOf } from './process-figures.ts';

const SAMPLE_MS = 5000;
/** Compiling, caches and the first files are over. */
const SETTLED_MS = 120_000;
export const SLOPE_MB_MINUTE_MAX = 1;
export const CURVE_MS_MIN: number = 2 * SAMPLE_MS;

export interface Sample {
  readonly minutes: number;
  readonly rssMb: number;
  readonly anonymousMb: number;
}

export interface Curve {
  readonly lines: readonly string[];
  /** Of resident memory after minute 2, or after half of a shorter time; MB a minute. */
  readonly slopeMb: number;
  readonly peakMb: number;
}

export async function sampleCurve(pid: number, forMs: number): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const from = performance.now();
  for (let due = SAMPLE_MS; due <= forMs; due += SAMPLE_MS) {
    await sleep(Math.max(0, from + due - performance.now()));
    samples.push({ minutes: (performance.now() - from) / 60_000, ...residentOf(pid) });
  }
  return samples;
}

export function curveOf(samples: readonly Sample[], forMs: number): Curve {
  const fromMs = Math.min(SETTLED_MS, forMs / 2);
  const settled = samples.filter(({ minutes }) => minutes * 60_000 >= fromMs);
  const slopeMb = slopeOf(settled, ({ rssMb }) => rssMb);
  const numbers = (of: (one: Sample) => number): string => samples.map((one) => of(one).toFixed(1)).join(' ');
  const lines = [
    `resident MB every ${SAMPLE_MS / 1000} s: ${numbers(({ rssMb }) => rssMb)}`,
    `anonymous MB: ${numbers(({ anonymousMb }) => anonymousMb)}`,
    `slope after minute ${(fromMs / 60_000).toFixed(1)}: ${slopeMb.toFixed(2)} MB a minute resident, ` +
      `${slopeOf(settled, ({ anonymousMb }) => anonymousMb).toFixed(2)} anonymous (goal below ${SLOPE_MB_MINUTE_MAX})`,
  ];
  return { lines, slopeMb, peakMb: Math.max(...samples.map(({ rssMb }) => rssMb)) };
}

/** Least squares, MB a minute. */
function slopeOf(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(samples.map(({ minutes }) => minutes));
  const y = mean(samples.map(of));
  const covariance = mean(samples.map((sample) => (sample.minutes - x) * (of(sample) - y)));
  return covariance / mean(samples.map(({ minutes }) => (minutes - x) ** 2));
}
