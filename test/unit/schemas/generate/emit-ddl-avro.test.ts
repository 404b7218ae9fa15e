import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import avsc from 'avsc';
import { containerBlocks, readContainerHead } from '../../../../schemas/avro-container.ts';
import { AVRO_ENGINES, emitAvroDdl } from '../../../../schemas/generate/emit-ddl-avro.ts';
import { type Column, PARTITION_COLUMNS, TABLES } from '../../../../schemas/tables.ts';
import { VERSIONS, versionFolder } from '../../../fixtures/versions/kept.ts';

const of = (engine: (typeof AVRO_ENGINES)[number]): string => emitAvroDdl(engine, TABLES, PARTITION_COLUMNS);

/** name -> type of the columns that a statement declares, read back from its text. */
const declared = (sql: string): string[] =>
  [...sql.matchAll(/^ {2}[`"](\w+)[`"] ([a-z]+) COMMENT/gm)].map((match) => `${match[1]} ${match[2]}`);

const ALL: readonly Column[] = TABLES.flatMap((table) => [...table.columns, ...PARTITION_COLUMNS]);

test('the columns are those of the tables; where an engine knows no microseconds, times are numbers', () => {
  const names = { athena: { timestamp: 'bigint' }, trino: { timestamp: 'bigint', string: 'varchar', int: 'integer' } };
  for (const engine of AVRO_ENGINES) {
    const types: Readonly<Record<string, string>> = engine === 'spark' ? {} : names[engine];
    assert.deepEqual(
      declared(of(engine)),
      ALL.map(({ name, type }) => `${name} ${types[type] ?? type}`),
      engine,
    );
  }
});

test('a view of the plain name has every column, and timestamps', () => {
  for (const engine of ['athena', 'trino'] as const) {
    for (const table of TABLES) {
      const view = new RegExp(`VIEW ${table.name} AS\\nSELECT\\n([^;]+)\\nFROM ${table.name}_avro;`).exec(of(engine));
      assert.ok(view !== null, `${engine} ${table.name}`);
      const columns = view[1]!.split(',\n').map((line) => /"(\w+)"$/.exec(line)?.[1]);
      assert.deepEqual(
        columns,
        [...table.columns, ...PARTITION_COLUMNS].map(({ name }) => name),
      );
      const times = table.columns.filter(({ type }) => type === 'timestamp').length;
      assert.equal(view[1]!.match(/from_unixtime_nanos/g)?.length, times);
    }
  }
});

test('every engine is told the place of each table by the placeholder, and Athena the folders that the sink makes', () => {
  for (const engine of AVRO_ENGINES) {
    for (const { name } of TABLES) assert.ok(of(engine).includes(`'\${LOCATION}/${name}/`), `${engine} ${name}`);
    assert.equal(of(engine).match(/\$\{(?!LOCATION|dt|hour)/), null);
  }
  assert.equal(of('athena').match(/'projection\.hour\.digits' = '2'/g)?.length, TABLES.length);
});

test('the schema that Athena reads by takes what every version wrote, with null for columns that came since', async () => {
  const literals = [...of('athena').matchAll(/'avro\.schema\.literal' = '([^']+)'/g)].map((match) => match[1]!);
  assert.equal(literals.length, TABLES.length);
  for (const version of VERSIONS) {
    for (const [index, table] of TABLES.entries()) {
      const reader = avsc.Type.forSchema(JSON.parse(literals[index]!) as avsc.Schema, { registry: {} });
      const folder = join(versionFolder(version), 'avro', table.name);
      const [name] = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
        file.endsWith('.avro'),
      );
      const bytes = new Uint8Array(readFileSync(join(folder, name!)));
      const head = await readContainerHead((from, to) => Promise.resolve(bytes.subarray(from, to)), bytes.length);
      assert.ok(!('broken' in head));
      const writer = avsc.Type.forSchema(JSON.parse(head.metadata['avro.schema']!) as avsc.Schema, { registry: {} });
      const resolver = reader.createResolver(writer);
      let read = 0;
      for (const { rows, data } of containerBlocks(bytes, head)) {
        let at = 0;
        for (let i = 0; i < rows; i++, read++) {
          const { value, offset } = reader.decode(Buffer.from(data), at, resolver);
          at = offset;
          for (const { name: column } of table.columns) assert.ok(column in (value as object), column);
        }
      }
      assert.ok(read > 0, `${table.name} of version ${version}`);
    }
  }
});
