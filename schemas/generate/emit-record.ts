import type { Field, RecordType, Type } from './model.ts';
import { bytesMin } from './model.ts';
import { docComment, upper } from './names.ts';

const MEMO_FIELDS_MIN = 8;

export function recordImports(): string {
  return [
    `import type { AvroReader } from '../avro-reader.ts';\n`,
    `import type { AvroWriter } from '../avro-writer.ts';\n`,
    `import { RecordMemo } from '../record-memo.ts';\n`,
  ].join('');
}

/** The plain object of a record. */
export function emitInterface(record: RecordType): string {
  const fields = record.fields.map(
    (field) => `${docComment(field.doc, '  ')}  readonly ${field.id}: ${tsType(field.type)};\n`,
  );
  return `${docComment(record.doc, '')}export interface ${record.name} {\n${fields.join('')}}\n\n`;
}

export function tsType(type: Type): string {
  switch (type.kind) {
    case 'string':
      return 'string';
    case 'int':
    case 'long':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'enum':
      return type.name;
    case 'fixed':
      return 'Uint8Array';
    case 'array':
      return type.columns ? `${type.items.name}Columns` : `readonly ${type.items.name}[]`;
    default:
      throw new Error(`a ${type.kind} cannot stand in an object`);
  }
}

/** Texts alone, and many: worth a look whether they were read before. */
const isMemoized = ({ fields }: RecordType): boolean =>
  fields.length >= MEMO_FIELDS_MIN && fields.every(({ type }) => type.kind === 'string');

/** Reader, writer and smallest size of a dictionary's record. */
export function emitRecordCode(record: RecordType): string {
  const { name, fields } = record;
  const isMemo = isMemoized(record);
  const reads = fields.map((field) => `    ${field.id}: ${readExpression(record, field)},\n`).join('');
  const writes = fields.map((field) => `  ${writeStatement(record, field, 'value')}\n`).join('');
  return [
    `export const ${upper(name)}_BYTES_MIN = ${bytesMin(record)};\n\n`,
    isMemo
      ? `const memoOf${name}s = new RecordMemo<${name}>(${fields.length}, readNew${name});\n\n` +
        `export function read${name}(reader: AvroReader): ${name} {\n  return memoOf${name}s.read(reader);\n}\n\n`
      : '',
    `${isMemo ? '' : 'export '}function read${isMemo ? 'New' : ''}${name}(reader: AvroReader): ${name} {\n  return {\n${reads}  };\n}\n\n`,
    `export function write${name}(writer: AvroWriter, value: ${name}): void {\n${writes}}\n`,
  ].join('');
}

export function readExpression(record: RecordType, field: Field): string {
  const { type } = field;
  const label = `'${record.name}.${field.name}'`;
  switch (type.kind) {
    case 'string':
      return `reader.readString(${label})`;
    case 'int':
      return 'reader.readInt()';
    case 'long':
      return 'reader.readLong()';
    case 'boolean':
      return `reader.readBoolean(${label})`;
    case 'enum':
      return `reader.readEnum(${upper(type.name)}_SYMBOLS.length, ${label}) as ${type.name}`;
    case 'fixed':
      return `reader.readFixed(${type.size})`;
    case 'array':
      return `reader.readArray(${upper(type.items.name)}_BYTES_MIN, read${type.items.name}, ${label})`;
    default:
      throw new Error(`${record.name}.${field.name}: a ${type.kind} cannot stand in an object`);
  }
}

export function writeStatement(record: RecordType, field: Field, object: string): string {
  const { type } = field;
  const label = `'${record.name}.${field.name}'`;
  const value = `${object}.${field.id}`;
  switch (type.kind) {
    case 'string':
      return `writer.writeString(${value}, ${label});`;
    case 'int':
      return `writer.writeInt(${value}, ${label});`;
    case 'long':
      return `writer.writeLong(${value});`;
    case 'boolean':
      return `writer.writeBoolean(${value});`;
    case 'enum':
      return `writer.writeEnum(${value}, ${upper(type.name)}_SYMBOLS.length, ${label});`;
    case 'fixed':
      return `writer.writeFixed(${value}, ${type.size}, ${label});`;
    case 'array':
      return `writer.writeArray(${value}, write${type.items.name}, ${label});`;
    default:
      throw new Error(`${record.name}.${field.name}: a ${type.kind} cannot stand in an object`);
  }
}
