/**
 * The whole way, as `weir run` goes it: ring bytes, sidecar, embedded log, enricher with its worker, sink, files.
 * First all stages at once, then one after another over the same log, which tells what each costs (the log's part with
 * it, since it runs for whoever asks).
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awaitCommitted } from '../cli/drain.ts';
import { startEnricherFrom } from '../cli/enricher-parts.ts';
import { enricherGroupOf, sinkGroup } from '../cli/groups.ts';
import { startPipeline } from '../cli/pipeline.ts';
import { startSidecarFrom } from '../cli/sidecar-parts.ts';
import { startSinkFrom } from '../cli/sink-parts.ts';
import { createMeter, type StageParts } from '../cli/stage-process.ts';
import { topicName, topicSpecs } from '../cli/topics.ts';
import { systemClock } from '../contract/clock.ts';
import { commandLayer, compileConfig } from '../contract/config.ts';
import { silentLogger } from '../contract/log.ts';
import { openEmbeddedLog } from '../transport/embedded/embedded-log.ts';
import { readLakeTable } from '../test/fixtures/read-lake.ts';
import { type Benchmark, cpuOf, type Figure, Hash, median, type Outcome, type Size } from './harness.ts';
import { RingSource, ringMachine } from './ring-source.ts';

const WAIT_MS = 60_000;
const FEW = 2000;

export const benchmark: Benchmark = {
  name: 'ring-to-parquet',
  what: 'all stages of weir run in one process, from ring bytes to stored Parquet files',
  run,
};

async function run(size: Size): Promise<Outcome> {
  const { flows, rounds } = size === 'full' ? { flows: 200_000, rounds: 3 } : { flows: 300, rounds: 0 };
  const hash = new Hash();
  // Compiled before it counts; and the rows are read back here.
  await inFolder((folder) => atOnce(folder, size === 'full' ? 50_000 : flows, hash));
  const whole: number[] = [];
  const stages: (readonly number[])[] = [];
  for (let round = 0; round < rounds; round++) {
    // What it costs to start and to stop is taken off: the difference between many flows and few.
    const few = await inFolder((folder) => atOnce(folder, FEW, null));
    whole.push(((await inFolder((folder) => atOnce(folder, flows, null))) - few) / (flows - FEW));
    const fewEach = await inFolder((folder) => oneByOne(folder, FEW));
    const each = await inFolder((folder) => oneByOne(folder, flows));
    stages.push(each.map((us, i) => (us - fewEach[i]!) / (flows - FEW)));
  }
  if (size === 'smoke') {
    const each = await inFolder((folder) => oneByOne(folder, flows));
    stages.push(each.map((us) => us / flows));
  }
  const figure = (what: string, values: readonly number[]): Figure => {
    const spread = [Math.min(...values), Math.max(...values)] as const;
    return { what, value: median(values), unit: 'CPU-us a flow', spread };
  };
  const figures = [
    'sidecar alone, ring to raw log',
    'enricher alone, raw to enriched log',
    'sink alone, enriched log to files',
  ].map((what, i) =>
    figure(
      what,
      stages.map((costs) => costs[i]!),
    ),
  );
  return { figures: rounds > 0 ? [figure('all stages at once', whole), ...figures] : figures, hash: hash.toString() };
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As `weir run` has it, but for the live view and the metrics server. */
async function withParts<T>(folder: string, work: (parts: StageParts, lake: string) => Promise<T>): Promise<T> {
  const config = compileConfig([commandLayer({ 'lake.flushAge': 2000, cluster: 'bench' })]);
  const log = await openEmbeddedLog({ path: join(folder, 'weir.sqlite') });
  try {
    await log.ensureTopics(topicSpecs(config));
    const parts: StageParts = { log, clock: systemClock, logger: silentLogger, meter: createMeter(), config };
    return await work(parts, join(folder, 'lake'));
  } finally {
    await log.close();
  }
}

/** CPU-us of all. `hash`: read every row back. */
async function atOnce(folder: string, flows: number, hash: Hash | null): Promise<number> {
  return withParts(folder, async (parts, lake) => {
    const source = new RingSource(flows);
    const us = await cpuOf(async () => {
      const pipeline = await startPipeline(parts, lake, async (of) => [
        (await startSidecarFrom(of, ringMachine(source))).stage,
      ]);
      await untilTaken(source, flows);
      assert.ok(await pipeline.stop(), 'everything is in the lake');
    });
    assert.equal(parts.meter.total('weir_sink_flows_out_total'), flows);
    if (hash !== null) await check(lake, flows, hash);
    return us;
  });
}

/** CPU-us of sidecar, enricher and sink. */
async function oneByOne(folder: string, flows: number): Promise<readonly number[]> {
  return withParts(folder, async (parts, lake) => {
    const { log, clock, config, meter } = parts;
    const raw = topicName(config, 'raw');
    const enriched = topicName(config, 'enriched');
    const source = new RingSource(flows);
    const sidecar = await cpuOf(async () => {
      const { stage } = await startSidecarFrom(parts, ringMachine(source));
      await untilTaken(source, flows);
      await stage.stop();
    });
    const enricher = await cpuOf(async () => {
      const { stage } = await startEnricherFrom(parts);
      const group = enricherGroupOf(config, (await log.describe(raw)).id);
      assert.ok(await awaitCommitted(log, clock, group, raw, WAIT_MS), 'everything is enriched');
      await stage.stop();
    });
    const sink = await cpuOf(async () => {
      const { stage } = await startSinkFrom(parts, lake);
      assert.ok(await awaitCommitted(log, clock, sinkGroup(config), enriched, WAIT_MS), 'everything is stored');
      await stage.stop();
    });
    assert.equal(meter.total('weir_sink_flows_out_total'), flows);
    return [sidecar, enricher, sink];
  });
}

async function untilTaken(source: RingSource, flows: number): Promise<void> {
  while (source.taken < flows) await systemClock.sleep(20);
}

/** Every flow once, by a reader that shares no code with the writer. */
async function check(lake: string, flows: number, hash: Hash): Promise<void> {
  const rows = (await readLakeTable(lake, 'flows')).flatMap((file) => file.rows);
  assert.equal(rows.length, flows, 'a row for every flow');
  const seen = new Set(rows.map((row) => Number(row['flow_number'])));
  assert.equal(seen.size, flows, 'and none twice');
  const localMethods = rows.filter((row) => row['src_method'] === 'local' || row['dst_method'] === 'local').length;
  assert.equal(localMethods, flows, 'the end that was captured has its owner');
  const bytes = rows.reduce((sum, row) => sum + Number(row['bytes_to_dst']) + Number(row['bytes_to_src']), 0);
  hash.add(rows.length).add(bytes);
}
