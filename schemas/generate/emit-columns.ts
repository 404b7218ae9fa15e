import type { Field, RecordType, Type } from './model.ts';
import { docComment } from './names.ts';

/** The typed array of a row's field. */
export function arrayType(type: Type): 'Int32Array' | 'Float64Array' | 'Uint8Array' {
  switch (type.kind) {
    case 'int':
    case 'enum':
      return 'Int32Array';
    case 'long':
      return 'Float64Array';
    case 'boolean':
    case 'fixed':
      return 'Uint8Array';
    default:
      throw new Error(`a row cannot hold a ${type.kind}`);
  }
}

/** The column class of a rows record. */
export function emitColumns(rows: RecordType): string {
  const { name, doc, fields } = rows;
  const declared = fields.map(
    (field) => `${docComment(columnDoc(field), '  ')}  ${field.id}: ${arrayType(field.type)};\n`,
  );
  const made = fields.map(
    (field) => `    this.${field.id} = new ${arrayType(field.type)}(${sized(field, 'capacity')});\n`,
  );
  const grown = fields.map((field) => {
    const grow = `grown${arrayType(field.type).replace('Array', '')}`;
    return `    this.${field.id} = ${grow}(this.${field.id}, ${sized(field, 'capacity')});\n`;
  });
  return [
    docComment(doc, ''),
    `export class ${name}Columns extends Columns {\n`,
    ...declared,
    `\n  constructor(capacity: number) {\n    super(capacity);\n`,
    ...made,
    `  }\n\n  protected override resize(capacity: number): void {\n`,
    ...grown,
    `  }\n}\n`,
  ].join('');
}

function columnDoc(field: Field): string {
  const { type } = field;
  if (type.kind === 'enum') return `Index in ${type.name}. ${field.doc}`;
  if (type.kind === 'fixed') return `${type.size} bytes a row. ${field.doc}`;
  return field.doc;
}

function sized(field: Field, rows: string): string {
  return field.type.kind === 'fixed' ? `${field.type.size} * ${rows}` : rows;
}

/** What the growing needs from columns.ts. */
export function columnImports(rows: RecordType): string[] {
  return [...new Set(rows.fields.map((field) => `grown${arrayType(field.type).replace('Array', '')}`))].sort();
}
