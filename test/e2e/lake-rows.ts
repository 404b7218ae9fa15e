/** What `weir run` left of a test's fleet: the rows of its lake, read without DuckDB, and what verify says of it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Fleet } from '../bpf/harness.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';
import { type Ended, type Running, startWeir, until, weir } from './weir-command.ts';

export type Row = Readonly<Record<string, unknown>>;

/** Capture a fleet into a data folder; resolves once the kernel records. */
export async function capture(fleet: Fleet, data: string, ...more: string[]): Promise<Running> {
  const listen = more.includes('--metrics-listen') ? [] : ['--metrics-listen', 'off'];
  const running = startWeir(['run', '--data', data, '--sidecar-cgroup', fleet.cgroupPath, ...listen, ...more]);
  await until('weir run captures', () => /captured \d/.test(running.stdout()) || running.child.exitCode !== null);
  if (running.child.exitCode !== null)
    assert.fail(`weir run ended before it captured: ${(await running.ended).stderr}`);
  return running;
}

/** End it as Ctrl-C does: what was captured is in the lake afterwards. */
export async function endCapture(running: Running): Promise<Ended> {
  running.child.kill('SIGINT');
  const ended = await running.ended;
  assert.equal(ended.status, 0, ended.stderr);
  return ended;
}

/** Rows of `flows`; whole without `columns`. */
export async function readFlows(data: string, columns?: readonly string[]): Promise<Row[]> {
  return (await readLakeTable(join(data, 'lake'), 'flows', columns)).flatMap(({ rows }) => rows);
}

export async function readLosses(data: string): Promise<Row[]> {
  if (!existsSync(join(data, 'lake', 'losses'))) return [];
  return (await readLakeTable(join(data, 'lake'), 'losses')).flatMap(({ rows }) => rows);
}

export const sum = (rows: readonly Row[], column: string): number =>
  rows.reduce((total, row) => total + Number(row[column]), 0);

/** How many rows there are of each combination of these columns. */
export function countBy(rows: readonly Row[], ...columns: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const row of rows) {
    const key = columns.map((column) => String(row[column])).join(' ');
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** Flow numbers of each ring, ascending; fails where one is there twice. */
export function numbersByRing(rows: readonly Row[]): Map<string, number[]> {
  const rings = new Map<string, number[]>();
  for (const row of rows) {
    const ring = String(row['ring_id']);
    const numbers = rings.get(ring);
    if (numbers === undefined) rings.set(ring, [Number(row['flow_number'])]);
    else numbers.push(Number(row['flow_number']));
  }
  for (const [ring, numbers] of rings) {
    numbers.sort((a, b) => a - b);
    const twice = numbers.find((number, i) => number === numbers[i + 1]);
    assert.equal(twice, undefined, `flow ${twice} of ${ring} is there twice`);
  }
  return rings;
}

/** `weir verify` finds nothing. */
export async function verifyComplete(data: string): Promise<void> {
  const { status, stdout, stderr } = await weir('verify', '--data', data);
  assert.equal(status, 0, stdout + stderr);
}
