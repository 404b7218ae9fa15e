import { emitRecordCode, emitInterface, recordImports } from './emit-record.ts';
import type { RecordType, Schema, Type } from './model.ts';
import { namedTypes } from './model.ts';
import { camel, header, upper } from './names.ts';

/** common.ts: every enum, and every record that stands in a dictionary, of all schemas. */
export function emitCommon(schemas: readonly Schema[]): string {
  const types = commonTypes(schemas);
  const enums = types.filter((type) => type.kind === 'enum');
  const records = types.filter((type) => type.kind === 'record');
  return [
    header(schemas.map((schema) => schema.path).join(', ')),
    recordImports(),
    ...enums.map(emitEnum),
    ...records.map((record) => emitInterface(record) + emitRecordCode(record)),
  ].join('\n');
}

/** Dictionary records and enums: what is neither a batch nor a row. Two schemas must agree on what they share. */
function commonTypes(schemas: readonly Schema[]): readonly Type[] {
  const all = new Map<string, Type>();
  for (const schema of schemas) {
    for (const [name, type] of namedTypes(schema.batch)) {
      if (type === schema.batch || type === schema.rows) continue;
      const known = all.get(name);
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(type)) {
        throw new Error(`${schema.path}: ${name} differs from another schema's`);
      }
      all.set(name, type);
    }
  }
  return [...all.values()];
}

function emitEnum(type: { readonly name: string; readonly symbols: readonly string[] }): string {
  const { name, symbols } = type;
  const entries = symbols.map((symbol, index) => `  ${camel(symbol)}: ${index},\n`).join('');
  return [
    `export const ${name} = {\n${entries}} as const;\n`,
    `export type ${name} = (typeof ${name})[keyof typeof ${name}];\n`,
    `/** The symbol of each index, as SQL shows it. */\n`,
    `export const ${upper(name)}_SYMBOLS = [${symbols.map((symbol) => `'${symbol}'`).join(', ')}] as const;\n`,
  ].join('');
}

/** Names that a batch's file takes from common.ts. */
export function commonNames(schema: Schema): { readonly types: string[]; readonly values: string[] } {
  const types = new Set<string>();
  const values = new Set<string>();
  for (const field of schema.batch.fields) {
    const { type } = field;
    if (type.kind === 'enum') {
      types.add(type.name);
      values.add(`${upper(type.name)}_SYMBOLS`);
    }
    if (type.kind === 'array' && !type.columns) addRecord(type.items, types, values);
  }
  return { types: [...types].sort(), values: [...values].sort() };
}

function addRecord(record: RecordType, types: Set<string>, values: Set<string>): void {
  types.add(record.name);
  values
    .add(`read${record.name}`)
    .add(`write${record.name}`)
    .add(`${upper(record.name)}_BYTES_MIN`);
}
