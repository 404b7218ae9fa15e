/** `weir ddl`: the statements that make the tables and the views in another engine. */
import { readFileSync } from 'node:fs';
import { WeirError } from '../contract/errors.ts';
import type { ObjectFormat } from '../schemas/objects.ts';
import { dialectOf, type Engine } from './views/dialect.ts';
import { VIEWS } from './views/views.ts';

/** What stands in the generated statements for the lake's own URI. */
const LOCATION = '${LOCATION}';

/**
 * @param location the lake's URI (`s3://bucket/prefix`, or a folder); a slash at its end does not matter.
 * @param format of the lake's files. WEIR_EXPLORE_FORMAT: DuckDB reads Parquet.
 */
export function ddlFor(engine: Engine, location: string, format: ObjectFormat = 'parquet'): string {
  if (format === 'avro' && engine === 'duckdb') {
    const what = 'DuckDB reads no Avro without an extension: ask a lake of Avro files with athena, trino or spark';
    throw new WeirError('WEIR_EXPLORE_FORMAT', what, { engine, format });
  }
  const name = format === 'avro' ? `${engine}.avro.sql` : `${engine}.sql`;
  const file = new URL(`../schemas/generated/ddl/${name}`, import.meta.url);
  const tables = readFileSync(file, 'utf8').replaceAll(LOCATION, location.replace(/\/+$/, ''));
  const dialect = dialectOf(engine);
  const macros = engine === 'duckdb' ? [DUCKDB_MACROS] : [];
  const views = VIEWS.map((view) => `-- ${view.doc}\nCREATE OR REPLACE VIEW ${view.name} AS\n${view.sql(dialect)};\n`);
  return [tables.trimEnd(), ...macros, ...views].join('\n\n');
}

/** What the query pack needs of DuckDB. */
export const DUCKDB_MACROS = `-- What Trino and Spark have and DuckDB calls otherwise, so that the query pack is one text for all.
CREATE OR REPLACE MACRO approx_percentile(x, p) AS approx_quantile(x, p);`;
