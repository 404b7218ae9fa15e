import { parseHeader } from './c-header.ts';
import { docComment, header } from './names.ts';

/** record-offsets.ts from bpf/flow_record.h: byte offsets of every field that is not reserved, and the constants. */
export function emitRecordOffsets(path: string, text: string): string {
  const { structs, constants } = parseHeader(text);
  const defined = constants.map(
    (constant) => `${docComment(constant.doc, '')}export const ${constant.name} = ${constant.value};\n`,
  );
  const offsets = structs.map((struct) => {
    const fields = struct.fields
      .filter((field) => !field.name.startsWith('reserved'))
      .map((field) => `  ${field.id}: ${field.offset},\n`);
    const doc = `Byte offsets in struct ${struct.name}; \`bytes\` is its size.`;
    const name = struct.name.toUpperCase();
    return `${docComment(doc, '')}export const ${name} = {\n  bytes: ${struct.bytes},\n${fields.join('')}} as const;\n`;
  });
  return [header(path), defined.join(''), ...offsets].join('\n');
}
