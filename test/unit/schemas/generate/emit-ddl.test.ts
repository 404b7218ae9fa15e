import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { ENGINES, emitDdl } from '../../../../schemas/generate/emit-ddl.ts';
import { type Column, PARTITION_COLUMNS, TABLES } from '../../../../schemas/tables.ts';

/** name -> type of the columns that a statement declares, read back from its text. */
function declared(sql: string): string[] {
  return [...sql.matchAll(/^ {2}[`"](\w+)[`"] ([a-z]+)(?:\(3\))? COMMENT/gm)].map((match) => `${match[1]} ${match[2]}`);
}

function expected(columns: readonly Column[], names: Readonly<Record<string, string>>): string[] {
  return columns.map((column) => `${column.name} ${names[column.type] ?? column.type}`);
}

test('the columns of every DDL are those of the tables, in their order', () => {
  for (const engine of ['athena', 'trino', 'spark'] as const) {
    const names = engine === 'trino' ? { string: 'varchar', int: 'integer' } : {};
    const all = TABLES.flatMap((table) => [...table.columns, ...PARTITION_COLUMNS]);
    assert.deepEqual(declared(emitDdl(engine, TABLES, PARTITION_COLUMNS)), expected(all, names), engine);
  }
});

test('every engine is told the place of each table once, by the placeholder', () => {
  for (const engine of ENGINES) {
    const sql = emitDdl(engine, TABLES, PARTITION_COLUMNS);
    for (const { name } of TABLES) assert.ok(sql.includes(`'\${LOCATION}/${name}/`), `${engine} ${name}`);
    assert.equal(sql.match(/\$\{(?!LOCATION|dt|hour)/), null);
  }
});

test('Athena projects the folders that the sink makes', () => {
  const sql = emitDdl('athena', TABLES, PARTITION_COLUMNS);
  for (const line of [
    "'projection.dt.format' = 'yyyy-MM-dd'",
    "'projection.hour.digits' = '2'",
    "'projection.hour.range' = '0,23'",
    "'storage.location.template' = '${LOCATION}/flows/dt=${dt}/hour=${hour}/'",
  ]) {
    assert.ok(sql.includes(line), line);
  }
});

test('a doc with a quote is escaped as each engine wants it', () => {
  const column: Column = { name: 'a', type: 'int', kind: 'id', nullable: false, doc: "it's `x`" };
  const tables = [{ name: 'flows', doc: 'd', columns: [column] }] as const;
  assert.ok(emitDdl('athena', tables, PARTITION_COLUMNS).includes("COMMENT 'it\\'s x'"));
  assert.ok(emitDdl('trino', tables, PARTITION_COLUMNS).includes("COMMENT 'it''s x'"));
});

const DUCKDB_TYPES: Readonly<Record<string, string>> = {
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  bigint: 'BIGINT',
  int: 'INTEGER',
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
};

test('DuckDB runs its DDL: columns that a file lacks are null, types and order are those of the tables', async () => {
  const lake = mkdtempSync(join(tmpdir(), 'weir-ddl-'));
  const duckdb = await DuckDBInstance.create(':memory:');
  const connection = await duckdb.connect();
  try {
    for (const table of TABLES) {
      const folder = join(lake, table.name, 'dt=2026-11-24', 'hour=05');
      mkdirSync(folder, { recursive: true });
      const first = table.columns[0]!;
      const value = `CAST(NULL AS ${DUCKDB_TYPES[first.type]}) AS ${first.name}`;
      await connection.run(`COPY (SELECT ${value}) TO '${join(folder, 'a.parquet')}' (FORMAT parquet)`);
    }
    await connection.run(emitDdl('duckdb', TABLES, PARTITION_COLUMNS).replaceAll('${LOCATION}', lake));
    for (const table of TABLES) {
      const described = (await connection.runAndReadAll(`DESCRIBE ${table.name}`)).getRows();
      const all = [...table.columns, ...PARTITION_COLUMNS];
      assert.deepEqual(
        described.map((row) => `${String(row[0])} ${String(row[1])}`),
        expected(all, DUCKDB_TYPES),
      );
      const rows = (await connection.runAndReadAll(`SELECT dt, hour FROM ${table.name}`)).getRows();
      assert.deepEqual(rows, [['2026-11-24', 5]]);
    }
  } finally {
    connection.closeSync();
    duckdb.closeSync();
    rmSync(lake, { recursive: true });
  }
});
