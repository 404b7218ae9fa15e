/** The sink on a real folder with real Parquet, read back by hyparquet, which shares no code with DuckDB. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { FileMetaData } from 'hyparquet';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { OwnershipKind, Method, ReporterKind } from '../../schemas/generated/common.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { ClaimColumns, encodeOwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { parseFileMetadata, parseObjectName, sumLosses } from '../../schemas/objects.ts';
import { FLOWS, LOSSES, OWNERSHIP } from '../../schemas/tables.ts';
import { startSink } from '../../sink/run.ts';
import { openFolderStore } from '../../sink/store/folder.ts';
import { enrichedBatch, ipv4, workload } from '../fixtures/enriched.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };

/** What a reader that knows nothing of Weir sees of a column's type. */
function typeOf(metadata: FileMetaData, name: string): string {
  const element = metadata.schema.find((entry) => entry.name === name);
  if (element?.logical_type?.type === 'TIMESTAMP') {
    const { isAdjustedToUTC, unit } = element.logical_type;
    return isAdjustedToUTC && unit === 'MICROS' && element.type === 'INT64' ? 'timestamp' : 'other timestamp';
  }
  if (element?.type === 'INT64') return 'bigint';
  if (element?.type === 'INT32') return 'int';
  if (element?.type === 'BOOLEAN') return 'boolean';
  return element?.type === 'BYTE_ARRAY' && element.converted_type === 'UTF8' ? 'string' : String(element?.type);
}

describe('a sink on a folder', () => {
  let lake: string;
  before(async () => {
    lake = await mkdtemp(join(tmpdir(), 'weir-sink-'));
    const broker = new MemoryBroker();
    const log = broker.client();
    await log.ensureTopics([
      { ...TOPIC, name: 'enriched' },
      { ...TOPIC, name: 'ownership' },
    ]);
    const store = await openFolderStore(lake);
    const send = (value: Uint8Array, topic: string): Promise<unknown> =>
      log.produce(topic, 0, [{ key: null, value, headers: {} }]);
    await send(encodeEnrichedBatch(enrichedBatch([{ ring: 'r1', first: 0, next: 100, lost: 3 }])), 'enriched');
    // A repeat, and a gap of 5 before the next.
    await send(encodeEnrichedBatch(enrichedBatch([{ ring: 'r1', first: 0, next: 100, lost: 3 }])), 'enriched');
    await send(encodeEnrichedBatch(enrichedBatch([{ ring: 'r1', first: 105, next: 200 }])), 'enriched');
    await send(Uint8Array.of(1, 2, 3), 'enriched');
    await send(ownership(0, OwnershipKind.full), 'ownership');
    await send(ownership(1, OwnershipKind.asOf), 'ownership');
    const sink = await startSink({
      log,
      store,
      clock: systemClock,
      logger: silentLogger,
      meter: silentMeter,
      enrichedTopic: 'enriched',
      ownershipTopic: 'ownership',
      group: 'sink',
      flushAgeMs: 100,
      flushRowsMax: 100_000,
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await sink.stop();
    await sink.done;
  });
  after(() => rm(lake, { recursive: true, force: true }));

  for (const table of [FLOWS, LOSSES, OWNERSHIP]) {
    it(`${table.name} has the columns and types that are promised, in order`, async () => {
      const files = await readLakeTable(lake, table.name);
      assert.ok(files.length > 0);
      for (const { metadata } of files) {
        const seen = metadata.schema.slice(1).map((entry) => [entry.name, typeOf(metadata, entry.name)]);
        assert.deepEqual(
          seen,
          table.columns.map((column) => [column.name, column.type]),
        );
      }
    });

    it(`${table.name} has no null in a column that never has one`, async () => {
      for (const { rows } of await readLakeTable(lake, table.name)) {
        for (const row of rows) {
          for (const column of table.columns) {
            if (!column.nullable) assert.notEqual(row[column.name] ?? null, null, column.name);
          }
        }
      }
    });
  }

  it('stores each flow once, with its values, and its objects prove themselves', async () => {
    const files = await readLakeTable(lake, 'flows');
    const rows = files.flatMap((file) => file.rows);
    const numbers = rows.map((row) => Number(row['flow_number'])).sort((a, b) => a - b);
    const expected = [...Array(97).keys(), ...Array.from({ length: 95 }, (_, i) => 105 + i)];
    assert.deepEqual(numbers, expected);
    let told = 0;
    for (const { name, pairs } of files) {
      const facts = parseFileMetadata(pairs);
      assert.ok(facts !== null && parseObjectName(name) !== null);
      told += facts.flows + sumLosses(facts.losses);
    }
    assert.equal(told, 200);
    const row = rows.find((entry) => entry['flow_number'] === 7n)!;
    const endMs = 1_700_000_000_000 + ((7 * 7919) % 1000);
    assert.deepEqual(
      {
        end: (row['end_time'] as Date).getTime(),
        duration: row['duration_us'],
        opened: (row['connection_start_time'] as Date).getTime(),
        src: [row['src_addr'], row['src_addr_scope'], row['src_port'], row['src_workload'], row['src_labels']],
        dst: [row['dst_addr'], row['dst_addr_scope'], row['dst_workload'], row['dst_reason'], row['dst_country']],
        bytes: [row['bytes_to_dst'], row['bytes_to_src']],
        id: [row['connection_id'], row['ring_id'], row['reporter_node'], row['process_pid'], row['process_user_id']],
        rest: [row['report'], row['outcome'], row['error'], row['peer_reports'], row['rtt_us'], row['protocol']],
        as: row['dst_as_number'],
      },
      {
        end: endMs,
        duration: 9000n,
        opened: endMs - 9,
        src: ['10.0.3.7', 'private', 30_007, 'api', '{"app":"api"}'],
        dst: ['93.184.216.7', 'public', 'db', null, 'DE'],
        bytes: [7000n, 2n ** 40n + 7n],
        id: [2n ** 45n + 7n, 'r1', 'n1', 42n, 0n],
        rest: ['final', 'closed', null, true, 250, 6],
        as: 3320n,
      },
    );
    const refused = rows.find((entry) => entry['flow_number'] === 60n)!;
    assert.deepEqual(
      [refused['error'], refused['rtt_us'], refused['dst_workload'], refused['dst_reason'], refused['dst_method']],
      ['ECONNREFUSED', null, null, 'no_claim', 'none'],
    );
    assert.deepEqual(
      [refused['connection_start_time'], refused['duration_us'], refused['process_pid']],
      [null, null, null],
    );
  });

  it('sorts the rows of a file by destination, source and end', async () => {
    for (const { rows } of await readLakeTable(lake, 'flows')) {
      const keys = rows.map(
        (row) =>
          `${(row['dst_workload'] as string | null) ?? ''} ${(row['src_workload'] as string | null) ?? ''} ${(row['end_time'] as Date).toISOString()}`,
      );
      assert.deepEqual(keys, keys.toSorted());
    }
  });

  it('tells what was lost, and what could not be read, in the table of losses', async () => {
    const rows = (await readLakeTable(lake, 'losses')).flatMap((file) => file.rows);
    const seen = rows.map((row) => [row['stage'], row['reason'], row['flows'], row['ring_id'], row['detected_by']]);
    assert.deepEqual(seen, [
      ['kernel', 'ring_full', 3n, 'r1', 'sidecar'],
      ['transport', 'batch_lost', 5n, 'r1', 'sink'],
      ['sink', 'undecodable', null, null, 'sink'],
    ]);
  });

  it('stores claims', async () => {
    const rows = (await readLakeTable(lake, 'ownership')).flatMap((file) => file.rows);
    assert.equal(rows.length, 1);
    const { addr, prefix_length, port, workload: owner, method, claimed_by, valid_to } = rows[0]!;
    assert.deepEqual(
      [addr, prefix_length, port, owner, method, claimed_by, valid_to],
      ['10.1.2.3', 32, null, 'web', 'address', 'n1', null],
    );
  });

  it('leaves nothing in its temporary folder', async () => {
    assert.deepEqual(await readdir(join(lake, '_tmp')), []);
  });
});

function ownership(seq: number, kind: OwnershipKind): Uint8Array {
  const claims = new ClaimColumns(1);
  if (kind === OwnershipKind.full) {
    claims.length = 1;
    claims.addr.set(ipv4(10, 1, 2, 3));
    claims.prefixLength[0] = 128;
    claims.method[0] = Method.address;
    claims.earliestUs[0] = 1_000_000;
    claims.fromUs[0] = 2_000_000;
    claims.toUs[0] = -1;
    claims.latestUs[0] = -1;
  }
  return encodeOwnershipMessage({
    cluster: 'c1',
    network: 'net',
    reporter: 'n1',
    reporterKind: ReporterKind.sidecar,
    epoch: 'e1',
    seq,
    kind,
    asOfUs: 3_000_000,
    intervalMs: 5000,
    workloads: [workload('web')],
    pods: [],
    claims,
  });
}
