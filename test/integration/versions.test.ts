/** What earlier versions of Weir wrote, read by today's stages: batches, lakes of both formats, whole data folders. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import avsc from 'avsc';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { startEnricher } from '../../enricher/run.ts';
import { openLake } from '../../explore/lake.ts';
import { queryAll } from '../../explore/query.ts';
import { verifyLake } from '../../explore/verify.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { parseObjectName } from '../../schemas/objects.ts';
import { TABLES } from '../../schemas/tables.ts';
import { openAvroFormat } from '../../sink/format/avro.ts';
import type { TableFormat } from '../../sink/format/columns.ts';
import { openParquetFormat } from '../../sink/format/parquet.ts';
import { startSink } from '../../sink/run.ts';
import { openFolderStore, readFolderStore } from '../../sink/store/folder.ts';
import { type Log, type OutgoingMessage, TOPICS } from '../../transport/log.ts';
import { weir } from '../e2e/weir-command.ts';
import { enrichedBatch } from '../fixtures/enriched.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { copyOf, messagesOf, recordingOf, VERSIONS } from '../fixtures/versions/kept.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };
/** What a row says of a flow whichever version made it. */
const ROWS = `SELECT ring_id, flow_number, reporter, outcome, src_addr, src_port, dst_addr, dst_port, src_workload,
  dst_workload, src_method, dst_method, bytes_to_dst, bytes_to_src, process_name FROM flows ORDER BY ALL`;

/** How each is refused; the message ends with what to do. */
const REFUSED = {
  marker: /^WEIR_DATA_VERSION: .*version 99.*run the newer Weir that wrote it/m,
  log: /^WEIR_TRANSPORT_VERSION: .*version 99.*run the newer Weir that wrote it/m,
  lake: /^WEIR_SINK_OBJECT_INVALID: .*flows-00000.*version 1.*go on with the Weir that began the lake.*--lake-uri/m,
} as const;

const root = mkdtempSync(join(tmpdir(), 'weir-versions-'));
after(() => rmSync(root, { recursive: true }));

function userVersion(file: string, version: number): void {
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA user_version = ${version}; PRAGMA wal_checkpoint(TRUNCATE)`);
  database.close();
}

async function emptyLog(): Promise<Log> {
  const log = new MemoryBroker().client();
  await log.ensureTopics(Object.values(TOPICS).map((name) => ({ ...TOPIC, name })));
  return log;
}

const positionBehind = async (log: Log, group: string, topic: string): Promise<boolean> =>
  ((await log.position(group, topic, 0)) ?? 0) < (await log.describe(topic)).partitions[0]!.end;

/** Today's enricher, until it has gone through the raw topic. */
async function enrich(log: Log): Promise<void> {
  const stage = await startEnricher({
    log,
    clock: systemClock,
    logger: silentLogger,
    meter: silentMeter,
    rawTopic: TOPICS.raw,
    ownershipTopic: TOPICS.ownership,
    enrichedTopic: TOPICS.enriched,
    deadLetterTopic: TOPICS.deadLetters,
    group: 'enricher',
    workers: 1,
    holdMs: 200,
  });
  const group = `enricher.${(await log.describe(TOPICS.raw)).id}`;
  while (await positionBehind(log, group, TOPICS.raw)) await systemClock.sleep(10);
  await stage.stop();
}

/** Today's sink, until it has stored what the log holds. */
async function sink(log: Log, lake: string, format: TableFormat = openParquetFormat()): Promise<void> {
  const stage = await startSink({
    log,
    store: await openFolderStore(lake),
    clock: systemClock,
    logger: silentLogger,
    meter: silentMeter,
    enrichedTopic: TOPICS.enriched,
    ownershipTopic: TOPICS.ownership,
    deadLettersTopic: TOPICS.deadLetters,
    group: 'sink',
    flushAgeMs: 20,
    flushRowsMax: 1000,
    format,
  });
  while (await positionBehind(log, 'sink', TOPICS.enriched)) await systemClock.sleep(10);
  await stage.stop();
  await stage.done;
}

async function query(lake: string, sql: string): Promise<Record<string, unknown>[]> {
  const opened = await openLake({ store: readFolderStore(lake) });
  try {
    return await queryAll(opened, sql);
  } finally {
    opened.close();
  }
}

async function noFindings(lake: string, log?: Log): Promise<void> {
  const store = readFolderStore(lake);
  const { findings } = await verifyLake(log === undefined ? { store } : { store, log });
  assert.deepEqual(findings, []);
}

const refused = async (log: Log): Promise<number> => (await log.describe(TOPICS.deadLetters)).partitions[0]!.end;

for (const version of VERSIONS) {
  const place = (name: string): string => join(root, `${version}-${name}`);
  const kept = (topic: string): OutgoingMessage[] => messagesOf(version, topic);

  describe(`what version ${version} wrote`, () => {
    it('as raw batches and ownership becomes the rows that it made of them', async () => {
      copyOf(version, 'data', place('made'));
      const log = await emptyLog();
      for (const topic of [TOPICS.ownership, TOPICS.raw]) await log.produce(topic, 0, kept(topic));
      await enrich(log);
      await sink(log, place('raw'));
      assert.equal(await refused(log), 0);
      const rows = await query(place('raw'), ROWS);
      assert.ok(rows.length > 0);
      assert.deepEqual(rows, await query(join(place('made'), 'lake'), ROWS));
      await noFindings(place('raw'), log);
    });

    it('as enriched batches becomes the same rows', async () => {
      const log = await emptyLog();
      await log.produce(TOPICS.enriched, 0, kept(TOPICS.enriched));
      await sink(log, place('enriched'));
      assert.equal(await refused(log), 0);
      assert.deepEqual(await query(place('enriched'), ROWS), await query(join(place('made'), 'lake'), ROWS));
    });

    for (const open of [openParquetFormat, openAvroFormat]) {
      const { format } = open();
      it(`as a lake of ${format} holds every kind of object, and proves itself`, async () => {
        const lake = place(`${format}-as-it-was`);
        copyOf(version, format, lake);
        const objects = readdirSync(lake, { recursive: true, encoding: 'utf8' }).map(parseObjectName);
        const tables = new Set(objects.map((object) => object?.table));
        for (const { name } of TABLES) assert.ok(tables.has(name), name);
        const flows = objects.filter((object) => object?.table === 'flows');
        // Another log and another hour than the first: a seal and a roll lead there.
        assert.equal(new Set(flows.map((object) => object?.logId)).size, 2);
        assert.equal(new Set(flows.map((object) => object?.hour.hour)).size, 2);
        const { findings, summary } = await verifyLake({ store: readFolderStore(lake) });
        assert.deepEqual(findings, []);
        assert.deepEqual([summary.flows, summary.losses], [11, 3]);
      });

      it(`as a lake of ${format} is gone on with`, async () => {
        const lake = place(format);
        copyOf(version, format, lake);
        const log = await emptyLog();
        // A topic of another id: the chain is sealed and goes on, from where its streams were.
        const value = encodeEnrichedBatch(enrichedBatch([{ ring: 'ring-a', first: 10, next: 12 }]));
        await log.produce(TOPICS.enriched, 0, [{ key: null, value, headers: {} }]);
        await sink(log, lake, open());
        await noFindings(lake, log);
        const numbers = format === 'avro' ? await avroNumbers(lake) : await parquetNumbers(lake);
        const first = ['ring-a 0', 'ring-a 1', 'ring-a 2', 'ring-a 3', 'ring-a 7', 'ring-a 8', 'ring-a 9'];
        const then = ['ring-a 10', 'ring-a 11', 'ring-b 0', 'ring-b 1', 'ring-b 2', 'ring-b 3'];
        assert.deepEqual(numbers, [...first, ...then].sort());
      });
    }

    it('as a lake answers for every column that there is today, with null where it had none', async () => {
      for (const { name, columns } of TABLES) {
        const names = columns.map((column) => `"${column.name}"`).join(', ');
        const rows = await query(place('parquet'), `SELECT ${names} FROM ${name}`);
        assert.ok(rows.length > 0, name);
      }
    });

    it('as a data folder is opened, gone on with, and everything is in it once', async () => {
      const data = place('folder');
      copyOf(version, 'data', data);
      const args = ['--data', data, '--metrics-listen', 'off'];
      const { status, stderr } = await weir('run', '--source', `recording:${recordingOf(version)}`, ...args);
      assert.equal(status, 0, stderr);
      const sql = "SELECT count(*) AS rows, count(DISTINCT ring_id || ':' || flow_number) AS numbers FROM flows";
      const [counts] = await query(join(data, 'lake'), sql);
      assert.equal(counts?.['rows'], counts?.['numbers']);
      const verified = await weir('verify', '--data', data);
      assert.equal(verified.status, 0, verified.stdout + verified.stderr);
    });
  });
}

const parquetNumbers = async (lake: string): Promise<string[]> =>
  (await query(lake, "SELECT ring_id || ' ' || flow_number AS number FROM flows"))
    .map(({ number }) => String(number))
    .sort();

/** By avsc's own reader, each file by its own schema. */
async function avroNumbers(lake: string): Promise<string[]> {
  const numbers: string[] = [];
  for (const name of readdirSync(join(lake, 'flows'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.avro')) continue;
    const rows = avsc.createFileDecoder(join(lake, 'flows', name)) as AsyncIterable<Record<string, unknown>>;
    for await (const row of rows) numbers.push(`${String(row['ring_id'])} ${String(row['flow_number'])}`);
  }
  return numbers.sort();
}

describe('what a newer version wrote', () => {
  const weirOn = async (data: string): Promise<{ readonly status: number | null; readonly stderr: string }[]> => {
    const run = [
      'run',
      '--data',
      data,
      '--source',
      `recording:${recordingOf(VERSIONS[0]!)}`,
      '--metrics-listen',
      'off',
    ];
    return [await weir(...run), await weir('verify', '--data', data)];
  };

  it('as a data folder, a log or a lake is refused, naming what reads it, and left as it is', async () => {
    const newer = join(root, 'newer');
    const files = { marker: 'weir-data.json', log: 'log/weir.sqlite', lake: 'lake/_chain/flows-00000' } as const;
    for (const [what, file] of Object.entries(files)) {
      const data = `${newer}-${what}`;
      copyOf(VERSIONS[0]!, 'data', data);
      const path = join(data, file);
      if (what === 'log') userVersion(path, 99);
      else writeFileSync(path, readFileSync(path, 'utf8').replace('"version":1', '"version":99'));
      const bytes = readFileSync(path);
      const [run, verified] = await weirOn(data);
      assert.notEqual(run!.status, 0, what);
      assert.match(run!.stderr, REFUSED[what as keyof typeof files]);
      assert.notEqual(verified!.status, 0, what);
      assert.ok(readFileSync(path).equals(bytes), what);
    }
  });
});
