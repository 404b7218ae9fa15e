import { countId, indexedFields } from './indices.ts';
import type { Field, RecordType, Schema } from './model.ts';
import { destructured, upper } from './names.ts';

/** The rows' writer: one block, one straight line a row. */
export function emitRowWriter(schema: Schema, rowsMax: string): string {
  const { rows, batch, rowsField } = schema;
  const counts = [...new Set(indexedFields(rows).map((field) => countId(field)))];
  const ids = rows.fields.map((field) => field.id);
  return [
    `/** All rows as one block. Every value is checked: what is written can be read. */\n`,
    `function write${rows.name}s(writer: AvroWriter, columns: ${rows.name}Columns${counts.map((id) => `, ${id}: number`).join('')}): void {\n`,
    `  const rows = columns.length;\n`,
    `  if (rows > ${rowsMax}) throw tooLarge('${batch.name}.${rowsField.name}', rows, ${rowsMax});\n`,
    `  if (rows > columns.capacity) throw invalid('the length of ${batch.name}.${rowsField.name}', rows, columns.capacity);\n`,
    `  if (rows > 0) writer.writeLong(rows);\n`,
    destructured(ids, 'columns', '  '),
    `  let v = 0;\n`,
    `  for (let i = 0; i < rows; i += 1) {\n    writer.ensure(${upper(rows.name)}_BYTES_MAX);\n    const { bytes } = writer;\n    let p = writer.position;\n`,
    ...rows.fields.map((field) => emitField(rows, field)),
    `    writer.position = p;\n  }\n  writer.writeLong(0);\n}\n`,
  ].join('');
}

function emitField(rows: RecordType, field: Field): string {
  const { id, type } = field;
  const refuse = `throw invalid('${rows.name}.${field.name}', v, i);\n`;
  const put = `    if (v >= 0 && v < 64) bytes[p++] = v << 1;\n    else p = putInt(bytes, p, v);\n`;
  switch (type.kind) {
    case 'int':
      if (field.index === null) return `    v = ${id}[i]!;\n${put}`;
      return `    v = ${id}[i]!;\n    if (v < -1 || v >= ${countId(field)}) ${refuse}${put}`;
    case 'enum':
      return `    v = ${id}[i]!;\n    if (v < 0 || v >= ${type.symbols.length}) ${refuse}    bytes[p++] = v << 1;\n`;
    case 'boolean':
      return `    bytes[p++] = ${id}[i] === 0 ? 0 : 1;\n`;
    case 'long':
      return `    v = ${id}[i]!;\n    p = putLong(bytes, p, v);\n`;
    case 'fixed':
      return (
        `    for (let k = 0; k < ${type.size}; k += 1) bytes[p + k] = ${id}[${type.size} * i + k]!;\n` +
        `    p += ${type.size};\n`
      );
    default:
      throw new Error(`${rows.name}.${field.name}: a row cannot hold a ${type.kind}`);
  }
}
