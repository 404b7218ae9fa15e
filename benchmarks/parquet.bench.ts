/** Enriched messages to one Parquet file, by the sink's own parts. The file is read back before anything is timed. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { Enricher } from '../enricher/enrich.ts';
import { OwnershipHistory } from '../enricher/ownership/history.ts';
import { decodeEnrichedBatch } from '../schemas/generated/flows-enriched-v1.ts';
import { FLOWS } from '../schemas/tables.ts';
import { FlowsContent } from '../sink/flows-content.ts';
import { openParquetFormat } from '../sink/format/parquet.ts';
import type { Message, Offset } from '../transport/log.ts';
import { enrichedOf } from './enriched.ts';
import { AS_OF_US, fleetOf, FLOWS_US, ownershipOf, rawBatchesOf } from './fleet.ts';
import { type Benchmark, cpuOf, type Figure, Hash, median, type Outcome, type Size } from './harness.ts';

/** facts/lake.md section 2.1: DuckDB's table function writes 1.25 M rows of 42 columns a CPU-second. */
const FACTS_NS_VALUE = 1000 / 1.25 / 42;

export const benchmark: Benchmark = {
  name: 'parquet',
  what: 'enriched messages to a Parquet file of the table flows, zstd level 1',
  run,
};

async function run(size: Size): Promise<Outcome> {
  const { batches, rounds } = size === 'full' ? { batches: 200, rounds: 5 } : { batches: 2, rounds: 1 };
  const fleet = fleetOf({ addresses: size === 'full' ? 10_000 : 200, skew: 'zipf' });
  const messages = messagesOf(fleet, batches, size === 'full' ? 1000 : 100);
  const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
  const format = openParquetFormat();
  try {
    const content = new FlowsContent();
    const file = join(folder, 'flows.parquet');
    const fold = (): ReturnType<FlowsContent['finish']> => {
      content.begin({
        logId: 'BBBBBBBBBBBBBBBBBBBBBA',
        nextOffset: 0,
        hour: { dt: '2026-11-22', hour: 0 },
        streams: new Map(),
        marks: new Map(),
      });
      for (const message of messages) content.fold(content.decode(message));
      return content.finish(FLOWS_US / 1000);
    };
    const folding: number[] = [];
    const writing: number[] = [];
    let bytes = 0;
    const hash = new Hash();
    for (let round = 0; round <= rounds; round++) {
      let table = fold().table;
      if (round > 0) folding.push(await cpuOf(() => (table = fold().table)));
      const us = await cpuOf(() => format.write(table, file, {}));
      if (round > 0) writing.push(us);
      else await check(file, messages, hash);
      bytes = (await stat(file)).size;
      await unlink(file);
    }
    const rows = content.rows;
    return { figures: figuresOf(rows, bytes, folding, writing), hash: hash.toString() };
  } finally {
    await format.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function messagesOf(fleet: ReturnType<typeof fleetOf>, batches: number, flows: number): readonly Message[] {
  const history = new OwnershipHistory();
  for (const message of ownershipOf(fleet)) history.apply(message, AS_OF_US / 1000);
  const enricher = new Enricher(history);
  // One stream a message: each node's batches would have to follow each other.
  return rawBatchesOf(fleet, batches, flows).map((batch, i): Message => {
    const value = enrichedOf(enricher, [{ ...batch, ring: `ring-${i}`, first: 0, next: flows }]);
    return { offset: i as Offset, appendMs: FLOWS_US / 1000, key: null, value, headers: {} };
  });
}

/** By a reader that shares no code with the writer: rows, bytes and owners as the messages have them. */
async function check(path: string, messages: readonly Message[], hash: Hash): Promise<void> {
  const bytes = await readFile(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const metadata = parquetMetadata(file);
  assert.deepEqual(
    metadata.schema.slice(1).map(({ name }) => name),
    FLOWS.columns.map(({ name }) => name),
  );
  const columns = ['ring_id', 'flow_number', 'bytes_to_dst', 'src_instance_uid', 'dst_instance_uid'];
  const found = await parquetReadObjects({ file, metadata, compressors, columns });
  const line = (...values: readonly unknown[]): string => values.join(' ');
  const expected: string[] = [];
  for (const { value } of messages) {
    const { flows, workloads, sources } = decodeEnrichedBatch(value);
    for (let i = 0; i < flows.length; i++) {
      const uid = (index: number): string => workloads[index]!.instanceUid;
      expected.push(
        line(
          sources[0]!.ring,
          flows.flowNumber[i],
          flows.bytesToDst[i],
          uid(flows.srcWorkload[i]!),
          uid(flows.dstWorkload[i]!),
        ),
      );
    }
  }
  const read = found.map((row) => line(...columns.map((name) => row[name])));
  expected.sort();
  assert.deepEqual(read.sort(), expected, 'what was written is read back');
  for (const row of expected) hash.add(row);
}

function figuresOf(rows: number, bytes: number, folding: readonly number[], writing: readonly number[]): Figure[] {
  const columns = FLOWS.columns.length;
  const perRow = (us: readonly number[]): number => (1000 * median(us)) / rows;
  const spread = (us: readonly number[]): readonly [number, number] => [
    (1000 * Math.min(...us)) / rows,
    (1000 * Math.max(...us)) / rows,
  ];
  const both = folding.map((us, i) => us + writing[i]!);
  return [
    {
      what: `decode and fold into ${columns} columns`,
      value: perRow(folding),
      unit: 'CPU-ns a row',
      spread: spread(folding),
    },
    { what: 'write by DuckDB', value: perRow(writing), unit: 'CPU-ns a row', spread: spread(writing) },
    {
      what: 'write by DuckDB, a column',
      value: perRow(writing) / columns,
      unit: 'CPU-ns a value',
      goal: { atMost: 2 * FACTS_NS_VALUE, from: 'twice facts/lake.md section 2.1, by column' },
    },
    { what: 'write by DuckDB', value: 1000 / perRow(writing), unit: 'M rows a CPU-second' },
    { what: 'both', value: 1000 / perRow(both), unit: 'M rows a CPU-second' },
    { what: `size of a file of ${rows} rows`, value: bytes / rows, unit: 'bytes a row' },
  ];
}
