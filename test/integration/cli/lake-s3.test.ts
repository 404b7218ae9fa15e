/** `weir query` and `weir verify` over a bucket, as a user calls them. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../../contract/clock.ts';
import { silentLogger } from '../../../contract/log.ts';
import { silentMeter } from '../../../contract/meter.ts';
import { encodeEnrichedBatch } from '../../../schemas/generated/flows-enriched-v1.ts';
import { startSink } from '../../../sink/run.ts';
import { startWeir } from '../../e2e/weir-command.ts';
import { enrichedBatch } from '../../fixtures/enriched.ts';
import { MemoryBroker } from '../../fixtures/memory-log.ts';
import { S3World } from '../../fixtures/s3-world.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };

describe('a lake in a bucket', () => {
  let world: S3World;
  before(async () => {
    world = await S3World.start();
    const log = new MemoryBroker().client();
    await log.ensureTopics(['enriched', 'ownership'].map((name) => ({ ...TOPIC, name })));
    const sink = await startSink({
      log,
      store: await world.open(),
      clock: systemClock,
      logger: silentLogger,
      meter: silentMeter,
      enrichedTopic: 'enriched',
      ownershipTopic: 'ownership',
      group: 'sink',
      flushAgeMs: 20,
      flushRowsMax: 1000,
    });
    for (let batch = 0; batch < 3; batch++) {
      const specs = [{ ring: 'r', first: 100 * batch, next: 100 * batch + 100, lost: 2 }];
      await log.produce('enriched', 0, [{ key: null, value: encodeEnrichedBatch(enrichedBatch(specs)), headers: {} }]);
      while ((await log.position('sink', 'enriched', 0)) !== batch + 1) await systemClock.sleep(10);
    }
    await sink.stop();
  });
  after(() => world.stop());

  const weir = (cache: string, ...args: string[]) => {
    const env = {
      ...process.env,
      WEIR_LAKE_ENDPOINT: world.server.endpoint,
      WEIR_LAKE_PATH_STYLE: 'true',
      WEIR_LAKE_CACHE: join(world.folder, cache),
    };
    return startWeir(args, { env }).ended;
  };

  it('answers SQL, and fetches only the tables that are asked for', async () => {
    const sql = 'SELECT count(*) AS rows, count(DISTINCT hour) AS hours, sum(bytes_to_dst) > 0 AS some FROM flows';
    const flows = await weir('query', 'query', '--data', world.uri, '--format', 'json', sql);
    assert.equal(flows.stderr, '');
    assert.deepEqual(JSON.parse(flows.stdout), { rows: 294, hours: 1, some: true });
    const cached = async () => (await readdir(join(world.folder, 'query', 'objects'))).length;
    assert.equal(await cached(), 3);
    const losses = await weir(
      'query',
      'query',
      '--data',
      world.uri,
      '--format',
      'json',
      'SELECT sum(flows) AS n FROM losses',
    );
    assert.deepEqual(JSON.parse(losses.stdout), { n: 6 });
    assert.equal(await cached(), 6);
    // What the commands held is given back.
    assert.deepEqual(await readdir(join(world.folder, 'query', '_tmp')), []);
  });

  it('is verified without a copy of its data', async () => {
    const { status, stdout, stderr } = await weir('verify', 'verify', '--data', world.uri);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /complete: 294 flows in rows, 6 told as lost/);
    await assert.rejects(readdir(join(world.folder, 'verify', 'objects')), { code: 'ENOENT' });
  });

  it('ends with one line and status 3 where the bucket is not there', async () => {
    const { status, stderr } = await weir('none', 'verify', '--data', 's3://no-such-bucket/lake');
    assert.equal(status, 3);
    assert.match(stderr, /^WEIR_SINK_STORE_MISSING: there is no bucket no-such-bucket[^\n]*\n$/);
  });
});
