/** The lake and the topic of single flows read one topic in one process: each by its own log. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { watchReads } from '../../cli/drain.ts';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { startSink } from '../../sink/run.ts';
import { openFolderStore } from '../../sink/store/folder.ts';
import { enrichedBatch } from '../fixtures/enriched.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };

test('what the topic of single flows has taken is not taken for the lake', async (t) => {
  const lake = await mkdtemp(join(tmpdir(), 'weir-sink-'));
  t.after(() => rm(lake, { recursive: true, force: true }));
  const broker = new MemoryBroker();
  broker.ensure(['enriched', 'ownership', 'flows'].map((name) => ({ ...TOPIC, name })));
  const value = encodeEnrichedBatch(enrichedBatch([{ ring: 'r1', first: 0, next: 10 }]));
  await broker.client().produce('enriched', 0, [{ key: null, value, headers: {} }]);
  const released = Promise.withResolvers<void>();
  const reading = watchReads(
    broker.client({ before: ({ method }) => (method === 'read' ? released.promise : undefined) }),
  );
  const sink = await startSink({
    log: reading.log,
    store: await openFolderStore(lake),
    clock: systemClock,
    logger: silentLogger,
    meter: silentMeter,
    enrichedTopic: 'enriched',
    ownershipTopic: 'ownership',
    group: 'sink',
    flushAgeMs: 100,
    flushRowsMax: 100_000,
    flowTopic: { topic: 'flows', hide: null, log: broker.client() },
  });
  for (let tries = 0; broker.committed('sink.flows', 'enriched', 0) !== 1; tries++) {
    assert.ok(tries < 500, 'the single flows are written');
    await systemClock.sleep(10);
  }
  await systemClock.sleep(20); // the next read is asked for
  const before = await reading.awaitTaken(systemClock, 'enriched', 50);
  released.resolve();
  const after = await reading.awaitTaken(systemClock, 'enriched', 10_000);
  await sink.stop();
  await sink.done;
  assert.deepEqual([before, after], [false, true]);
  assert.equal(broker.messages('flows', 0).length, 10);
});
