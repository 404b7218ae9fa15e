/** A lake on the second S3 server: a sink through faults, killed servers, verified and read back. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { openLake } from '../../explore/lake.ts';
import { queryAll } from '../../explore/query.ts';
import { verifyLake } from '../../explore/verify.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { startSink } from '../../sink/run.ts';
import { type Log, TOPICS } from '../../transport/log.ts';
import { enrichedBatch } from '../fixtures/enriched.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { S3World } from '../fixtures/s3-world.ts';
import { HttpFaultProxy } from '../servers/http-fault-proxy.ts';
import { startMinio } from '../servers/minio.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };
const BATCHES = 40;
const FLOWS = 100;
const LOST = 2;
/** Each met by a PUT of its own, and more by chance. */
const PLANNED = ['lost_answer', 'refused', 'late', 'cut_answer', 'cut_request', 'slow', 'lost_answer', 'late'] as const;
const RATES = { refused: 0.05, cut_request: 0.05, lost_answer: 0.05, cut_answer: 0.05, slow: 0.02, late: 0.05 };

describe('a lake on MinIO', () => {
  let world: S3World;
  let proxy: HttpFaultProxy;
  let log: Log;
  before(async () => {
    world = await S3World.start(startMinio);
    proxy = await HttpFaultProxy.start({ target: world.server.endpoint, seed: 3, slowMs: 1000, lateMs: 3000 });
    log = new MemoryBroker().client();
    await log.ensureTopics([TOPICS.enriched, TOPICS.ownership].map((name) => ({ ...TOPIC, name })));
  });
  after(async () => {
    await proxy.close();
    await world.stop();
  });

  it('has every flow once or told as lost once, whatever the requests met', async () => {
    const store = await world.open({ endpoint: proxy.endpoint, timeoutMs: 800 });
    const sink = await startSink({
      log,
      store,
      clock: systemClock,
      logger: silentLogger,
      meter: silentMeter,
      enrichedTopic: TOPICS.enriched,
      ownershipTopic: TOPICS.ownership,
      group: 'sink',
      flushAgeMs: 40,
      flushRowsMax: FLOWS,
    });
    proxy.rates = RATES;
    for (const kind of PLANNED) proxy.plan(kind, 'PUT', /\/flows\//);
    for (let batch = 0; batch < BATCHES; batch++) {
      const first = batch * FLOWS;
      const value = encodeEnrichedBatch(enrichedBatch([{ ring: 'r', first, next: first + FLOWS, lost: LOST }]));
      await log.produce(TOPICS.enriched, 0, [{ key: null, value, headers: {} }]);
      if (batch === BATCHES / 2) await restart();
      await systemClock.sleep(50);
    }
    proxy.rates = {};
    const stored = async (): Promise<void> => {
      while ((await log.position('sink', TOPICS.enriched, 0)) !== BATCHES) await systemClock.sleep(20);
    };
    await Promise.race([stored(), sink.done]);
    await sink.stop();
    await proxy.settle();
    assert.ok(proxy.faults >= PLANNED.length, JSON.stringify(proxy.delivered));

    const reader = world.read({ cacheDir: join(world.folder, 'reader') });
    const { findings, summary } = await verifyLake({ store: reader, log });
    assert.deepEqual(findings, []);
    assert.deepEqual([summary.flows, summary.losses], [BATCHES * (FLOWS - LOST), BATCHES * LOST]);
    const lake = await openLake({ store: reader });
    const sql = 'SELECT count(*) AS rows, count(DISTINCT flow_number) AS numbers FROM flows';
    const all = BATCHES * (FLOWS - LOST);
    assert.deepEqual(await queryAll(lake, sql), [{ rows: all, numbers: all }]);
    lake.close();
  });

  /** kill -9 in the middle, and again on its data. */
  async function restart(): Promise<void> {
    await world.server.kill();
    await systemClock.sleep(300);
    await world.server.start();
  }
});
