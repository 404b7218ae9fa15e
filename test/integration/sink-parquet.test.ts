/** The Parquet writer alone: every shape of column, dictionaries at the edges of their widths, hostile texts. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { Store } from '../../contract/store.ts';
import type { LossEntry } from '../../schemas/objects.ts';
import { LOSSES } from '../../schemas/tables.ts';
import type { TableFormat } from '../../sink/format/columns.ts';
import { lossesTable } from '../../sink/format/losses-table.ts';
import { openParquetFormat } from '../../sink/format/parquet.ts';
import { openFolderStore } from '../../sink/store/folder.ts';

const loss = (reason: string, flows: number | null): LossEntry => ({
  stage: 'kernel',
  reason,
  flows,
  startUs: 1_700_000_000_123_456,
  endUs: 2,
  node: null,
  ring: 'r',
  intentional: false,
  detectedBy: 'sidecar',
});

describe('Parquet', () => {
  let folder: string;
  let store: Store;
  let format: TableFormat;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-parquet-'));
    store = await openFolderStore(folder);
    format = openParquetFormat();
  });
  after(async () => {
    await format.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function roundTrip(losses: readonly LossEntry[], metadata: Record<string, string> = {}) {
    const path = await store.temporaryPath('.parquet');
    await format.write(lossesTable(losses), path, metadata);
    const bytes = await readFile(path);
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const found = { metadata: parquetMetadata(file), rows: await parquetReadObjects({ file, compressors }), path };
    return found;
  }

  for (const texts of [1, 255, 256, 65_535, 65_536]) {
    it(`holds a dictionary of ${texts} texts`, async () => {
      const { rows } = await roundTrip(Array.from({ length: texts + 10 }, (_, i) => loss(`reason ${i % texts}`, i)));
      assert.equal(rows.length, texts + 10);
      rows.forEach((row, i) => assert.deepEqual([row['reason'], row['flows']], [`reason ${i % texts}`, BigInt(i)]));
    });
  }

  it('keeps microseconds, big counts and nulls', async () => {
    const { rows } = await roundTrip([loss('a', null), loss('b', 2 ** 53)]);
    assert.deepEqual([rows[0]?.['flows'], rows[1]?.['flows'], rows[0]?.['reporter_node']], [null, 2n ** 53n, null]);
    assert.equal((rows[0]!['interval_start'] as Date).getTime(), 1_700_000_000_123);
  });

  it('writes a table of no rows as a whole file with all its columns', async () => {
    const { metadata, rows } = await roundTrip([]);
    assert.equal(rows.length, 0);
    assert.deepEqual(
      metadata.schema.slice(1).map((entry) => entry.name),
      LOSSES.columns.map((column) => column.name),
    );
  });

  it('bears any text as value and as metadata', async () => {
    const texts = ["o'clock", 'emoji \u{1F600}', 'a"b\\c\n', 'end; DROP TABLE x; --', '\u0001', 'x'.repeat(16_384)];
    const pairs = Object.fromEntries(texts.map((text, i) => [`weir-${i}`, text]));
    const { rows, path } = await roundTrip(
      texts.map((text) => loss(text, 1)),
      pairs,
    );
    assert.deepEqual(
      rows.map((row) => row['reason']),
      texts,
    );
    assert.deepEqual({ ...(await format.readMetadata(store, path.slice(folder.length + 1))) }, pairs);
  });

  it('goes on after a file that could not be written', async () => {
    await assert.rejects(format.write(lossesTable([loss('a', 1)]), join(folder, 'no', 'folder.parquet'), {}), {
      code: 'WEIR_SINK_ENCODE_FAILED',
    });
    assert.equal((await roundTrip([loss('a', 1)])).rows.length, 1);
  });

  it('writes files that are asked for at once, one after the other', async () => {
    const all = await Promise.all(
      [1, 2, 3, 4].map((n) => roundTrip(Array.from({ length: n * 1000 }, () => loss(`${n}`, n)))),
    );
    all.forEach(({ rows }, i) => {
      assert.equal(rows.length, (i + 1) * 1000);
      assert.ok(rows.every((row) => row['reason'] === `${i + 1}`));
    });
  });
});
