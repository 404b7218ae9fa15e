import { camel } from './names.ts';

/** A struct of a C header: the offset of each field and the size of all. */
export interface Struct {
  readonly name: string;
  readonly bytes: number;
  readonly fields: readonly {
    readonly name: string;
    readonly id: string;
    readonly offset: number;
    readonly bytes: number;
  }[];
}

export interface Header {
  readonly structs: readonly Struct[];
  /** #define NAME VALUE, in order, with its comment. */
  readonly constants: readonly { readonly name: string; readonly value: number; readonly doc: string }[];
}

const SIZES: Readonly<Record<string, number>> = { __u8: 1, __u16: 2, __u32: 4, __u64: 8 };

/** Structs of fixed-width fields, one a line, and number #defines. Each field lies at a multiple of its size. */
export function parseHeader(text: string): Header {
  const constants: { name: string; value: number; doc: string }[] = [];
  for (const match of text.matchAll(/^#define (\w+) (\d+)(?:[ \t]+\/\* (.*) \*\/)?[ \t]*$/gm)) {
    constants.push({ name: match[1]!, value: Number(match[2]), doc: match[3] ?? '' });
  }
  const structs = [...text.matchAll(/^struct (\w+) \{\n([\s\S]*?)^\};/gm)].map((match) => layout(match[1]!, match[2]!));
  for (const struct of structs) {
    const define = constants.find((constant) => constant.name === `${struct.name.toUpperCase()}_BYTES`);
    if (define?.value !== struct.bytes) {
      throw new Error(`struct ${struct.name} is ${struct.bytes} bytes, its #define says ${String(define?.value)}`);
    }
  }
  return { structs, constants };
}

function layout(name: string, body: string): Struct {
  const fields: { name: string; id: string; offset: number; bytes: number }[] = [];
  let offset = 0;
  let align = 1;
  for (const line of body.split('\n')) {
    if (line.trim() === '') continue;
    const match = /^\s*(__u\d+) (\w+)(?:\[(\d+)\])?;/.exec(line);
    const size = SIZES[match?.[1] ?? ''];
    if (match === null || size === undefined) throw new Error(`struct ${name}: cannot read "${line.trim()}"`);
    offset = Math.ceil(offset / size) * size;
    align = Math.max(align, size);
    const bytes = size * Number(match[3] ?? 1);
    fields.push({ name: match[2]!, id: camel(match[2]!), offset, bytes });
    offset += bytes;
  }
  return { name, bytes: Math.ceil(offset / align) * align, fields };
}
