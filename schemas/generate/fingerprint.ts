import type { AvroJson } from './model.ts';

/** Avro's Parsing Canonical Form: full names, no docs or own attributes, keys in the order of the specification. */
export function canonicalForm(json: AvroJson): string {
  return canonical(json, '');
}

const PRIMITIVES = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);

function canonical(json: AvroJson, namespace: string): string {
  if (typeof json === 'string') {
    return JSON.stringify(PRIMITIVES.has(json) || json.includes('.') ? json : qualified(json, namespace));
  }
  if (Array.isArray(json)) return `[${json.map((branch) => canonical(branch as AvroJson, namespace)).join(',')}]`;
  const type = json['type'] as string | AvroJson;
  // A field or item that is written as {"type": {...}}.
  if (typeof type !== 'string') return canonical(type, namespace);
  if (PRIMITIVES.has(type)) return JSON.stringify(type);
  if (type === 'map') return `{"type":"map","values":${canonical(json['values'] as AvroJson, namespace)}}`;
  if (type === 'array') return `{"type":"array","items":${canonical(json['items'] as AvroJson, namespace)}}`;
  const inner = (json['namespace'] as string | undefined) ?? namespace;
  const head = `{"name":${JSON.stringify(qualified(json['name'] as string, inner))},"type":"${type}"`;
  if (type === 'enum') return `${head},"symbols":${JSON.stringify(json['symbols'])}}`;
  if (type === 'fixed') return `${head},"size":${String(json['size'])}}`;
  if (type !== 'record') throw new Error(`${type} is no type of Avro`);
  const fields = (json['fields'] as { readonly name: string; readonly type: AvroJson }[]).map(
    (field) => `{"name":${JSON.stringify(field.name)},"type":${canonical(field.type, inner)}}`,
  );
  return `${head},"fields":[${fields.join(',')}]}`;
}

function qualified(name: string, namespace: string): string {
  return namespace === '' || name.includes('.') ? name : `${namespace}.${name}`;
}

const EMPTY = 0xc15d_213a_a4d7_a795n;

/** CRC-64-AVRO of a text, as the specification's "Schema Fingerprints" has it. */
export function crc64Avro(text: string): bigint {
  let crc = EMPTY;
  for (const byte of new TextEncoder().encode(text)) {
    let step = (crc ^ BigInt(byte)) & 0xffn;
    for (let bit = 0; bit < 8; bit += 1) step = (step & 1n) === 1n ? (step >> 1n) ^ EMPTY : step >> 1n;
    crc = (crc >> 8n) ^ step;
  }
  return crc;
}

/** The single-object header: C3 01 and the fingerprint, little endian. */
export function singleObjectHeader(json: AvroJson): number[] {
  const fingerprint = crc64Avro(canonicalForm(json));
  const bytes = [0xc3, 0x01];
  for (let i = 0n; i < 8n; i += 1n) bytes.push(Number((fingerprint >> (8n * i)) & 0xffn));
  return bytes;
}

/** The same as 20 hex digits. */
export function headerHex(json: AvroJson): string {
  return singleObjectHeader(json)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}
