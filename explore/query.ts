/** SQL over an open lake: one answer, row by row. Reading only: whatever would write a file or reach outside is refused. */
import { type DuckDBConnection, type DuckDBValue, StatementType } from '@duckdb/node-api';
import { WeirError } from '../contract/errors.ts';
import { type Cell, toCell } from './cells.ts';
import type { Lake } from './lake.ts';

export interface QueryColumn {
  readonly name: string;
  /** The engine's name of the type. */
  readonly type: string;
}

export interface QueryResult {
  readonly columns: readonly QueryColumn[];
  /** Once only. Fails: WEIR_EXPLORE_QUERY. */
  readonly rows: AsyncIterable<readonly Cell[]>;
}

/** Statements that neither write files nor change what the next one may do; tables made here live in memory alone. */
const ALLOWED: ReadonlySet<StatementType> = new Set([
  StatementType.SELECT,
  StatementType.CREATE,
  StatementType.INSERT,
  StatementType.UPDATE,
  StatementType.DELETE,
  StatementType.DROP,
  StatementType.RELATION,
]);

/**
 * Run one or more statements; the answer is the last one's, streamed.
 * Fails: WEIR_EXPLORE_QUERY with the engine's message in one line.
 */
export async function runQuery(lake: Lake, sql: string, signal?: AbortSignal): Promise<QueryResult> {
  const { connection } = lake;
  if (sql.trim() === '') throw new WeirError('WEIR_EXPLORE_QUERY', 'there is no statement to run');
  const interrupt = (): void => connection.interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  try {
    const statements = await connection.extractStatements(sql);
    if (statements.count === 0) throw new WeirError('WEIR_EXPLORE_QUERY', 'there is no statement to run');
    for (let index = 0; index < statements.count - 1; index++) {
      const prepared = await statements.prepare(index);
      refuseWrites(prepared.statementType);
      await prepared.run();
    }
    const last = await statements.prepare(statements.count - 1);
    if (last.statementType === StatementType.EXPLAIN) await checkExplained(connection, sql);
    else refuseWrites(last.statementType);
    const result = await last.stream();
    const types = result.columnTypes();
    const columns = result.columnNames().map((name, index) => ({ name, type: String(types[index]) }));
    return { columns, rows: cells(result.yieldRows(), connection, signal) };
  } catch (error) {
    throw queryError(error);
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}

/** All rows at once, for answers known to be small. */
export async function queryAll(lake: Lake, sql: string): Promise<Record<string, Cell>[]> {
  const { columns, rows } = await runQuery(lake, sql);
  const all: Record<string, Cell>[] = [];
  for await (const row of rows)
    all.push(Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? null])));
  return all;
}

async function* cells(
  chunks: AsyncIterable<readonly (readonly DuckDBValue[])[]>,
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
): AsyncIterable<readonly Cell[]> {
  const interrupt = (): void => connection.interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  try {
    for await (const rows of chunks) for (const row of rows) yield row.map(toCell);
  } catch (error) {
    throw queryError(error);
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}

function refuseWrites(type: StatementType): void {
  if (ALLOWED.has(type)) return;
  throw new WeirError(
    'WEIR_EXPLORE_QUERY',
    `${StatementType[type] ?? 'such'} statements are not run here: the lake is only read`,
  );
}

/** EXPLAIN ANALYZE runs what it explains. */
async function checkExplained(connection: DuckDBConnection, sql: string): Promise<void> {
  const explained = sql.replace(/^[\s\S]*?\bexplain\b\s*(\([^)]*\)|analyze)?\s*/i, '');
  const statements = await connection.extractStatements(explained);
  for (let index = 0; index < statements.count; index++) refuseWrites((await statements.prepare(index)).statementType);
}

/** DuckDB's message is several lines with a caret; the first says it all but the candidates. */
function queryError(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  const text = (error instanceof Error ? error.message : String(error)).replace(/^Failed to extract statements: /, '');
  const lines = text.split('\n').map((line) => line.trim());
  const end = lines.findIndex((line) => line.startsWith('LINE '));
  const message = (end < 0 ? lines : lines.slice(0, end)).filter((line) => line !== '').join(' ');
  return new WeirError('WEIR_EXPLORE_QUERY', message, {}, error);
}
