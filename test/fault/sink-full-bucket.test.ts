/**
 * Invariant: a full bucket damages nothing and loses nothing. The sink keeps what it holds, says that the bucket is full,
 * commits nothing that is not there, and goes on by itself when there is room.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { type Logger, silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import type { Stage } from '../../contract/stage.ts';
import { openLake } from '../../explore/lake.ts';
import { queryAll } from '../../explore/query.ts';
import { verifyLake } from '../../explore/verify.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { startSink } from '../../sink/run.ts';
import { type Log, TOPICS } from '../../transport/log.ts';
import { enrichedBatch } from '../fixtures/enriched.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { S3World } from '../fixtures/s3-world.ts';
import { FULL_ANSWERS, HttpFaultProxy } from '../servers/http-fault-proxy.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };
const FLOWS = 100;
const LOST = 3;
/** How often the sink must have been told, and have told, before there is room again. */
const TOLD = 3;
const WAIT_MS = 30_000;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; !(await holds()); waitedMs += 20) {
    assert.ok(waitedMs < WAIT_MS, `waited too long: ${what}`);
    await systemClock.sleep(20);
  }
}

describe('a sink and a bucket without room', () => {
  let world: S3World;
  let proxy: HttpFaultProxy;
  let log: Log;
  let sink: Stage;
  let sent = 0;
  /** What the sink said of a full bucket. */
  const told: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    child: () => logger,
    warn: ({ code, error }) => {
      if (code === 'WEIR_SINK_STORE_FULL') told.push(String(error));
    },
  };

  const send = async (): Promise<void> => {
    const first = sent * FLOWS;
    sent++;
    const value = encodeEnrichedBatch(enrichedBatch([{ ring: 'r', first, next: first + FLOWS, lost: LOST }]));
    await log.produce(TOPICS.enriched, 0, [{ key: null, value, headers: {} }]);
  };
  const committed = (): Promise<number | null> => log.position('sink', TOPICS.enriched, 0);
  const names = async (table: string): Promise<string[]> =>
    (await world.read().list(table === '' ? '' : `${table}/`)).map(({ name }) => name);

  before(async () => {
    world = await S3World.start();
    proxy = await HttpFaultProxy.start({ target: world.server.endpoint, seed: 1 });
    log = new MemoryBroker().client();
    await log.ensureTopics([TOPICS.enriched, TOPICS.ownership].map((name) => ({ ...TOPIC, name })));
    sink = await startSink({
      log,
      store: await world.open({ endpoint: proxy.endpoint }),
      clock: systemClock,
      logger,
      meter: silentMeter,
      enrichedTopic: TOPICS.enriched,
      ownershipTopic: TOPICS.ownership,
      group: 'sink',
      flushAgeMs: 20,
      flushRowsMax: 1000,
    });
    await send();
    await until('the first object', async () => (await committed()) === 1);
  });
  after(async () => {
    await proxy.close();
    await world.stop();
  });

  for (const answer of FULL_ANSWERS) {
    it(`waits at ${answer.join(' ')}, says so, and goes on when there is room`, async () => {
      const [were, at] = [await names(''), await committed()];
      told.length = 0;
      proxy.fullAnswer = answer;
      proxy.isFull = true;
      for (let i = 0; i < 3; i++) await send();
      await until('the sink says that the bucket is full', () => told.length >= TOLD);
      assert.match(told[0]!, /full/);
      assert.deepEqual([await names(''), await committed()], [were, at], 'nothing is visible and nothing committed');
      proxy.isFull = false;
      await until('what was held is stored', async () => (await committed()) === sent);
    });
  }

  it('goes past no object whose losses there is no room for', async () => {
    told.length = 0;
    proxy.fullPath = /\/losses\//;
    proxy.isFull = true;
    const at = await committed();
    for (let i = 0; i < 2; i++) await send();
    await until('the sink says that the bucket is full', () => told.length >= TOLD);
    const ahead = await names('flows');
    await send();
    await systemClock.sleep(300);
    assert.deepEqual(await names('flows'), ahead);
    assert.equal(await committed(), at);
    proxy.isFull = false;
    await until('what was held is stored', async () => (await committed()) === sent);
  });

  it('has lost and doubled nothing in the end', async () => {
    await sink.stop();
    await sink.done;
    const store = world.read();
    const { findings, summary } = await verifyLake({ store, log });
    assert.deepEqual(findings, []);
    assert.deepEqual([summary.flows, summary.losses], [sent * (FLOWS - LOST), sent * LOST]);
    const lake = await openLake({ store });
    const sql = 'SELECT count(*) AS rows, count(DISTINCT flow_number) AS numbers FROM flows';
    assert.deepEqual(await queryAll(lake, sql), [{ rows: sent * (FLOWS - LOST), numbers: sent * (FLOWS - LOST) }]);
    lake.close();
    assert.ok(proxy.refusedFull >= TOLD * (FULL_ANSWERS.length + 1));
  });
});
