/**
 * A schema outage, over any log: sidecars already write in the framing of a registry that the enricher was not told of. Its
 * dead letters are told as lost; a newer configuration re-drives them, and the lake is complete.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { encodeRawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import type { Log, Offset } from '../../transport/log.ts';
import { openRegistryLog } from '../../transport/registry/registry-log.ts';
import { startWeir, weir } from '../e2e/weir-command.ts';
import { ownershipOut, rawBatch, rawOut, workload } from '../fixtures/enricher-messages.ts';
import { FakeRegistry } from '../fixtures/fake-registry.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';

/** A log of this test's own, and how weir is told of it and of the lake. */
export interface OutageWorld {
  readonly log: Log;
  /** Flags of the log. */
  readonly transport: readonly string[];
  /** Flags of the log and the lake. */
  readonly reading: readonly string[];
  readonly lake: string;
}

const RAW = 'weir.flows.raw.v1';
const LETTERS = 'weir.dead-letters.v1';
const S = 1_000_000;
const FLOWS = 5;
/** Of one ring: every second batch is one of those that cannot be read, the last says how far the stream went. */
const BATCHES = 8;

async function until<T>(what: string, look: () => Promise<T | null>, everyMs = 200): Promise<T> {
  for (const endMs = Date.now() + 30_000; Date.now() < endMs; ) {
    const found = await look();
    if (found !== null) return found;
    await pause(everyMs);
  }
  assert.fail(`waited too long: ${what}`);
}

const batch = (n: number) => {
  const flow = (i: number) => ({
    local: '10.0.0.1',
    remote: '10.0.0.9',
    start: (10 + i) * S,
    end: (11 + i) * S,
    localWorkload: 0,
  });
  const losses =
    n === 1
      ? [{ stage: 'kernel', reason: 'ring_full', flows: 3, intervalStartUs: 1, intervalEndUs: 2, intentional: false }]
      : [];
  const flows = Array.from({ length: FLOWS }, (_, i) => flow(i));
  const first = FLOWS * n + (n > 1 ? 3 : 0);
  return { ring: 'ring-1', seq: n, first, flows, losses, workloads: [workload('client')] };
};

async function produceOutage(log: Log, framed: Log): Promise<void> {
  const claim = { addr: '10.0.0.9', who: workload('server'), from: 5 * S };
  await log.produce('weir.ownership.v1', 0, [
    ownershipOut({ seq: 0, kind: 'full', asOf: 10 * S, claims: [claim] }),
    ownershipOut({ seq: 1, kind: 'asOf', asOf: 60 * S }),
  ]);
  for (let n = 0; n < BATCHES; n++) await (n % 2 === 1 ? framed : log).produce(RAW, 0, [rawOut(batch(n))]);
  // Never readable: its range is known, its bytes are nobody's.
  const broken = rawOut(batch(BATCHES));
  await log.produce(RAW, 0, [{ ...broken, value: encodeRawBatch(rawBatch(batch(BATCHES))).subarray(0, 60) }]);
}

export function outageScenario(what: string, open: (folder: string) => Promise<OutageWorld>): void {
  it(`${what}: what was refused comes back, once, and the lake is complete`, { timeout: 110_000 }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-letters-'));
    const registry = await FakeRegistry.start();
    const world = await open(folder);
    t.after(async () => {
      await world.log.close();
      await registry.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    const framed = await openRegistryLog(world.log, { url: registry.url, userInfo: '', deadLettersTopic: LETTERS });
    await produceOutage(world.log, framed);
    const newer = ['--transport-registry', registry.url];
    const stopOld = startStages(t, world, []);
    const letters = (...more: string[]) => lettersOf(world, ...more);
    const told = await until('five letters are told', async () => {
      const rows = await letters();
      return rows.length === 5 && rows.every((row) => row['lake'] === 'told') ? rows : null;
    });
    assert.deepEqual(
      told.map((row) => row['flows']),
      [8, 5, 5, 5, 5],
    );
    assert.ok(
      told.every(
        (row) => String(row['code']).startsWith('WEIR_SCHEMA_') && row['node'] === 'n1' && row['stage'] === 'enricher',
      ),
    );
    assert.equal((await letters('--limit', '2')).length, 2);
    assert.equal((await letters('--stage', 'sink')).length, 0);
    assert.equal((await letters('--to', '1h')).length, 0);

    const id = String(told[0]!['letter']);
    const file = join(folder, 'letter');
    const dumped = await weir('dead-letters', 'payload', id, file, ...world.reading, ...newer);
    assert.equal(dumped.status, 0, dumped.stderr);
    assert.deepEqual(
      new Uint8Array(readFileSync(file)),
      (await world.log.read(RAW, 0, 1 as Offset, { messagesMax: 1, bytesMax: 1e6, waitMs: 0 })).messages[0]!.value,
    );

    const redrive = (...more: string[]) =>
      weir('dead-letters', 'redrive', ...world.reading, '--format', 'json', ...more);
    const enrichedEnd = async () => (await world.log.describe('weir.flows.enriched.v1')).partitions[0]!.end;
    const before = await enrichedEnd();
    const asOld = await redrive();
    assert.equal(asOld.status, 1, asOld.stderr);
    assert.equal(asOld.stdout.match(/refused again: WEIR_SCHEMA_/g)?.length, 5);
    const dry = await redrive('--dry-run', ...newer);
    assert.equal(dry.stdout.match(/would be re-driven/g)?.length, 4);
    assert.equal(await enrichedEnd(), before, 'nothing is written so far');

    await stopOld();
    const stop = startStages(t, world, newer);
    // One that is killed once it has written something, and two at once: what is written twice is taken once.
    const killed = startWeir(['dead-letters', 'redrive', ...world.reading, ...newer]);
    await until('a letter is re-driven', async () => ((await enrichedEnd()) > before ? true : null), 20);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const both = await Promise.all([redrive(...newer), redrive(...newer)]);
    assert.deepEqual(
      both.map(({ status }) => status),
      [1, 1],
      both[0]?.stderr,
    );
    await until('four are recovered', async () => {
      const states = (await letters()).map((row) => row['lake']);
      return states.filter((state) => state === 'recovered').length === 4 ? states : null;
    });
    const again = await redrive(...newer, '--limit', '4');
    assert.equal(again.status, 0, again.stdout + again.stderr);
    assert.equal(again.stdout.match(/recovered before/g)?.length, 4);

    await stop();
    await checkLake(world);
  });
}

async function lettersOf(world: OutageWorld, ...more: string[]): Promise<Record<string, unknown>[]> {
  const { status, stdout, stderr } = await weir('dead-letters', 'list', ...world.reading, '--format', 'json', ...more);
  if (status !== 0 && stderr.startsWith('WEIR_EXPLORE_NO_LAKE')) return [];
  assert.equal(status, 0, stderr);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** An enricher and a sink; ended cleanly by the answer. */
function startStages(t: TestContext, world: OutageWorld, more: readonly string[]): () => Promise<void> {
  const off = ['--metrics-listen', 'off', ...more];
  const stages = [
    startWeir(['enricher', ...world.transport, ...off, '--enricher-hold', '1s']),
    startWeir(['sink', ...world.reading, ...off, '--lake-flush-age', '200ms']),
  ];
  const stop = async (): Promise<void> => {
    for (const { child } of stages) if (child.exitCode === null) child.kill('SIGTERM');
    for (const { ended } of stages) {
      const { status, stderr } = await ended;
      assert.equal(status, 0, stderr);
    }
  };
  t.after(() => stages.forEach(({ child }) => child.kill('SIGKILL')));
  return stop;
}

async function checkLake(world: OutageWorld): Promise<void> {
  const rows = (await readLakeTable(world.lake, 'flows')).flatMap((file) => file.rows);
  const numbers = rows.map((row) => Number(row['flow_number'])).sort((a, b) => a - b);
  const losses = existsSync(join(world.lake, 'losses'))
    ? (await readLakeTable(world.lake, 'losses')).flatMap((file) => file.rows)
    : [];
  // 40 rows, 3 lost in the kernel, 5 in the message that nobody can read.
  const expected = Array.from({ length: FLOWS * BATCHES }, (_, i) => (i < 2 * FLOWS ? i : i + 3));
  assert.deepEqual(numbers, expected);
  assert.ok(
    rows.every(
      (row) => row['ring_id'] === 'ring-1' && row['src_workload'] === 'client' && row['dst_workload'] === 'server',
    ),
  );
  const sums: Record<string, number> = {};
  for (const loss of losses) sums[String(loss['reason'])] = (sums[String(loss['reason'])] ?? 0) + Number(loss['flows']);
  assert.deepEqual(sums, { undecodable: 28, recovered: -23, ring_full: 3 });
  const verified = await weir('verify', ...world.reading);
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  assert.match(verified.stdout, /40 flows in rows, 8 told as lost/);
}
