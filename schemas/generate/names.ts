/** Avro's snake_case to TypeScript's camelCase. */
export function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** PascalCase to kebab-case or UPPER_CASE words. */
export function words(name: string): string[] {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').split(/[ _]/);
}

export function upper(name: string): string {
  return words(name).join('_').toUpperCase();
}

/** The first line of a generated file. */
export function header(source: string): string {
  return `// Generated from ${source} by schemas/generate; do not edit.\n`;
}

/** A doc comment of one line. */
export function docComment(doc: string | undefined, indent: string): string {
  return doc === undefined || doc === '' ? '' : `${indent}/** ${doc.replaceAll('*/', '* /')} */\n`;
}

/** `const { a, b } = object;` in lines of at most 120 columns. */
export function destructured(ids: readonly string[], object: string, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const id of ids) {
    if (line !== '' && `${indent}  ${line} ${id},`.length > 120) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? `${id},` : ` ${id},`;
  }
  if (line !== '') lines.push(line);
  return `${indent}const {\n${lines.map((text) => `${indent}  ${text}\n`).join('')}${indent}} = ${object};\n`;
}
