/**
 * The query pack: questions that come with the lake. Each is one file of SQL with a header of comments,
 * in the SQL that DuckDB, Trino and Spark share, so that it can be pasted anywhere once its parameters are filled in.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { WeirError } from '../contract/errors.ts';
import { type Hour, hourOfMs } from '../schemas/objects.ts';

export type ParameterType = 'timestamp' | 'int' | 'text';

export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  /** As SQL; null: the parameter says "any". */
  readonly fallback: string | null;
  readonly doc: string;
}

export interface PackQuery {
  readonly name: string;
  readonly title: string;
  readonly question: string;
  readonly parameters: readonly Parameter[];
  /** With `$name` for parameters, and `$arrival` for the hours of arrival that they imply. */
  readonly sql: string;
}

/** Values as given on a command line: times in ISO 8601, whole numbers, texts. */
export type PackValues = Readonly<Record<string, string>>;

const FOLDER = new URL('./pack/', import.meta.url);
const PARAMETER = /^param (\w+) (timestamp|int|text)(?: (\d+))?: (.+)$/;
const HOUR_MS = 3_600_000;

/** All of them, by name. */
export function listPack(): PackQuery[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => parsePackQuery(file.slice(0, -'.sql'.length), readFileSync(new URL(file, FOLDER), 'utf8')));
}

/** Fails: WEIR_EXPLORE_QUERY, naming those that there are. */
export function loadPack(name: string): PackQuery {
  const all = listPack();
  const found = all.find((query) => query.name === name);
  if (found !== undefined) return found;
  throw new WeirError(
    'WEIR_EXPLORE_QUERY',
    `the pack has no query "${name}"; it has ${all.map((query) => query.name).join(', ')}`,
  );
}

export function parsePackQuery(name: string, text: string): PackQuery {
  const header = new Map<string, string>();
  const parameters: Parameter[] = [];
  const lines = text.split('\n');
  let at = 0;
  for (; lines[at]?.startsWith('-- ') === true; at++) {
    const line = lines[at]!.slice(3);
    const parameter = PARAMETER.exec(line);
    if (parameter !== null) {
      const [, parameterName = '', type, fallback = null, doc = ''] = parameter;
      parameters.push({ name: parameterName, type: type as ParameterType, fallback, doc });
    } else {
      const colon = line.indexOf(': ');
      header.set(line.slice(0, colon), line.slice(colon + 2));
    }
  }
  const title = header.get('title') ?? '';
  const question = header.get('question') ?? '';
  return { name, title, question, parameters, sql: lines.slice(at).join('\n').trim() };
}

/** The SQL to run. Fails: WEIR_EXPLORE_QUERY for an unknown parameter or a value of the wrong kind. */
export function bindPack(query: PackQuery, values: PackValues): string {
  for (const name of Object.keys(values)) {
    if (query.parameters.some((parameter) => parameter.name === name)) continue;
    const known = query.parameters.map((parameter) => parameter.name).join(', ');
    throw new WeirError(
      'WEIR_EXPLORE_QUERY',
      `query ${query.name} has no parameter "${name}"; it has ${known === '' ? 'none' : known}`,
    );
  }
  const literals = new Map<string, string>();
  for (const parameter of query.parameters)
    literals.set(parameter.name, literalOf(query, parameter, values[parameter.name]));
  literals.set('arrival', arrivalWithin(msOf(values['since']), msOf(values['until'])));
  return query.sql.replaceAll(/\$(\w+)/g, (whole, name: string) => literals.get(name) ?? whole);
}

/**
 * The first hour of arrival that a query from `since` can need, for `openLake`; undefined: all. Only a query of single rows
 * can do without what came before: the others join rows of long connections, or ask what was there for the first time.
 */
export function firstHourOf(values: PackValues, query?: PackQuery): Hour | undefined {
  const ms = msOf(values['since']);
  return ms === null || query?.sql.includes('$arrival') !== true ? undefined : hourOfMs(ms - HOUR_MS);
}

function literalOf(query: PackQuery, parameter: Parameter, value: string | undefined): string {
  const { name, type, fallback } = parameter;
  const wrong = (allowed: string): WeirError =>
    new WeirError('WEIR_EXPLORE_QUERY', `query ${query.name}: ${name} is "${value}", allowed is ${allowed}`);
  if (value === undefined) return fallback ?? absent(name, type);
  if (type === 'int') {
    if (!/^\d{1,9}$/.test(value)) throw wrong('a whole number');
    return value;
  }
  if (type === 'text') return `'${value.replaceAll("'", "''")}'`;
  const ms = msOf(value);
  if (ms === null) throw wrong('a time such as 2026-01-31T12:00:00Z');
  return timestamp(ms);
}

/** "Any": a window without an end, or null. */
function absent(name: string, type: ParameterType): string {
  if (type === 'timestamp' && name === 'since') return timestamp(0);
  if (type === 'timestamp' && name === 'until') return timestamp(Date.UTC(9999, 0));
  return type === 'timestamp' ? 'CAST(NULL AS timestamp)' : 'NULL';
}

const timestamp = (ms: number): string => `TIMESTAMP '${new Date(ms).toISOString().slice(0, -1).replace('T', ' ')}'`;

/** Times without a zone are UTC. */
function msOf(value: string | undefined): number | null {
  if (value === undefined) return null;
  const zoned = /(?:[zZ]|[+-]\d\d:?\d\d)$/.test(value) || !value.includes(':') ? value : `${value.replace(' ', 'T')}Z`;
  const ms = Date.parse(zoned);
  return Number.isNaN(ms) ? null : ms;
}

/**
 * Rows arrive after they end, so a window of event time begins with its own hour less one (clocks differ), and ends an hour
 * later than itself. What arrives later than that (a spool) is only found without `until`.
 */
function arrivalWithin(sinceMs: number | null, untilMs: number | null): string {
  const conditions: string[] = [];
  if (sinceMs !== null) {
    const { dt, hour } = hourOfMs(sinceMs - HOUR_MS);
    conditions.push(`(dt > '${dt}' OR (dt = '${dt}' AND hour >= ${hour}))`);
  }
  if (untilMs !== null) {
    const { dt, hour } = hourOfMs(untilMs + HOUR_MS);
    conditions.push(`(dt < '${dt}' OR (dt = '${dt}' AND hour <= ${hour}))`);
  }
  return conditions.length === 0 ? '1 = 1' : `(${conditions.join(' AND ')})`;
}
