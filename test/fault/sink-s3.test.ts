/**
 * Invariant: however a bucket refuses, loses answers, answers late or applies requests long after the sink gave up,
 * every flow is in the lake once or told as lost once, and `verify` proves it. Two sinks write one chain all the while.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import avsc from 'avsc';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import type { Store } from '../../contract/store.ts';
import { queryAll } from '../../explore/query.ts';
import { openLake } from '../../explore/lake.ts';
import { verifyLake } from '../../explore/verify.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import type { ObjectFormat } from '../../schemas/objects.ts';
import { openAvroFormat } from '../../sink/format/avro.ts';
import { openParquetFormat } from '../../sink/format/parquet.ts';
import { startSink } from '../../sink/run.ts';
import { TOPICS } from '../../transport/log.ts';
import { enrichedBatch } from '../fixtures/enriched.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { S3World } from '../fixtures/s3-world.ts';
import { FAULT_KINDS, type FaultRates, HttpFaultProxy } from '../servers/http-fault-proxy.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };
const RATES: FaultRates = {
  refused: 0.08,
  cut_request: 0.05,
  lost_answer: 0.08,
  cut_answer: 0.05,
  slow: 0.04,
  late: 0.06,
};
/** Groups of their own: both sinks are given the one partition. */
const GROUPS = ['a', 'b'] as const;
const BATCHES = 60;
const FLOWS = 200;
const LOST = 3;
/** Of the numbers between two batches. */
const GAP = 2;

/** Flow numbers of all rows. */
async function parquetNumbers(store: Store): Promise<unknown[]> {
  const lake = await openLake({ store });
  try {
    return (await queryAll(lake, 'SELECT flow_number FROM flows')).map((row) => row['flow_number']);
  } finally {
    lake.close();
  }
}

async function avroNumbers(store: Store): Promise<unknown[]> {
  const numbers: unknown[] = [];
  for (const { name } of await store.list('flows/')) {
    const rows = avsc.createFileDecoder(await store.localPath(name)) as AsyncIterable<Record<string, unknown>>;
    for await (const row of rows) numbers.push(row['flow_number']);
  }
  return numbers;
}

async function play(seed: number, format: ObjectFormat): Promise<Record<string, number>> {
  const world = await S3World.start();
  // Slow is slower than the store waits: applied, and given up.
  const proxy = await HttpFaultProxy.start({ target: world.server.endpoint, seed, slowMs: 1000, lateMs: 4000 });
  try {
    const broker = new MemoryBroker();
    const log = broker.client();
    await log.ensureTopics([TOPICS.enriched, TOPICS.ownership].map((name) => ({ ...TOPIC, name })));
    const start = async (group: string) =>
      startSink({
        log: broker.client(),
        store: await world.open({ endpoint: proxy.endpoint, timeoutMs: 800, cacheDir: join(world.folder, group) }),
        clock: systemClock,
        logger: silentLogger,
        meter: silentMeter,
        enrichedTopic: TOPICS.enriched,
        ownershipTopic: TOPICS.ownership,
        group,
        flushAgeMs: 40,
        flushRowsMax: 5 * FLOWS,
        stopMs: 60_000,
        format: format === 'avro' ? openAvroFormat() : openParquetFormat(),
      });
    const sinks = [await start(GROUPS[0]), await start(GROUPS[1])];
    proxy.rates = RATES;
    let next = 0;
    for (let batch = 0; batch < BATCHES; batch++) {
      const first = next + (batch % 10 === 9 ? GAP : 0);
      next = first + FLOWS;
      const value = encodeEnrichedBatch(enrichedBatch([{ ring: 'r', first, next, lost: LOST }]));
      await log.produce(TOPICS.enriched, 0, [{ key: null, value, headers: {} }]);
      await systemClock.sleep(60);
    }
    proxy.rates = {};
    await proxy.settle();
    // One of them is enough: a sink that finds all stored when it has found the chain's end commits nothing.
    const stored = async (): Promise<void> => {
      const positions = await Promise.all(GROUPS.map((group) => log.position(group, TOPICS.enriched, 0)));
      if (positions.some((position) => position === BATCHES)) return;
      await systemClock.sleep(20);
      await stored();
    };
    // A sink that cannot go on says why.
    await Promise.race([stored(), ...sinks.map((sink) => sink.done)]);
    await Promise.all(sinks.map((sink) => sink.stop()));
    await Promise.all(sinks.map((sink) => sink.done));
    await proxy.settle();

    const store = world.read({ cacheDir: join(world.folder, 'reader') });
    const report = await verifyLake({ store, log, topicPrefix: '', clock: systemClock });
    assert.deepEqual(report.findings, [], `seed ${seed}`);
    const lost = BATCHES * LOST + Math.floor(BATCHES / 10) * GAP;
    assert.deepEqual([report.summary.flows, report.summary.losses], [next - lost, lost], `seed ${seed}`);
    const numbers = format === 'avro' ? await avroNumbers(store) : await parquetNumbers(store);
    assert.deepEqual([numbers.length, new Set(numbers).size], [next - lost, next - lost], `seed ${seed}`);
    return { ...proxy.delivered };
  } finally {
    await proxy.close();
    await world.stop();
  }
}

describe('two sinks on one bucket that fails in every way', () => {
  it('lose and double nothing', async (context) => {
    const sums: Record<string, number> = {};
    for (const [seed, format] of [
      [1, 'parquet'],
      [2, 'avro'],
    ] as const) {
      for (const [kind, count] of Object.entries(await play(seed, format))) sums[kind] = (sums[kind] ?? 0) + count;
    }
    context.diagnostic(JSON.stringify(sums));
    for (const kind of FAULT_KINDS) assert.ok(sums[kind]! > 0, `no ${kind} was delivered`);
    assert.ok(Object.values(sums).reduce((sum, count) => sum + count) >= 40, JSON.stringify(sums));
  });
});
