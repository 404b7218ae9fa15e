/** `weir verify` as users see it: its three formats, its spans, and what it says where the log is away. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { weir } from '../../e2e/weir-command.ts';
import { copyOf } from '../../fixtures/versions/kept.ts';

const root = mkdtempSync(join(tmpdir(), 'weir-verify-'));
after(() => rmSync(root, { recursive: true }));

type Row = Readonly<Record<string, string | number | null>>;
const jsonLines = (text: string): Row[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);

const HOURS = [
  ['flows', 'dt=2026-11-24/hour=10', 2, 4, 4, 1, 0],
  ['flows', 'dt=2026-11-24/hour=11', 3, 7, 7, 2, 0],
  ['ownership', 'dt=2026-11-24/hour=10', 1, 4, 0, 0, 0],
];
const figuresOf = (row: Row): unknown[] =>
  ['table', 'hour', 'objects', 'rows', 'flows', 'lost', 'findings'].map((name) => row[name]);

for (const format of ['parquet', 'avro'] as const) {
  describe(`weir verify of a lake of ${format}`, () => {
    const lake = join(root, format);
    copyOf(1, format, lake);

    it('has a row a partition and hour, in JSON and CSV', async () => {
      const json = await weir('verify', '--data', lake, '--format', 'json');
      assert.equal(json.status, 0, json.stdout + json.stderr);
      const rows = jsonLines(json.stdout);
      assert.deepEqual(rows.map(figuresOf), HOURS);
      const csv = await weir('verify', '--data', lake, '--format', 'csv');
      const [head, ...lines] = csv.stdout.trim().split('\r\n');
      assert.deepEqual(head!.split(','), Object.keys(rows[0]!));
      assert.deepEqual(
        lines,
        rows.map((row) =>
          Object.values(row)
            .map((value) => String(value ?? ''))
            .join(','),
        ),
      );
    });

    it('adds up days and partitions where that is asked for', async () => {
      for (const [by, hour] of [
        ['day', 'dt=2026-11-24'],
        ['partition', null],
      ] as const) {
        const { stdout } = await weir('verify', '--data', lake, '--format', 'json', '--by', by);
        assert.deepEqual(jsonLines(stdout).map(figuresOf), [
          ['flows', hour, 5, 11, 11, 3, 0],
          ['ownership', hour, 1, 4, 0, 0, 0],
        ]);
      }
    });

    it('tells on a terminal the sums of the ledger, and how little it read', async () => {
      const { stdout } = await weir('verify', '--data', lake);
      assert.match(stdout, /^kernel +ring_full +false +1 +1 +0$/m);
      assert.match(stdout, /^transport +batch_lost +false +1 +2 +0$/m);
      assert.match(stdout, /^read 0\.\d MiB of the 0\.\d MiB that 6 objects/m);
    });

    it('names the hour and the object that is missing, in every format', async () => {
      const cut = `${lake}-cut`;
      copyOf(1, format, cut);
      const hour = 'flows/dt=2026-11-24/hour=10';
      const name = readdirSync(join(cut, hour)).sort()[0]!;
      rmSync(join(cut, hour, name));
      const json = await weir('verify', '--data', cut, '--format', 'json');
      assert.equal(json.status, 1);
      const found = jsonLines(json.stdout).filter((row) => row['finding'] === 'object_missing');
      assert.deepEqual(
        found.map((row) => [row['table'], row['partition'], row['hour'], row['object']]),
        [['flows', 0, 'dt=2026-11-24/hour=10', `${hour}/${name}`]],
      );
      for (const other of ['csv', 'table']) {
        const { status, stdout } = await weir('verify', '--data', cut, '--format', other);
        assert.equal(status, 1);
        assert.ok(stdout.includes(`${hour}/${name}`), stdout);
      }
    });
  });
}

describe('weir verify with a log', () => {
  it('says up to which raw offset it judges', async () => {
    const data = join(root, 'data');
    copyOf(1, 'data', data);
    const { status, stdout } = await weir('verify', '--data', data);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /by the log from {2}raw log up to {2}not stored yet/);
    assert.match(stdout, /2 of 2 chains also by the log/);
  });

  it('judges by the objects alone where the brokers are away, and says so', async () => {
    const away = ['--transport-kind', 'kafka', '--transport-brokers', '127.0.0.1:1'];
    const { status, stdout, stderr } = await weir('verify', '--data', join(root, 'parquet'), ...away);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stderr, /^WEIR_TRANSPORT_UN\w+: .*; judged by the objects alone$/m);
    assert.match(stdout, /judged by the objects alone, up to the end of each chain/);
  });
});
