/** One whole demo, as npm start runs it, and everything that can be asked of what it left. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { FileMetaData } from 'hyparquet';
import { checkRows } from '../../cli/demo/check.ts';
import { demosHere } from '../../cli/demo/leftovers.ts';
import { type LakeRow, namedByNewest, readLakeRows, readNewestOwners } from '../../cli/demo/lake-rows.ts';
import { nodeName, WATCHED_NODES } from '../../cli/demo/fleet-plan.ts';
import { parseTruth, type Truth, type TruthEnd } from '../../cli/demo/truth.ts';
import { openLake } from '../../explore/lake.ts';
import { resolveCgroup } from '../../sidecar/capture-host.ts';
import { readFolderStore } from '../../sink/store/folder.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';
import { CONTRACT_COLUMNS } from './contract-columns.ts';
import { weir } from './weir-process.ts';

const data = join(mkdtempSync(join(tmpdir(), 'weir-demo-')), 'data');
after(() => rmSync(join(data, '..'), { recursive: true }));

/** What a reader that knows nothing of Weir sees of a column's type. */
function typeOf(metadata: FileMetaData, name: string): string {
  const element = metadata.schema.find((entry) => entry.name === name);
  if (element?.logical_type?.type === 'TIMESTAMP') {
    const { isAdjustedToUTC, unit } = element.logical_type;
    return isAdjustedToUTC && unit === 'MICROS' && element.type === 'INT64' ? 'timestamp' : 'other timestamp';
  }
  const plain: Record<string, string> = { INT64: 'bigint', INT32: 'int', BOOLEAN: 'boolean', BYTE_ARRAY: 'string' };
  return plain[element?.type ?? ''] ?? 'missing';
}

describe('a demo of 20 s with seed 11', () => {
  let status: number | null;
  let out: string;
  let truth: Truth;
  let rows: readonly LakeRow[];
  let byNewest: readonly LakeRow[];

  before(async () => {
    ({ status, out } = await weir(['demo', '--seed', '11', '--data', data]));
    const [file] = readdirSync(join(data, 'demo')).filter((name) => name.endsWith('-truth.jsonl'));
    truth = parseTruth(readFileSync(join(data, 'demo', file!), 'utf8'));
    const lake = await openLake({ store: readFolderStore(join(data, 'lake')) });
    const nodes = WATCHED_NODES.map((node) => nodeName(truth.head.demo, node));
    rows = await readLakeRows(lake, nodes);
    byNewest = namedByNewest(rows, await readNewestOwners(lake, nodes));
    lake.close();
  });

  it('ends with status 0 and every figure right', () => {
    assert.equal(status, 0, out);
    assert.match(out, /every figure is right/);
    assert.match(out, /0 lost, 0 twice, 0 without truth/);
  });

  it('ends with a screen of at most 40 lines of 80 columns', () => {
    const screen = out.slice(out.indexOf('== weir demo')).trimEnd().split('\n');
    assert.ok(screen.length <= 40 && screen.length > 20, `${screen.length} lines`);
    for (const line of screen) assert.ok(line.length <= 80, line);
  });

  it('says that the sink was killed and came back, and that the address moved', () => {
    assert.match(out, /kill -9 of the sink \(pid \d+\)[\s\S]*the sink is back \(pid \d+\)/);
    assert.match(out, /10\.77\.0\.77 went from cache-blue \(node-a\) to cache-green \(node-b\)/);
  });

  it('has every kind of end of a connection, interim reports, IPv6, peers and looked-up names', () => {
    const outcomes = new Set(rows.map(({ outcome }) => outcome));
    const wanted = 'closed reset_by_src reset_by_dst refused timed_out unreachable abandoned open'.split(' ');
    for (const outcome of wanted) assert.ok(outcomes.has(outcome), outcome);
    const { methods, rows: counts, lookedUpShare } = checkRows(truth, rows);
    for (const method of ['local', 'peer', 'address', 'port']) assert.ok((methods.get(method) ?? 0) > 0, method);
    assert.ok(counts.interim >= 20, `${counts.interim} interim rows`);
    assert.ok(lookedUpShare >= 0.4);
    assert.ok(rows.some(({ srcAddr }) => srcAddr.includes(':')));
  });

  it('turns red for every falsified row of the truth', () => {
    const falsify = (change: (end: TruthEnd) => readonly TruthEnd[]): Truth => {
      const at = truth.ends.findIndex(({ workload, outcome }) => workload === 'checkout' && outcome === 'closed');
      return { ...truth, ends: truth.ends.flatMap((end, i) => (i === at ? change(end) : [end])) };
    };
    const changes: ((end: TruthEnd) => readonly TruthEnd[])[] = [
      (end) => [{ ...end, sent: end.sent + 1 }],
      (end) => [{ ...end, received: end.received - 1 }],
      (end) => [{ ...end, outcome: 'reset_by_remote' }],
      (end) => [{ ...end, workload: 'web' }],
      (end) => [{ ...end, remotePort: end.remotePort + 1 }],
      () => [],
      (end) => [end, { ...end, localPort: 1 }],
    ];
    assert.equal(checkRows(truth, rows).ok, true);
    for (const change of changes) assert.equal(checkRows(falsify(change), rows).ok, false, String(change));
  });

  it('turns red when a row of the lake is missing or there twice', () => {
    assert.equal(checkRows(truth, rows.slice(1)).ok, false);
    assert.equal(checkRows(truth, [...rows, rows[0]!]).ok, false);
  });

  it('turns red where the current owner is looked up', () => {
    const report = checkRows(truth, byNewest);
    assert.equal(report.ok, false);
    assert.ok(report.names.wrong > 50, `${report.names.wrong} wrong`);
    assert.match(report.findings.join('\n'), /is named cache-green .* it was cache-blue/);
    assert.match(out, new RegExp(`current owner would be wrong for ${report.names.wrong}\\b`));
  });

  it('leaves nothing on the machine', () => {
    assert.ok(!demosHere(resolveCgroup()).includes(truth.head.demo));
    const pids = [...out.matchAll(/(?:sink|enricher|node-[ab]) (\d+)|\(pid (\d+)\)/g)].map(
      (match) => match[1] ?? match[2],
    );
    assert.ok(pids.length >= 5);
    for (const pid of pids) assert.ok(!existsSync(`/proc/${pid}`), `process ${pid} is there`);
  });

  for (const table of ['flows', 'ownership'] as const) {
    it(`${table} has the promised columns and types for a reader without DuckDB`, async () => {
      const files = await readLakeTable(join(data, 'lake'), table);
      assert.ok(files.length > 1);
      for (const { metadata } of files) {
        for (const [name, type] of Object.entries(CONTRACT_COLUMNS[table])) {
          assert.equal(typeOf(metadata, name), type, name);
        }
      }
    });
  }

  it('has the same rows for a reader without DuckDB, each number once', async () => {
    const files = await readLakeTable(join(data, 'lake'), 'flows');
    const seen = files.flatMap((file) => file.rows);
    assert.equal(seen.length, rows.length);
    assert.equal(
      new Set(seen.map((row) => `${String(row['ring_id'])} ${String(row['flow_number'])}`)).size,
      seen.length,
    );
    const bytes = seen.reduce((sum, row) => sum + Number(row['bytes_to_dst']), 0);
    assert.equal(
      bytes,
      rows.reduce((sum, row) => sum + row.bytesToDst, 0),
    );
  });

  it('answers queries and verifies afterwards', async () => {
    const query = await weir(['query', '--data', data, '--format', 'json', 'SELECT count(*) AS n FROM connections']);
    assert.equal(JSON.parse(query.out).n, truth.ends.filter(({ role }) => role === 'client').length);
    const verify = await weir(['verify', '--data', data]);
    assert.equal(verify.status, 0, verify.out);
  });
});
