/** What a sink does with bad input and a lake that it cannot go on with: one clear code each, and nothing damaged. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import type { Stage } from '../../contract/stage.ts';
import type { Store } from '../../contract/store.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { formatGenesis } from '../../schemas/objects.ts';
import { startSink } from '../../sink/run.ts';
import { openFolderStore } from '../../sink/store/folder.ts';
import type { Log } from '../../transport/log.ts';
import { enrichedBatch, type SourceSpec } from '../fixtures/enriched.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };

describe('a sink', () => {
  let lake: string;
  let store: Store;
  let broker: MemoryBroker;
  let log: Log;
  beforeEach(async () => {
    lake = await mkdtemp(join(tmpdir(), 'weir-refusals-'));
    store = await openFolderStore(lake);
    broker = new MemoryBroker();
    log = broker.client();
    await log.ensureTopics(['enriched', 'ownership', 'dead'].map((name) => ({ ...TOPIC, name })));
  });
  afterEach(() => rm(lake, { recursive: true, force: true }));

  const send = (value: Uint8Array): Promise<unknown> =>
    log.produce('enriched', 0, [{ key: 'k', value, headers: { 'weir-ring': 'r' } }]);
  const sendFlows = (spec: SourceSpec): Promise<unknown> => send(encodeEnrichedBatch(enrichedBatch([spec])));
  const start = (more: { keepsRefused?: boolean } = {}): Promise<Stage> =>
    startSink({
      ...more,
      log,
      store,
      clock: systemClock,
      logger: silentLogger,
      meter: silentMeter,
      enrichedTopic: 'enriched',
      ownershipTopic: 'ownership',
      deadLettersTopic: 'dead',
      group: 'sink',
      flushAgeMs: 30,
      flushRowsMax: 1000,
    });
  const stored = async (next: number): Promise<void> => {
    while ((await log.position('sink', 'enriched', 0)) !== next) await systemClock.sleep(10);
  };
  const flows = async (): Promise<number> =>
    (await readLakeTable(lake, 'flows')).reduce((sum, file) => sum + file.rows.length, 0);

  it('keeps what it cannot read as a dead letter, tells it, and goes on', async () => {
    await send(Uint8Array.of(1, 2, 3));
    await sendFlows({ ring: 'r', first: 0, next: 10 });
    const sink = await start();
    await stored(2);
    await sink.stop();
    assert.equal(await flows(), 10);
    const [letter] = broker.messages('dead', 0);
    assert.deepEqual([...letter!.value], [1, 2, 3]);
    assert.equal(letter?.headers['__connect.errors.offset'], '0');
    assert.match(letter?.headers['__connect.errors.exception.class.name'] ?? '', /^WEIR_SCHEMA_/);
    assert.equal(letter?.headers['weir-ring'], 'r');
  });

  it('keeps no bytes of what it cannot read where addresses are to be hidden', async () => {
    await send(Uint8Array.of(1, 2, 3));
    await sendFlows({ ring: 'r', first: 0, next: 10 });
    const sink = await start({ keepsRefused: false });
    await stored(2);
    await sink.stop();
    const [letter] = broker.messages('dead', 0);
    assert.equal(letter?.value.length, 0);
    assert.equal(letter?.headers['weir-value'], 'left out by privacy.externalAddresses');
    assert.equal(letter?.headers['__connect.errors.offset'], '0');
  });

  it('stops when message after message is refused', async () => {
    for (let i = 0; i < 20; i++) await send(Uint8Array.of(i));
    await assert.rejects((await start()).done, { code: 'WEIR_SINK_POISON_RATE' });
  });

  it('refuses a range on both sides of its state, and keeps what came before', async () => {
    await sendFlows({ ring: 'r', first: 0, next: 10 });
    const first = await start();
    await stored(1);
    await first.stop();
    await sendFlows({ ring: 'r', first: 5, next: 15 });
    await assert.rejects((await start()).done, { code: 'WEIR_SINK_STRADDLE' });
    assert.equal(await flows(), 10);
  });

  it('keeps a forged flow number out and goes on with the stream', async () => {
    await sendFlows({ ring: 'r', first: 2 ** 41, next: 2 ** 41 + 3 });
    await sendFlows({ ring: 'r', first: 0, next: 10 });
    const sink = await start();
    await stored(2);
    await sink.stop();
    assert.equal(await flows(), 10);
    const losses = (await readLakeTable(lake, 'losses')).flatMap(({ rows }) => rows);
    assert.deepEqual(
      losses.map((row) => [row['reason'], row['flows']]),
      [['range_invalid', null]],
    );
    const [letter] = broker.messages('dead', 0);
    assert.equal(letter?.headers['__connect.errors.exception.class.name'], 'WEIR_SINK_RANGE_INVALID');
    assert.deepEqual(letter?.value, broker.messages('enriched', 0)[0]?.value);
  });

  it('does not touch a lake that was begun in another format', async () => {
    const genesis = {
      logId: 'a'.repeat(21) + 'A',
      firstOffset: 0,
      hour: { dt: '2026-11-24', hour: 1 },
      format: 'avro',
    };
    await store.createBytes('_chain/flows-00000', Buffer.from(formatGenesis({ ...genesis, format: 'avro' })), {});
    await sendFlows({ ring: 'r', first: 0, next: 10 });
    await assert.rejects((await start()).done, { code: 'WEIR_SINK_FORMAT' });
    assert.deepEqual((await readdir(lake)).sort(), ['_chain', '_tmp']);
  });

  it('does not go on from a newest object that is cut, forged or not its own', async () => {
    await sendFlows({ ring: 'r', first: 0, next: 10 });
    const first = await start();
    await stored(1);
    await first.stop();
    const [file] = await readLakeTable(lake, 'flows');
    const path = join(lake, file!.name);
    await appendFile(path, 'junk');
    await assert.rejects((await start()).done, { code: 'WEIR_SINK_OBJECT_INVALID' });
    await truncate(path, 100);
    await assert.rejects((await start()).done, { code: 'WEIR_SINK_OBJECT_INVALID' });
  });
});
