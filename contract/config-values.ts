/** One configuration value: from YAML or text to its type, and back to what people read. */
import type { Field } from './config-table.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

/** The value, or what would have been allowed. */
export type Parsed = { readonly value: unknown } | { readonly allowed: string };

const number = (field: Field, value: number): string =>
  field.type === 'duration' ? formatDuration(value) : field.type === 'size' ? formatSize(value) : String(value);

/** What a field takes, for messages and the reference. */
export function describeAllowed(field: Field): string {
  const range = `from ${number(field, field.min ?? 0)} to ${number(field, field.max ?? 0)}`;
  switch (field.type) {
    case 'enum':
      return (field.values ?? []).join(', ');
    case 'bool':
      return 'true or false';
    case 'int':
      return `a whole number ${range}`;
    case 'duration':
      return `a duration such as 30s or 5m, ${range}`;
    case 'size':
      return `a size such as 64MiB, ${range}`;
    case 'list':
      return field.pattern === undefined ? 'a list' : `a list, each ${field.pattern.says}`;
    case 'string':
      return field.pattern?.says ?? 'text';
  }
}

function parseAmount(field: Field, raw: unknown): unknown {
  const text = typeof raw === 'number' ? String(raw) : raw;
  if (typeof text !== 'string') return null;
  const parsed =
    field.type === 'duration' ? parseDuration(text) : field.type === 'size' ? parseSize(text) : integer(text);
  if (parsed === null || parsed < (field.min ?? 0) || parsed > (field.max ?? Infinity)) return null;
  return parsed;
}

const integer = (text: string): number | null => (/^\d{1,15}$/.test(text) ? Number(text) : null);

function parseText(field: Field, raw: unknown): string | null {
  const text = typeof raw === 'number' ? String(raw) : raw;
  if (typeof text !== 'string' || text.length > 4096) return null;
  return field.pattern === undefined || field.pattern.regex.test(text) ? text : null;
}

function parseList(field: Field, raw: unknown): readonly string[] | null {
  const items: readonly unknown[] | null = Array.isArray(raw)
    ? raw
    : typeof raw === 'string'
      ? raw.split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim()]))
      : null;
  if (items === null || items.length > 1024) return null;
  const parsed = items.map((item) => parseText(field, item));
  return parsed.includes(null) ? null : Object.freeze(parsed as string[]);
}

function parseBool(raw: unknown): boolean | null {
  if (typeof raw === 'boolean') return raw;
  return raw === 'true' ? true : raw === 'false' ? false : null;
}

/** `raw` comes from YAML (typed) or from the environment and flags (text; lists by commas). */
export function parseValue(field: Field, raw: unknown): Parsed {
  const value =
    field.type === 'bool'
      ? parseBool(raw)
      : field.type === 'list'
        ? parseList(field, raw)
        : field.type === 'enum'
          ? typeof raw === 'string' && field.values?.includes(raw) === true
            ? raw
            : null
          : field.type === 'string'
            ? parseText(field, raw)
            : parseAmount(field, raw);
  return value === null ? { allowed: describeAllowed(field) } : { value };
}

/** As a person would write it; a secret is never shown. */
export function formatValue(field: Field, value: unknown): string {
  if (field.secret === true) return value === '' ? '' : '(secret)';
  if (typeof value === 'number') return number(field, value);
  return Array.isArray(value) ? value.join(',') : String(value);
}
