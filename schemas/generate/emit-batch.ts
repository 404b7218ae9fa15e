import { columnImports, emitColumns } from './emit-columns.ts';
import { commonNames } from './emit-common.ts';
import { emitInterface, readExpression, writeStatement } from './emit-record.ts';
import { emitRowReader } from './emit-row-reader.ts';
import { emitRowWriter } from './emit-row-writer.ts';
import { headerHex, singleObjectHeader } from './fingerprint.ts';
import { indexedFields } from './indices.ts';
import type { Schema, Type } from './model.ts';
import { camel, header, upper } from './names.ts';

/**
 * One schema's file: columns, batch, decode and encode. `rowsMax` names a constant of contract/limits.ts.
 * `earlier`: the versions that were published before, oldest first; they are decoded too.
 */
export function emitBatch(schema: Schema, rowsMax: string, earlier: readonly Schema[] = []): string {
  const { batch } = schema;
  for (const version of earlier) checkEarlier(schema, version);
  return [
    header([...earlier, schema].map(({ path }) => path).join(', ')),
    emitImports(schema, rowsMax, earlier.length > 0),
    `${headerDoc(schema)}const HEADER: Uint8Array = ${headerBytes(schema)};\n`,
    ...(earlier.length > 0 ? [emitEarlierHeaders(earlier)] : []),
    `/** The same as hex digits: what \`headerOf\` gives for a ${batch.name}. */\nexport const ${upper(batch.name)}_HEADER = '${headerHex(schema.json)}';\n`,
    emitColumns(schema.rows),
    emitInterface(batch).trimEnd() + '\n',
    emitRowReader(schema, rowsMax),
    emitDecode(schema, earlier),
    emitRowWriter(schema, rowsMax),
    emitEncode(schema),
  ].join('\n');
}

const headerBytes = (schema: Schema): string =>
  `Uint8Array.of(${singleObjectHeader(schema.json)
    .map((byte) => `0x${byte.toString(16).padStart(2, '0')}`)
    .join(', ')})`;

const headerDoc = (schema: Schema): string =>
  `/** C3 01 and the CRC-64-AVRO fingerprint of ${schema.path}, little endian. */\n`;

function emitEarlierHeaders(earlier: readonly Schema[]): string {
  const rows = earlier.map((schema) => `  ${headerBytes(schema)},\n`).join('');
  return `/** Of the versions before, oldest first: ${earlier.map(({ path }) => path).join(', ')}. */\nconst EARLIER: readonly Uint8Array[] = [\n${rows}];\n`;
}

function emitImports(schema: Schema, rowsMax: string, isVersioned: boolean): string {
  const { types, values } = commonNames(schema);
  const common = [...values, ...types.map((name) => `type ${name}`)];
  return [
    `import { ${rowsMax} } from '../../contract/limits.ts';\n`,
    `import { type AvroReader, wide, wideInt, wideLong } from '../avro-reader.ts';\n`,
    `import { AvroWriter, putInt, putLong } from '../avro-writer.ts';\n`,
    `import { Columns, ${columnImports(schema.rows).join(', ')}, int32Words } from '../columns.ts';\n`,
    `import { invalid, refused, tooLarge, truncated } from '../schema-error.ts';\n`,
    `import { ${isVersioned ? 'openVersion' : 'openSingleObject'} } from '../single-object.ts';\n`,
    `import {\n${common.map((name) => `  ${name},\n`).join('')}} from './common.ts';\n`,
  ].join('');
}

function dictionarySizes(schema: Schema, object: string): string {
  const names = [...new Set(indexedFields(schema.rows).map((field) => camel(field.index ?? '')))];
  return names.map((name) => `, ${object}${name}.length`).join('');
}

function emitDecode(schema: Schema, earlier: readonly Schema[]): string {
  const { batch, rows, rowsField } = schema;
  const plain = batch.fields.filter((field) => field !== rowsField);
  const reads = plain.map((field) => {
    const since = earlier.filter((version) => !version.batch.fields.some(({ name }) => name === field.name)).length;
    const read = readExpression(batch, field);
    return `  const ${field.id} = ${since === 0 ? read : `version < ${since} ? [] : ${read}`};\n`;
  });
  const open =
    earlier.length === 0
      ? `  const reader = openSingleObject(bytes, HEADER, '${batch.name}');\n`
      : `  const { reader, version } = openVersion(bytes, HEADER, EARLIER, '${batch.name}');\n`;
  return [
    `/**\n * A ${batch.name} from its single-object encoding. Owner: the result refers to nothing of \`bytes\`; its rows are \`into\`, which\n`,
    ` * is overwritten, also where this fails. Allocates: the header and the dictionaries; nothing a row once \`into\` is large enough.\n`,
    ` * @throws WEIR_SCHEMA_UNKNOWN, _TRUNCATED, _OVERLONG, _INVALID, _TOO_LARGE\n */\n`,
    `export function decode${batch.name}(bytes: Uint8Array, into: ${rows.name}Columns = new ${rows.name}Columns(0)): ${batch.name} {\n`,
    open,
    ...reads,
    `  read${rows.name}Blocks(reader, into${dictionarySizes(schema, '')});\n`,
    `  reader.finish();\n`,
    `  return {\n${plain.map((field) => `    ${field.id},\n`).join('')}    ${rowsField.id}: into,\n  };\n}\n`,
  ].join('');
}

function emitEncode(schema: Schema): string {
  const { batch, rows, rowsField } = schema;
  const writes = batch.fields
    .filter((field) => field !== rowsField)
    .map((field) => `  ${writeStatement(batch, field, 'batch')}\n`);
  return [
    `const writer = new AvroWriter();\n\n`,
    `/**\n * The single-object encoding of a ${batch.name}, as bytes of the caller's own.\n`,
    ` * @throws WEIR_SCHEMA_INVALID for a value that its type or dictionary does not hold, WEIR_SCHEMA_TOO_LARGE past a bound\n */\n`,
    `export function encode${batch.name}(batch: ${batch.name}): Uint8Array {\n  writer.begin(HEADER);\n`,
    ...writes,
    `  write${rows.name}s(writer, batch.${rowsField.id}${dictionarySizes(schema, 'batch.')});\n`,
    `  return writer.take();\n}\n`,
  ].join('');
}

/**
 * What the decoder can do of FULL_TRANSITIVE: arrays of objects, with an empty default, that came to the batch since.
 * Rows and dictionaries must be as they were.
 */
function checkEarlier(schema: Schema, earlier: Schema): void {
  const then = new Map(earlier.batch.fields.map((field) => [field.name, field]));
  const kept = schema.batch.fields.filter((field) => then.has(field.name));
  const shape = (type: Type): string =>
    JSON.stringify(type, (key, value: unknown) => (key === 'doc' || key === 'hasDefault' ? undefined : value));
  if (kept.length !== then.size || kept.some((field, i) => field.name !== earlier.batch.fields[i]?.name)) {
    throw new Error(`${schema.path}: fields of ${earlier.path} are missing or in another order`);
  }
  for (const field of schema.batch.fields) {
    const before = then.get(field.name);
    if (before === undefined ? !field.hasDefault : shape(before.type) !== shape(field.type)) {
      throw new Error(`${schema.path}: ${field.name} cannot be read from what ${earlier.path} wrote`);
    }
  }
}
