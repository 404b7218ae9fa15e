import type { Field, RecordType, Schema } from './model.ts';
import { bytesMax, bytesMin } from './model.ts';
import { destructured, upper } from './names.ts';
import { countId, indexedFields } from './indices.ts';

/** The rows' readers: one straight line a row, no bound checks inside, and the blocks around it. */
export function emitRowReader(schema: Schema, rowsMax: string): string {
  const { rows } = schema;
  const bound = upper(rows.name);
  return [
    `/** The fewest and the most bytes of a row. */\n`,
    `const ${bound}_BYTES_MIN = ${bytesMin(rows)};\nconst ${bound}_BYTES_MAX = ${bytesMax(rows)};\n\n`,
    emitLoop(schema),
    '\n',
    emitBlocks(schema, rowsMax),
  ].join('');
}

function counts(schema: Schema): string[] {
  return [...new Set(indexedFields(schema.rows).map((field) => countId(field)))];
}

function emitLoop(schema: Schema): string {
  const { rows } = schema;
  const parameters = counts(schema).map((id) => `  ${id}: number,\n`);
  const plain = rows.fields.filter((field) => field.type.kind !== 'fixed').map((field) => field.id);
  const words = rows.fields
    .filter((field) => field.type.kind === 'fixed')
    .map((field) => `  const ${field.id} = int32Words(columns.${field.id});\n`);
  return [
    `/**\n * Read rows up to row \`to\`, beginning none behind \`last\`; ${upper(rows.name)}_BYTES_MAX bytes must be readable from there.\n`,
    ` * Returns the position after the last row; \`columns.length\` tells how many there were. What lies past \`end\` is padding.\n */\n`,
    `function read${rows.name}s(\n  bytes: Uint8Array,\n  start: number,\n  last: number,\n  end: number,\n`,
    `  columns: ${rows.name}Columns,\n  to: number,\n`,
    ...parameters,
    `): number {\n`,
    destructured(plain, 'columns', '  '),
    ...words,
    `  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);\n`,
    `  let p = start;\n  let i = columns.length;\n  let b = 0;\n  let v = 0;\n  let w = 0;\n  let s = 0;\n`,
    `  for (; i < to && p <= last; i += 1) {\n`,
    ...rows.fields.map((field) => `    // ${field.name}\n${emitField(rows, field)}`),
    `  }\n  columns.length = i;\n  return p;\n}\n`,
  ].join('');
}

const WIDE_INT = `    if (b >= 0x80) {\n      b = wideInt(bytes, p - 1);\n      p = wide.end;\n    }\n`;

/** The 28 bits of four varint bytes in the word `w`. */
function septets(w: string): string {
  return `(${w} & 0x7f) | ((${w} >>> 1) & 0x3f80) | ((${w} >>> 2) & 0x1fc000) | ((${w} >>> 3) & 0xfe00000)`;
}

/**
 * A varint of more than one byte, p behind its first. Two to four bytes are read without a branch on the length, which
 * would be mispredicted: the lowest clear top bit of the word ends it. `longer` and `value` are statements;
 * b is the zigzag.
 */
function emitRest(longer: string, value: string): string {
  return `      w = view.getInt32(p - 1, true);
      s = ~w & 0x80808080;
      if (s === 0) {
        ${longer}
        p = wide.end;
      } else {
        s &= -s;
        w &= s - 1;
        b = ${septets('w')};
        p += (31 - Math.clz32(s)) >>> 3;
${value === '' ? '' : `        ${value}\n`}      }
`;
}

function emitInt(id: string): string {
  return `    b = bytes[p++]!;
    if (b >= 0x80) {
${emitRest('b = wideInt(bytes, p - 1);', '')}    }
    ${id}[i] = (b >>> 1) ^ -(b & 1);
`;
}

function emitLong(id: string): string {
  const value = `${id}[i] = (b >>> 1) ^ -(b & 1);`;
  return `    b = bytes[p++]!;
    if (b < 0x80) ${value}
    else {
${emitRest(`${id}[i] = wideLong(bytes, p - 1);`, value)}    }
`;
}

/** Microseconds since 1970 have 8 bytes from 1978 to 2112: one comparison of each half's top bits, below 2^52. */
function emitTime(id: string): string {
  return `    w = view.getInt32(p, true);
    s = view.getInt32(p + 4, true);
    if ((w & 0x80808080) === -0x7f7f7f80 && (s & 0xf0808080) === 0x808080) {
      b = ${septets('w')};
      s = ${septets('s')};
      ${id}[i] = (b & 1) === 0 ? s * 0x8000000 + (b >>> 1) : -(s * 0x8000000 + (b >>> 1)) - 1;
      p += 8;
    } else {
      ${id}[i] = wideLong(bytes, p);
      p = wide.end;
    }
`;
}

function emitField(rows: RecordType, field: Field): string {
  const { id, type } = field;
  const refuse = `throw refused('${rows.name}.${field.name}', v, p, end);\n`;
  const ranged = (least: number, above: string): string =>
    `    b = bytes[p++]!;\n${WIDE_INT}    v = (b >>> 1) ^ -(b & 1);\n` +
    `    if (v < ${least} || v >= ${above}) ${refuse}    ${id}[i] = v;\n`;
  switch (type.kind) {
    case 'int':
      return field.index === null ? emitInt(id) : ranged(-1, countId(field));
    case 'enum':
      return ranged(0, String(type.symbols.length));
    case 'boolean':
      return `    v = bytes[p++]!;\n    if (v > 1) ${refuse}    ${id}[i] = v;\n`;
    case 'long':
      return field.doc.includes('Unit: us since 1970.') ? emitTime(id) : emitLong(id);
    case 'fixed':
      return (
        [0, 1, 2, 3].map((k) => `    ${id}[4 * i + ${k}] = view.getInt32(p + ${4 * k}, true);\n`).join('') +
        `    p += ${type.size};\n`
      );
    default:
      throw new Error(`${rows.name}.${field.name}: a row cannot hold a ${type.kind}`);
  }
}

function emitBlocks(schema: Schema, rowsMax: string): string {
  const { rows, batch, rowsField } = schema;
  const bound = upper(rows.name);
  const parameters = counts(schema).map((id) => `, ${id}: number`);
  const passed = counts(schema).map((id) => `, ${id}`);
  const label = `'${batch.name}.${rowsField.name}'`;
  return `/** All blocks of rows. The last rows are read from a padded copy: one loop serves, without bound checks. */
function read${rows.name}Blocks(reader: AvroReader, columns: ${rows.name}Columns${parameters.join('')}): void {
  const { bytes, end } = reader;
  columns.length = 0;
  for (;;) {
    const count = reader.readBlock(${bound}_BYTES_MIN, columns.length, ${rowsMax}, ${label});
    if (count === 0) return;
    const to = columns.length + count;
    columns.ensure(to);
    const last = end - ${bound}_BYTES_MAX;
    reader.position = read${rows.name}s(bytes, reader.position, last, end, columns, to${passed.join('')});
    if (columns.length < to) {
      const left = end - reader.position;
      const tail = reader.padded(${bound}_BYTES_MAX);
      const used = read${rows.name}s(tail, 0, left - ${bound}_BYTES_MIN, left, columns, to${passed.join('')});
      if (columns.length < to || used > left) throw truncated(reader.what, end);
      reader.position += used;
    }
    reader.endBlock(reader.blockEnd, ${label});
  }
}
`;
}
