/** The only place that writes to the terminal: results on standard output, notices and errors on standard error. */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { WeirError } from '../contract/errors.ts';
import { formatCell, renderCsv, renderCsvRows, renderJsonLines, renderTable } from './table.ts';

export type Format = 'table' | 'json' | 'csv';
export const FORMATS: readonly ['table', 'json', 'csv'] = ['table', 'json', 'csv'];

// A reader that goes away (weir query … | head) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 3);
});

export const isTerminal = (): boolean => process.stdout.isTTY === true;
/** A pipe has no width: nothing is cut there. */
export const terminalColumns = (): number => process.stdout.columns ?? Number.POSITIVE_INFINITY;

export function printText(text: string): void {
  process.stdout.write(text);
}

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Rows as a table that fits the terminal, JSON lines, or CSV. */
export function printRows(columns: readonly string[], rows: readonly (readonly unknown[])[], format: Format): void {
  if (format === 'json') return printText(renderJsonLines(columns, rows));
  if (format === 'csv') return printText(renderCsv(columns, rows));
  const cells = rows.map((row) => row.map(formatCell));
  printText(renderTable(columns, cells, terminalColumns()));
}

/** Rows that a table on the screen shows; JSON and CSV are not cut. */
const TABLE_ROWS_MAX = 1000;
const CHUNK_ROWS = 500;

/** The same for rows that come one by one: JSON and CSV are written as they come, a table is cut at its bound. */
export async function printResult(
  columns: readonly string[],
  rows: AsyncIterable<readonly unknown[]>,
  format: Format,
): Promise<void> {
  let chunk: (readonly unknown[])[] = [];
  let more = false;
  if (format === 'csv') printText(renderCsv(columns, []));
  const flush = async (): Promise<void> => {
    const text = format === 'json' ? renderJsonLines(columns, chunk) : renderCsvRows(chunk);
    chunk = [];
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
  };
  for await (const row of rows) {
    if (format === 'table' && chunk.length === TABLE_ROWS_MAX) {
      more = true;
      break;
    }
    chunk.push(row);
    if (format !== 'table' && chunk.length === CHUNK_ROWS) await flush();
  }
  if (format !== 'table') return flush();
  printRows(columns, chunk, format);
  if (more) printNotice(`the first ${TABLE_ROWS_MAX} rows; --format json or csv writes all, LIMIT fewer`);
}

/** A line for people while a command works: standard error, so that results stay clean. */
export function printNotice(line: string): void {
  writeSync(2, `${line}\n`);
}

/** `CODE: what happened; what to do`, one line; with `debug` the stack and its causes below. */
export function printError(error: WeirError, debug: boolean): void {
  writeSync(2, `${error.code}: ${error.message.replace(/\s*\n\s*/g, ' ')}\n`);
  if (!debug) return;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    writeSync(2, `${cause.stack ?? cause.message}\n`);
    if (cause instanceof WeirError) writeSync(2, `  ${JSON.stringify(cause.context)}\n`);
  }
}
