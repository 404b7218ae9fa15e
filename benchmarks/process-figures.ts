/** What the kernel says of a running process, all its threads. */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time so far, us. Threads that ended are not in it. */
export function cpuUsOf(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  return ns / 1000;
}

export interface Resident {
  /** All of it, MB of 10^6 bytes. */
  readonly rssMb: number;
  /** Files' pages that others map too counted in part, MB. */
  readonly pssMb: number;
  /** What nobody shares, MB. */
  readonly privateMb: number;
  /** What is no file's: heap, stacks, buffers. MB. */
  readonly anonymousMb: number;
}

export function residentOf(pid: number): Resident {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const mb = (name: string): number => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024) / 1e6;
  return {
    rssMb: mb('Rss'),
    pssMb: mb('Pss'),
    privateMb: mb('Private_Dirty') + mb('Private_Clean'),
    anonymousMb: mb('Anonymous'),
  };
}
