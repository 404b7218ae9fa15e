import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { ddlFor } from '../../../explore/ddl.ts';
import { dialectOf, ENGINES } from '../../../explore/views/dialect.ts';
import { VIEWS } from '../../../explore/views/views.ts';
import { clientRow, FixtureLake, loss, serverRow } from './fixture-lake.ts';

describe('the statements for other engines', () => {
  let fixture: FixtureLake;
  before(async () => {
    fixture = await FixtureLake.make();
    await fixture.append('flows', [clientRow(), serverRow()], { losses: [loss(1)] });
    await fixture.append('ownership', []);
  });
  after(() => fixture.remove());

  it('make tables and views in a DuckDB that knows nothing of Weir', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(ddlFor('duckdb', `${fixture.folder}/`));
    const reader = await connection.runAndReadAll('SELECT src_workload, dst_workload FROM connections');
    assert.deepEqual(reader.getRows(), [['web', 'cart']]);
    const edges = await connection.runAndReadAll('SELECT CAST(sum(connections) AS INTEGER) FROM edges');
    assert.deepEqual(edges.getRows(), [[1]]);
    connection.closeSync();
  });

  it('name the lake, every table and every view, and leave no placeholder', () => {
    for (const engine of ENGINES) {
      const text = ddlFor(engine, 's3://bucket/weir/');
      assert.ok(text.includes('s3://bucket/weir/flows'), engine);
      assert.ok(!text.includes('${LOCATION}') && !text.includes('undefined') && !text.includes('weir//'), engine);
      for (const view of VIEWS)
        assert.ok(text.includes(`CREATE OR REPLACE VIEW ${view.name} AS`), `${engine} ${view.name}`);
    }
  });

  it('make tables of Avro files, with the same views over them, where an engine reads those', () => {
    for (const engine of ['athena', 'trino', 'spark'] as const) {
      const text = ddlFor(engine, 's3://bucket/weir/', 'avro');
      assert.ok(text.includes('s3://bucket/weir/flows/'), engine);
      assert.match(text, /avro/i);
      assert.doesNotMatch(text, /parquet|\$\{LOCATION\}|weir\/\//i);
      for (const view of VIEWS) assert.ok(text.includes(`VIEW ${view.name} AS`), `${engine} ${view.name}`);
    }
    assert.throws(() => ddlFor('duckdb', 's3://bucket/weir', 'avro'), { code: 'WEIR_EXPLORE_FORMAT' });
  });

  it('keep what only one engine knows out of the others', () => {
    const trino = VIEWS.map((view) => view.sql(dialectOf('trino'))).join('\n');
    assert.doesNotMatch(trino, /struct_pack|named_struct|epoch_ms|unix_millis|`|::|string\)/);
    assert.match(trino, /CAST\(ROW\(/);
    const spark = VIEWS.map((view) => view.sql(dialectOf('spark'))).join('\n');
    assert.doesNotMatch(spark, /struct_pack|ROW\(|epoch_ms|to_unixtime|"|::|varchar/);
    const athena = VIEWS.map((view) => view.sql(dialectOf('athena'))).join('\n');
    assert.equal(athena, trino);
  });
});
