import { readFileSync } from 'node:fs';
import { camel } from './names.ts';

/** The part of Avro that Weir's schemas use, resolved: every name is replaced by what it names. */
export type Type =
  | { readonly kind: 'string' | 'int' | 'long' | 'boolean' }
  | { readonly kind: 'enum'; readonly name: string; readonly symbols: readonly string[] }
  | { readonly kind: 'fixed'; readonly name: string; readonly size: number }
  | { readonly kind: 'array'; readonly items: RecordType; readonly columns: boolean }
  | RecordType;

export interface RecordType {
  readonly kind: 'record';
  readonly name: string;
  readonly doc: string;
  readonly fields: readonly Field[];
}

export interface Field {
  readonly name: string;
  /** camelCase of the name. */
  readonly id: string;
  readonly doc: string;
  readonly type: Type;
  /** The array of the batch that this int points into (`weir.index`), or null. */
  readonly index: string | null;
  /** It may be absent from what an earlier version wrote: readers then take an empty array. */
  readonly hasDefault: boolean;
}

/** One .avsc file. */
export interface Schema {
  /** Its path from the root of the project. */
  readonly path: string;
  /** Parsed JSON, as it stands. */
  readonly json: AvroJson;
  readonly batch: RecordType;
  /** The record whose array has `weir.columns`. */
  readonly rows: RecordType;
  /** The field of the batch that holds the rows; always the last. */
  readonly rowsField: Field;
}

/** Avro's JSON, loosely: the model checks what it takes from it. */
export type AvroJson = string | { readonly [key: string]: unknown };

export function readSchema(root: string, path: string): Schema {
  const json = JSON.parse(readFileSync(`${root}/${path}`, 'utf8')) as AvroJson;
  const batch = resolve(json, new Map(), path);
  if (batch.kind !== 'record') throw new Error(`${path}: the top must be a record`);
  const rowsField = batch.fields.at(-1);
  if (rowsField?.type.kind !== 'array' || !rowsField.type.columns) {
    throw new Error(`${path}: the last field must be an array with weir.columns`);
  }
  for (const field of rowsField.type.items.fields) {
    if (field.index === null) continue;
    if (!batch.fields.some((candidate) => candidate.name === field.index && candidate.type.kind === 'array')) {
      throw new Error(`${path}: ${field.name} points into ${field.index}, which is not an array of the batch`);
    }
  }
  return { path, json, batch, rows: rowsField.type.items, rowsField };
}

function resolve(json: AvroJson, named: Map<string, Type>, path: string): Type {
  if (typeof json === 'string') {
    if (json === 'string' || json === 'int' || json === 'long' || json === 'boolean') return { kind: json };
    const type = named.get(json);
    if (type === undefined) throw new Error(`${path}: unknown type ${json}`);
    return type;
  }
  const type = resolveObject(json, named, path);
  if ('name' in type) named.set(type.name, type);
  return type;
}

function resolveObject(json: { readonly [key: string]: unknown }, named: Map<string, Type>, path: string): Type {
  const name = String(json['name']);
  switch (json['type']) {
    case 'enum':
      return { kind: 'enum', name, symbols: json['symbols'] as string[] };
    case 'fixed':
      if (json['size'] !== 16) throw new Error(`${path}: ${name}: only fixed(16) is known`);
      return { kind: 'fixed', name, size: 16 };
    case 'array': {
      const items = resolve(json['items'] as AvroJson, named, path);
      if (items.kind !== 'record') throw new Error(`${path}: only arrays of records are known`);
      return { kind: 'array', items, columns: json['weir.columns'] === true };
    }
    case 'record':
      return {
        kind: 'record',
        name,
        doc: docOf(json, path),
        fields: (json['fields'] as { readonly [key: string]: unknown }[]).map((field) => ({
          name: String(field['name']),
          id: camel(String(field['name'])),
          doc: docOf(field, path),
          type: resolve(field['type'] as AvroJson, named, path),
          index: (field['weir.index'] as string | undefined) ?? null,
          hasDefault: Array.isArray(field['default']) && field['default'].length === 0,
        })),
      };
    default:
      throw new Error(`${path}: ${JSON.stringify(json['type'])} is not known to the generator`);
  }
}

function docOf(json: { readonly [key: string]: unknown }, path: string): string {
  const doc = json['doc'];
  if (typeof doc !== 'string' || doc === '') throw new Error(`${path}: ${String(json['name'])} has no doc`);
  return doc;
}

/** Every enum and record below a type, each once, in the order of first sight. */
export function namedTypes(type: Type, into: Map<string, Type> = new Map()): Map<string, Type> {
  if (type.kind === 'array') namedTypes(type.items, into);
  if (type.kind === 'record') for (const field of type.fields) namedTypes(field.type, into);
  if ((type.kind === 'record' || type.kind === 'enum') && !into.has(type.name)) into.set(type.name, type);
  return into;
}

/** The fewest bytes that a value can have: what a hostile count is held against. */
export function bytesMin(type: Type): number {
  if (type.kind === 'fixed') return type.size;
  if (type.kind !== 'record') return 1;
  return type.fields.reduce((sum, field) => sum + bytesMin(field.type), 0);
}

/** The most bytes of a row's value; rows have neither strings nor arrays. */
export function bytesMax(type: Type): number {
  switch (type.kind) {
    case 'fixed':
      return type.size;
    case 'boolean':
      return 1;
    case 'int':
    case 'enum':
      return 5;
    case 'long':
      return 10;
    case 'record':
      return type.fields.reduce((sum, field) => sum + bytesMax(field.type), 0);
    default:
      throw new Error(`a row cannot hold a ${type.kind}`);
  }
}
