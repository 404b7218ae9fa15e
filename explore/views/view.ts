import type { Dialect } from './dialect.ts';

/** A view that ships with the tables. It may use the tables and the views before it in `VIEWS`. */
export interface View {
  readonly name: string;
  /** One sentence: what a row is. */
  readonly doc: string;
  /** The SELECT, without a semicolon. */
  sql(dialect: Dialect): string;
}

/** What is said of an end's owner, without the `src_` or `dst_`. */
export const OWNER_COLUMNS = [
  'network',
  'cluster',
  'namespace',
  'workload',
  'workload_kind',
  'instance',
  'instance_uid',
  'node',
  'region',
  'availability_zone',
  'account_id',
  'vpc_id',
  'subnet_id',
  'labels',
  'country',
  'as_number',
  'as_org',
  'method',
  'reason',
  'since',
] as const;

export type Side = 'src' | 'dst';
export const SIDES: readonly Side[] = ['src', 'dst'];
export const otherSide = (side: Side): Side => (side === 'src' ? 'dst' : 'src');

/**
 * How well a row knows an end, by its method: seen at capture before claimed before configured. Larger is better.
 * Source: the precedence of DESIGN section 5.
 */
export const knowledge = (method: string): string =>
  `CASE ${method} WHEN 'local' THEN 8 WHEN 'peer' THEN 7 WHEN 'port' THEN 6 WHEN 'address' THEN 5 ` +
  `WHEN 'service' THEN 4 WHEN 'node' THEN 3 WHEN 'prefix' THEN 2 WHEN 'geo' THEN 1 ELSE 0 END`;

/** Lines of a column list. */
export const columns = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join(',\n');
