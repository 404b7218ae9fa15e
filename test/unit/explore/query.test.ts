import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Lake, openLake } from '../../../explore/lake.ts';
import { queryAll, runQuery } from '../../../explore/query.ts';
import { PARTITION_COLUMNS, TABLES } from '../../../schemas/tables.ts';
import { readFolderStore } from '../../../sink/store/folder.ts';
import { clientRow, FixtureLake, loss, serverRow, T0 } from './fixture-lake.ts';

const SQL_TYPES = {
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  bigint: 'BIGINT',
  int: 'INTEGER',
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
};

describe('a query', () => {
  let fixture: FixtureLake;
  let lake: Lake;
  before(async () => {
    fixture = await FixtureLake.make();
    await fixture.append('flows', [clientRow()], { omit: ['seeded', 'rtt_us', 'dst_service'] });
    await fixture.append('flows', [], { messages: 0, hourMs: T0 + 3_600_000 });
    await fixture.append('flows', [serverRow()], { losses: [loss(2)] });
    lake = await openLake({ store: readFolderStore(fixture.folder), threads: 1 });
  });
  after(() => {
    lake.close();
    fixture.remove();
  });
  const refused = async (sql: string, message: RegExp): Promise<void> => {
    const run = async (): Promise<void> => {
      for await (const _ of (await runQuery(lake, sql)).rows) continue;
    };
    await assert.rejects(run(), { code: 'WEIR_EXPLORE_QUERY', message });
  };

  it('sees every table with the columns and types that are promised, in their order, then dt and hour', async () => {
    for (const table of TABLES) {
      const { columns } = await runQuery(lake, `SELECT * FROM ${table.name}`);
      const promised = [...table.columns, ...PARTITION_COLUMNS].map(({ name, type }) => ({
        name,
        type: SQL_TYPES[type],
      }));
      assert.deepEqual(columns, promised);
    }
  });

  it('reads null where a file is older than a column, and the hours of the folders', async () => {
    const rows = await queryAll(lake, 'SELECT reporter, seeded, rtt_us, dt, hour FROM flows ORDER BY reporter');
    assert.deepEqual(rows, [
      { reporter: 'dst', seeded: false, rtt_us: 300, dt: '2026-01-02', hour: 11 },
      { reporter: 'src', seeded: null, rtt_us: null, dt: '2026-01-02', hour: 10 },
    ]);
  });

  it('sees the losses of the ledger', async () => {
    assert.deepEqual(await queryAll(lake, 'SELECT stage, reason, flows FROM losses'), [
      { stage: 'kernel', reason: 'ring_full', flows: 2 },
    ]);
  });

  it('leaves out what arrived before the first hour asked for', async () => {
    const late = await openLake({ store: readFolderStore(fixture.folder), fromHour: { dt: '2026-01-02', hour: 11 } });
    assert.deepEqual(await queryAll(late, 'SELECT reporter FROM flows'), [{ reporter: 'dst' }]);
    late.close();
  });

  it('has all tables and views in a lake without any row', async () => {
    const empty = await FixtureLake.make();
    empty.begin('flows');
    const open = await openLake({ store: readFolderStore(empty.folder) });
    for (const name of [
      'flows',
      'losses',
      'ownership',
      'connections',
      'edges',
      'vpc_flow_log',
      'ocsf_network_activity',
      'ownership_history',
    ]) {
      assert.deepEqual(await queryAll(open, `SELECT count(*) AS n FROM ${name}`), [{ n: 0 }], name);
    }
    open.close();
    empty.remove();
  });

  it('gives times with microseconds in UTC, and whole numbers as numbers where they are exact', async () => {
    const rows = await queryAll(
      lake,
      "SELECT TIMESTAMPTZ '2026-01-02 03:04:05.000006+00' AS a, TIMESTAMP '1969-12-31 23:59:59.999999' AS b, 9007199254740993 AS c, 5::HUGEINT AS d, 1.5::DECIMAL(4,2) AS e, [1, NULL] AS f, {'x': 'y'} AS g, DATE '2026-01-02' AS h, 'nan'::DOUBLE AS i, NULL AS j",
    );
    assert.deepEqual(rows, [
      {
        a: '2026-01-02T03:04:05.000006Z',
        b: '1969-12-31T23:59:59.999999Z',
        c: '9007199254740993',
        d: 5,
        e: 1.5,
        f: [1, null],
        g: { x: 'y' },
        h: '2026-01-02',
        i: 'NaN',
        j: null,
      },
    ]);
  });

  it('runs several statements and answers the last', async () => {
    assert.deepEqual(await queryAll(lake, 'CREATE TEMP TABLE one AS SELECT 1 AS a; SELECT a + 1 AS b FROM one;'), [
      { b: 2 },
    ]);
  });

  it('streams: a long answer is not held in memory', async () => {
    const { rows } = await runQuery(lake, 'SELECT range AS n FROM range(3000000)');
    let count = 0;
    for await (const [n] of rows) {
      assert.equal(n, count);
      if (++count === 5000) break;
    }
    assert.equal(count, 5000);
  });

  it('refuses wrong SQL in one line of the engine', async () => {
    await refused('SELEC 1', /^Parser Error: syntax error at or near "SELEC"$/);
    await refused('SELECT nothing FROM flows', /^Binder Error: [^\n]*"nothing"[^\n]*$/);
    await refused(' ', /no statement/);
  });

  it('refuses to write, and to read anything but the lake', async () => {
    const target = join(fixture.folder, 'flows', 'x.parquet');
    const own = join(
      fixture.folder,
      'flows/dt=2026-01-02/hour=10',
      readdirSync(join(fixture.folder, 'flows/dt=2026-01-02/hour=10'))[0]!,
    );
    await refused(`COPY (SELECT 1) TO '${target}'`, /./);
    await refused(`COPY (SELECT 1) TO '${own}'`, /COPY statements are not run/);
    await refused(`EXPLAIN ANALYZE COPY (SELECT 1) TO '${own}'`, /COPY statements are not run/);
    await refused(`EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO '${own}'`, /COPY statements are not run/);
    await refused(`PREPARE p AS COPY (SELECT 1) TO '${own}'; EXECUTE p`, /./);
    await refused(`EXPORT DATABASE '${fixture.folder}/flows/ex'`, /./);
    await refused("SELECT * FROM read_text('/etc/hostname')", /Permission Error/);
    await refused("ATTACH '/tmp/weir-none.db'", /./);
    await refused('SET enable_external_access = true', /./);
    await refused('INSTALL httpfs', /./);
    assert.equal(existsSync(target), false);
    assert.equal(existsSync(join(fixture.folder, 'flows/ex')), false);
    assert.equal((await queryAll(lake, 'SELECT count(*) AS n FROM flows'))[0]!['n'], 2);
  });

  it('ends when it is told to', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(
      runQuery(
        lake,
        'SELECT count(*) FROM range(100000000) a, range(100000) b WHERE a.range % 7 = b.range % 11',
        controller.signal,
      ),
      { code: 'WEIR_EXPLORE_QUERY' },
    );
  });

  it('says that there is no lake in an empty folder', async () => {
    const empty = await FixtureLake.make();
    await assert.rejects(openLake({ store: readFolderStore(empty.folder) }), { code: 'WEIR_EXPLORE_NO_LAKE' });
    empty.remove();
  });
});
