/** Avro files of a lake, read by fastavro, which shares no code with Weir: rows, metadata, zero-row files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseFileMetadata, sumLosses } from '../../schemas/objects.ts';
import { TABLES } from '../../schemas/tables.ts';
import { copyOf, VERSIONS } from '../fixtures/versions/kept.ts';
import { installPython } from '../servers/python.ts';

/** Prints for every file its metadata and its rows, one JSON document a line. */
const PROGRAM = `
import json, sys, fastavro
for name in sys.argv[1:]:
    with open(name, 'rb') as file:
        reader = fastavro.reader(file)
        rows = [row for row in reader]
        print(json.dumps({'name': name, 'codec': reader.codec, 'pairs': dict(reader.metadata), 'rows': rows}, default=str))
`;

interface ReadFile {
  readonly name: string;
  readonly codec: string;
  readonly pairs: Readonly<Record<string, string>>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

describe('fastavro', () => {
  const root = mkdtempSync(join(tmpdir(), 'weir-fastavro-'));
  after(() => rmSync(root, { recursive: true }));
  let python: Awaited<ReturnType<typeof installPython>>;
  before(async () => {
    python = await installPython();
  });

  const read = (lake: string, table: string): ReadFile[] => {
    const names = readdirSync(join(lake, table), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.avro'))
      .map((name) => join(lake, table, name));
    const env = { ...process.env, PYTHONPATH: python.packages };
    const text = execFileSync(python.python, ['-c', PROGRAM, ...names], { env, encoding: 'utf8' });
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as ReadFile);
  };

  for (const version of VERSIONS) {
    it(`reads every table of the lake of version ${version}, and each object proves itself by what it says`, () => {
      const lake = join(root, String(version));
      copyOf(version, 'avro', lake);
      const flows = read(lake, 'flows');
      let [rows, empty, lost] = [0, 0, 0];
      for (const file of flows) {
        const facts = parseFileMetadata(file.pairs);
        assert.ok(facts !== null, file.name);
        assert.equal(file.rows.length, facts.rows, file.name);
        assert.equal(file.codec, 'deflate');
        rows += facts.rows;
        lost += sumLosses(facts.losses);
        if (facts.rows === 0) empty++;
      }
      // The roll and the seal have no rows.
      assert.deepEqual([rows, empty, lost], [11, 2, 3]);
      const numbers = flows.flatMap((file) =>
        file.rows.map((row) => `${String(row['ring_id'])} ${String(row['flow_number'])}`),
      );
      assert.equal(new Set(numbers).size, 11);
      assert.deepEqual(
        read(lake, 'losses').map((file) => file.rows.map((row) => [row['reason'], row['flows']])),
        [[['ring_full', 1]], [['batch_lost', 2]]],
      );
      const owners = read(lake, 'ownership').flatMap((file) => file.rows);
      const columns = new Set(TABLES.find(({ name }) => name === 'ownership')!.columns.map(({ name }) => name));
      assert.ok(owners.length > 0);
      for (const column of Object.keys(owners[0]!)) assert.ok(columns.has(column as never), column);
    });
  }
});
