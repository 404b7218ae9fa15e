/**
 * Invariant: however a bucket refuses, loses answers, answers late or applies requests long after the sink gave up,
 * every flow is in the lake once or told as lost once, and `verify` proves it. Two sinks write one chain all the while.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { queryAll } from '../../explore/query.ts';
import { openLake } from '../../explore/lake.ts';
import { verifyLake } from '../../explore/verify.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
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
const BATCHES = 60;
const FLOWS = 200;
const LOST = 3;
/** Of the numbers between two batches. */
const GAP = 2;

async function play(seed: number): Promise<Record<string, number>> {
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
        // Groups of their own: both are given the partition.
        group,
        flushAgeMs: 40,
        flushRowsMax: 5 * FLOWS,
        stopMs: 60_000,
      });
    const sinks = [await start('a'), await start('b')];
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
    await Promise.all(sinks.map((sink) => sink.stop()));
    await Promise.all(sinks.map((sink) => sink.done));
    await proxy.settle();

    const store = world.read({ cacheDir: join(world.folder, 'reader') });
    const report = await verifyLake({ store, log, topicPrefix: '', clock: systemClock });
    assert.deepEqual(report.findings, [], `seed ${seed}`);
    const lost = BATCHES * LOST + Math.floor(BATCHES / 10) * GAP;
    assert.deepEqual([report.summary.flows, report.summary.losses], [next - lost, lost], `seed ${seed}`);
    const lake = await openLake({ store });
    try {
      const counted = 'SELECT count(*) AS rows, count(DISTINCT flow_number) AS flows FROM flows';
      const told = 'SELECT sum(flows)::BIGINT AS lost FROM losses';
      assert.deepEqual(await queryAll(lake, counted), [{ rows: next - lost, flows: next - lost }], `seed ${seed}`);
      assert.deepEqual(await queryAll(lake, told), [{ lost }], `seed ${seed}`);
    } finally {
      lake.close();
    }
    return { ...proxy.delivered };
  } finally {
    await proxy.close();
    await world.stop();
  }
}

describe('two sinks on one bucket that fails in every way', () => {
  it('lose and double nothing', async (context) => {
    const sums: Record<string, number> = {};
    for (const seed of [1, 2]) {
      for (const [kind, count] of Object.entries(await play(seed))) sums[kind] = (sums[kind] ?? 0) + count;
    }
    context.diagnostic(JSON.stringify(sums));
    for (const kind of FAULT_KINDS) assert.ok(sums[kind]! > 0, `no ${kind} was delivered`);
    assert.ok(Object.values(sums).reduce((sum, count) => sum + count) >= 40, JSON.stringify(sums));
  });
});
