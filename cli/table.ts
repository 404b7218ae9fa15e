/** Rows to text: a table that fits a width, JSON lines, CSV. Pure. */

/** A cell as people read it; null is empty. */
export function formatCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString().replace('T', ' ').replace('Z', '');
  if (typeof value === 'object') return JSON.stringify(value, jsonValue);
  // Control characters of a name must not steer a terminal.
  return `${value as string}`.replace(/\p{Cc}/gu, ' ');
}

const jsonValue = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? (Number.isSafeInteger(Number(value)) ? Number(value) : String(value)) : value;

const NUMERIC = /^-?\d[\d.,]*( ?%|[a-z]{0,3})?$/;
const MIN_COLUMN = 6;

/** Widths that fit: the widest columns are cut first, none below MIN_COLUMN or its own need. */
function fit(needs: readonly number[], total: number): number[] {
  const widths = [...needs];
  const gaps = 2 * (widths.length - 1);
  for (;;) {
    const sum = widths.reduce((a, b) => a + b, gaps);
    const widest = Math.max(0, ...widths);
    if (sum <= total || widest <= MIN_COLUMN) return widths;
    const second = Math.max(MIN_COLUMN, ...widths.filter((width) => width < widest));
    const many = widths.filter((width) => width === widest).length;
    const step = Math.max(1, Math.min(widest - second, Math.ceil((sum - total) / many)));
    for (const [index, width] of widths.entries()) if (width === widest) widths[index] = width - step;
  }
}

const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;

/** Below this many characters a column says nothing: the rows are then written one below the other. */
const LEGIBLE_COLUMN = 9;

/** A column a line, for rows that are wider than the terminal; empty cells are left out. */
function renderRecords(columns: readonly string[], rows: readonly (readonly string[])[], totalColumns: number): string {
  const width = Math.max(...columns.map((name) => name.length));
  const record = (row: readonly string[], index: number): string => {
    const lines = columns.flatMap((name, at) =>
      (row[at] ?? '') === '' ? [] : [cut(`${name.padEnd(width)}  ${row[at] ?? ''}`, totalColumns)],
    );
    return [`── ${index + 1}`, ...lines].join('\n');
  };
  return `${rows.map(record).join('\n')}\n`;
}

/**
 * Header, rule, rows; numbers to the right; cells that do not fit are cut with an ellipsis. Where even that would leave
 * nothing to read, a column a line.
 */
export function renderTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  totalColumns: number,
): string {
  if (columns.length === 0) return '';
  const needs = columns.map((name, index) => Math.max(name.length, ...rows.map((row) => (row[index] ?? '').length)));
  const legible = needs.reduce((sum, need) => sum + Math.min(need, LEGIBLE_COLUMN) + 2, -2);
  if (legible > totalColumns && rows.length > 0) return renderRecords(columns, rows, totalColumns);
  const widths = fit(needs, totalColumns);
  const numeric = columns.map((_, index) => rows.every((row) => row[index] === '' || NUMERIC.test(row[index] ?? '')));
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, index) => {
        const text = cut(cells[index] ?? '', width);
        return numeric[index] === true && rows.length > 0 ? text.padStart(width) : text.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return `${[line(columns), rule, ...rows.map(line)].join('\n')}\n`;
}

/** One object a line; integers beyond 2^53 as text, times as ISO 8601. */
export function renderJsonLines(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  return rows
    .map(
      (row) => `${JSON.stringify(Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null])), jsonValue)}\n`,
    )
    .join('');
}

const csvCell = (value: unknown): string => {
  const text = value instanceof Date ? value.toISOString() : formatCell(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** RFC 4180 with a header line; null is an empty cell. */
export function renderCsv(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  return renderCsvRows([columns, ...rows]);
}

/** The same without a header. */
export function renderCsvRows(rows: readonly (readonly unknown[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}
