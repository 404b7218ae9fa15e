/** The second format on the same chain: Avro files, read back by avsc's own decoder, which the writer does not use. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import avsc from 'avsc';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { openLake } from '../../explore/lake.ts';
import { verifyLake } from '../../explore/verify.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { parseFileMetadata, sumLosses } from '../../schemas/objects.ts';
import { TABLES } from '../../schemas/tables.ts';
import type { TableFormat } from '../../sink/format/columns.ts';
import { openAvroFormat } from '../../sink/format/avro.ts';
import { openParquetFormat } from '../../sink/format/parquet.ts';
import { startSink } from '../../sink/run.ts';
import { openFolderStore } from '../../sink/store/folder.ts';
import { type Log, TOPICS } from '../../transport/log.ts';
import { enrichedBatch } from '../fixtures/enriched.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };
const BATCHES = 4;
const FLOWS = 3000;

type Row = Record<string, unknown>;
interface AvroFile {
  readonly name: string;
  readonly pairs: Record<string, string>;
  readonly rows: readonly Row[];
}

async function readAvroTable(lake: string, table: string): Promise<AvroFile[]> {
  const names = await readdir(join(lake, table), { recursive: true });
  return Promise.all(
    names
      .filter((name) => name.endsWith('.avro'))
      .sort()
      .map(async (name) => {
        const rows: Row[] = [];
        const pairs: Record<string, string> = {};
        const decoder = avsc.createFileDecoder(join(lake, table, name));
        decoder.on('metadata', (_type: unknown, _codec: string, header: { meta: Record<string, Buffer> }) => {
          for (const [key, value] of Object.entries(header.meta)) pairs[key] = value.toString();
        });
        for await (const row of decoder as AsyncIterable<Row>) rows.push(row);
        return { name: `${table}/${name}`, pairs, rows };
      }),
  );
}

async function startOn(lake: string, log: Log, group: string, format: TableFormat) {
  return startSink({
    log,
    store: await openFolderStore(lake),
    clock: systemClock,
    logger: silentLogger,
    meter: silentMeter,
    enrichedTopic: TOPICS.enriched,
    ownershipTopic: TOPICS.ownership,
    group,
    flushAgeMs: 20,
    flushRowsMax: 100_000,
    format,
  });
}

describe('a lake of Avro files', () => {
  let folder: string;
  let log: Log;
  const lake = (format: string): string => join(folder, format);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-avro-'));
    log = new MemoryBroker().client();
    await log.ensureTopics([TOPICS.enriched, TOPICS.ownership].map((name) => ({ ...TOPIC, name })));
    for (let batch = 0; batch < BATCHES; batch++) {
      const specs = [{ ring: 'r', first: FLOWS * batch, next: FLOWS * (batch + 1), lost: batch }];
      await log.produce(TOPICS.enriched, 0, [
        { key: null, value: encodeEnrichedBatch(enrichedBatch(specs)), headers: {} },
      ]);
    }
    for (const format of [openAvroFormat(), openParquetFormat()]) {
      const sink = await startOn(lake(format.format), log, format.format, format);
      while ((await log.position(format.format, TOPICS.enriched, 0)) !== BATCHES) await systemClock.sleep(10);
      await sink.stop();
      await sink.done;
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('holds the rows that a lake of Parquet holds', async () => {
    for (const table of TABLES) {
      const plain = (value: unknown): unknown => {
        if (value instanceof Date) return value.getTime() * 1000;
        return typeof value === 'bigint' ? Number(value) : (value ?? null);
      };
      const rowsOf = (files: readonly { readonly rows: readonly Row[] }[]): unknown[][] =>
        files.flatMap(({ rows }) => rows.map((row) => table.columns.map(({ name }) => plain(row[name]))));
      if (table.name === 'ownership') continue;
      const parquet = rowsOf(await readLakeTable(lake('parquet'), table.name));
      const avro = rowsOf(await readAvroTable(lake('avro'), table.name));
      assert.ok(avro.length > 0);
      // hyparquet's dates have milliseconds.
      const times = table.columns.flatMap(({ type }, i) => (type === 'timestamp' ? [i] : []));
      for (const row of avro)
        for (const i of times) if (row[i] !== null) row[i] = Math.floor((row[i] as number) / 1000) * 1000;
      // The objects of the two end elsewhere, and rows are sorted within one. A diff of so many rows would take for ever.
      const sorted = (rows: unknown[][]): string[] => rows.map((row) => JSON.stringify(row)).sort();
      const [expected, found] = [sorted(parquet), sorted(avro)];
      assert.equal(found.length, expected.length);
      for (const [i, row] of found.entries()) assert.equal(row, expected[i], table.name);
    }
  });

  it('has the columns that are promised, and its objects prove themselves', async () => {
    let told = 0;
    for (const { pairs } of await readAvroTable(lake('avro'), 'flows')) {
      const schema = JSON.parse(pairs['avro.schema']!) as { fields: { name: string }[] };
      assert.deepEqual(
        schema.fields.map(({ name }) => name),
        TABLES.find(({ name }) => name === 'flows')!.columns.map(({ name }) => name),
      );
      const facts = parseFileMetadata(pairs);
      assert.ok(facts !== null);
      told += facts.flows + sumLosses(facts.losses);
    }
    assert.equal(told, BATCHES * FLOWS);
  });

  it('is verified as one of Parquet is, and what is cut is found', async () => {
    const store = await openFolderStore(lake('avro'));
    const report = await verifyLake({ store, log });
    assert.deepEqual(report.findings, []);
    assert.deepEqual([report.summary.flows, report.summary.losses], [BATCHES * FLOWS - 6, 6]);
    const copy = join(folder, 'copy');
    execFileSync('cp', ['-r', lake('avro'), copy]);
    const [victim] = await readAvroTable(copy, 'flows');
    await truncate(join(copy, victim!.name), (await readFile(join(copy, victim!.name))).length - 20);
    const cut = await verifyLake({ store: await openFolderStore(copy) });
    assert.equal(cut.findings[0]?.code, 'object_cut');
  });

  it('has zero-row files that are valid', async () => {
    const format = openAvroFormat();
    const file = join(folder, 'empty.avro');
    const columns = Object.fromEntries(
      TABLES.find(({ name }) => name === 'losses')!.columns.map(({ name }) => [name, { kind: 'none' as const }]),
    );
    await format.write({ table: 'losses', rows: 0, order: null, columns }, file, { 'weir-rows': '0', 'weir-x': 'ü' });
    const rows: unknown[] = [];
    for await (const row of avsc.createFileDecoder(file) as AsyncIterable<Row>) rows.push(row);
    assert.deepEqual(rows, []);
  });

  it('is gone on with by no sink of the other format, and the other way round', async () => {
    for (const [begun, other] of [
      ['avro', openParquetFormat()],
      ['parquet', openAvroFormat()],
    ] as const) {
      const sink = await startOn(lake(begun), log, `other-${begun}`, other);
      await assert.rejects(sink.done, { code: 'WEIR_SINK_FORMAT', disposition: 'fatal' });
    }
  });

  it('is not asked by weir query, which says what can ask it', async () => {
    const store = await openFolderStore(lake('avro'));
    await assert.rejects(openLake({ store }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'WEIR_EXPLORE_FORMAT');
      assert.match(error.message, /avro files .* Trino .* lake\.format parquet/);
      return true;
    });
  });
});
