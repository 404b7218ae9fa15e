/**
 * What a fleet's stages cost over a real Kafka and a real S3 server: sidecar into the raw topic, enricher from there into
 * the enriched one, sink from there to Parquet objects; and enricher and sink at once. CPU time of Weir's process, its
 * Kafka and S3 clients included; the broker's and the S3 server's is not in it. Rows and sums are checked before any
 * figure is taken.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { awaitCommitted } from '../cli/drain.ts';
import { startEnricherFrom } from '../cli/enricher-parts.ts';
import { enricherGroupOf, sinkGroup } from '../cli/groups.ts';
import { openKafkaLogFrom } from '../cli/kafka-parts.ts';
import { startSidecarFrom } from '../cli/sidecar-parts.ts';
import { startSinkFrom } from '../cli/sink-parts.ts';
import { createMeter, type StageParts } from '../cli/stage-process.ts';
import { topicName, topicSpecs } from '../cli/topics.ts';
import { systemClock } from '../contract/clock.ts';
import { commandLayer, compileConfig } from '../contract/config.ts';
import { silentLogger } from '../contract/log.ts';
import { decodeRawBatch } from '../schemas/generated/flows-raw-v1.ts';
import { readLakeTable } from '../test/fixtures/read-lake.ts';
import { S3World } from '../test/fixtures/s3-world.ts';
import { type KafkaCluster, startKafka } from '../test/servers/kafka.ts';
import { findProgram } from '../test/servers/programs.ts';
import type { Offset } from '../transport/log.ts';
import { type Benchmark, cpuOf, type Figure, Hash, median, type Outcome, type Size } from './harness.ts';
import { RingSource, ringMachine } from './ring-source.ts';

const WAIT_MS = 60_000;
const FEW = 2000;
const READ = { messagesMax: 1000, bytesMax: 1 << 26, waitMs: 1000 };

export const benchmark: Benchmark = {
  name: 'kafka-stages',
  what: 'the stages of a fleet over a real Kafka and a real S3 server, from ring bytes to stored Parquet objects',
  refusal: () => (findProgram('java') === null || findProgram('go') === null ? 'needs java and go' : null),
  run,
};

const WHATS = [
  'sidecar, ring to the raw topic',
  'enricher, raw to enriched topic',
  'sink, enriched topic to Parquet on S3',
  'enricher and sink at once, raw topic to Parquet on S3',
];

async function run(size: Size): Promise<Outcome> {
  const { flows, rounds } = size === 'full' ? { flows: 100_000, rounds: 3 } : { flows: 300, rounds: 0 };
  const kafka = await startKafka();
  try {
    const s3 = await S3World.start();
    try {
      const world = new World(kafka, s3);
      const hash = new Hash();
      // Right, and compiled, before it counts.
      const first = await world.stages(flows, hash);
      const costs = rounds === 0 ? [first.map((us) => us / flows)] : [];
      for (let round = 0; round < rounds; round++) {
        // What it costs to start and to stop is taken off: the difference between many flows and few.
        const few = await world.stages(FEW, null);
        const many = await world.stages(flows, null);
        costs.push(many.map((us, i) => (us - few[i]!) / (flows - FEW)));
      }
      return {
        figures: WHATS.map((what, i) =>
          figureOf(
            what,
            costs.map((each) => each[i]!),
          ),
        ),
        hash: hash.toString(),
      };
    } finally {
      await s3.stop();
    }
  } finally {
    await kafka.stop();
  }
}

function figureOf(what: string, values: readonly number[]): Figure {
  const spread = [Math.min(...values), Math.max(...values)] as const;
  return { what, value: median(values), unit: 'CPU-us a flow', spread };
}

class World {
  readonly #kafka: KafkaCluster;
  readonly #s3: S3World;
  #lakes = 0;

  constructor(kafka: KafkaCluster, s3: S3World) {
    this.#kafka = kafka;
    this.#s3 = s3;
  }

  /** CPU-us of each of `WHATS`. `hash`: the rows of both lakes are read back and held against the raw topic. */
  async stages(flows: number, hash: Hash | null): Promise<readonly number[]> {
    const apart = await this.#inLake(flows, hash, async (parts, lake) => [
      await cpuOf(() => enrich(parts)),
      await cpuOf(() => sink(parts, lake)),
    ]);
    const atOnce = await this.#inLake(flows, hash, async (parts, lake) => [
      await cpuOf(() => Promise.all([enrich(parts), sink(parts, lake, flows)])),
    ]);
    return [...apart, ...atOnce.slice(1)];
  }

  /** Topics and a lake of their own with that many raw flows; what the sidecar cost, then what `work` says. */
  async #inLake(
    flows: number,
    hash: Hash | null,
    work: (parts: StageParts, lake: string) => Promise<readonly number[]>,
  ): Promise<readonly number[]> {
    const number = this.#lakes++;
    const config = compileConfig([
      commandLayer({
        cluster: 'bench',
        'transport.kind': 'kafka',
        'transport.brokers': this.#kafka.addresses(),
        'transport.topicPrefix': `bench${number}.`,
        'transport.partitions': 1,
        'lake.flushAge': 2000,
        'lake.endpoint': this.#s3.server.endpoint,
        'lake.region': this.#s3.server.region,
        'lake.pathStyle': true,
        'lake.cache': join(this.#s3.folder, `cache-${number}`),
      }),
    ]);
    const log = await openKafkaLogFrom(config, silentLogger);
    try {
      await log.ensureTopics(topicSpecs(config));
      const parts: StageParts = { log, clock: systemClock, logger: silentLogger, meter: createMeter(), config };
      const sidecar = await cpuOf(() => capture(parts, flows));
      const costs = await work(parts, `s3://${this.#s3.bucket}/lake-${number}`);
      assert.equal(parts.meter.total('weir_sink_flows_out_total'), flows);
      const folder = join(this.#s3.server.home, 'data', this.#s3.bucket, `lake-${number}`);
      if (hash !== null) await check(parts, folder, flows, hash);
      return [sidecar, ...costs];
    } finally {
      await log.close();
    }
  }
}

async function capture(parts: StageParts, flows: number): Promise<void> {
  const source = new RingSource(flows);
  const { stage } = await startSidecarFrom(parts, ringMachine(source));
  while (source.taken < flows) await systemClock.sleep(20);
  await stage.stop();
}

async function enrich(parts: StageParts): Promise<void> {
  const { log, clock, config } = parts;
  const raw = topicName(config, 'raw');
  const { stage } = await startEnricherFrom(parts);
  const group = enricherGroupOf(config, (await log.describe(raw)).id);
  assert.ok(await awaitCommitted(log, clock, group, raw, WAIT_MS), 'everything is enriched');
  await stage.stop();
}

/** `flows`: not all of them are in the enriched topic yet. */
async function sink(parts: StageParts, lake: string, flows = 0): Promise<void> {
  const { log, clock, config, meter } = parts;
  const running = await startSinkFrom(parts, lake);
  const enriched = topicName(config, 'enriched');
  for (let waitedMs = 0; meter.total('weir_enricher_flows_out_total') < flows; waitedMs += 50) {
    assert.ok(waitedMs < WAIT_MS, 'everything is enriched');
    await clock.sleep(50);
  }
  assert.ok(await awaitCommitted(log, clock, sinkGroup(config), enriched, WAIT_MS), 'everything is stored');
  await running.stage.stop();
  await running.close?.();
}

/** Every flow once, and as many bytes as the raw topic has, by a reader that shares no code with the writer. */
async function check({ log, config }: StageParts, lake: string, flows: number, hash: Hash): Promise<void> {
  const rows = (await readLakeTable(lake, 'flows')).flatMap((file) => file.rows);
  assert.equal(rows.length, flows, 'a row for every flow');
  assert.equal(new Set(rows.map((row) => Number(row['flow_number']))).size, flows, 'and none twice');
  const bytes = rows.reduce((sum, row) => sum + Number(row['bytes_to_dst']) + Number(row['bytes_to_src']), 0);
  let sent = 0;
  let told = 0;
  for (let next = 0 as Offset; told < flows; ) {
    const { messages } = await log.read(topicName(config, 'raw'), 0, next, READ);
    for (const { value, offset } of messages) {
      const { flows: raw } = decodeRawBatch(value);
      for (let i = 0; i < raw.length; i++) sent += raw.bytesSent[i]! + raw.bytesReceived[i]!;
      told += raw.length;
      next = (offset + 1) as Offset;
    }
    assert.ok(messages.length > 0, 'the raw topic has them all');
  }
  assert.equal(bytes, sent, 'and the bytes of each');
  hash.add(rows.length).add(bytes);
}
