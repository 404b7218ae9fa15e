import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FLOW_RECORD, LISTEN_RECORD } from '../../schemas/generated/record-offsets.ts';

const bpf = join(import.meta.dirname, '..', '..', 'bpf');
let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-generated-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('the committed skeletons are what the sources generate, in any folder', () => {
  const copy = join(folder, 'elsewhere', 'bpf');
  cpSync(bpf, copy, { recursive: true });
  const out = join(folder, 'made');
  execFileSync(process.execPath, [join(bpf, '..', 'scripts', 'build-bpf.mjs'), '--source', copy, '--out', out]);
  const committed = readdirSync(join(bpf, 'generated')).toSorted();
  assert.deepEqual(readdirSync(out).toSorted(), committed);
  for (const name of committed) {
    const same = readFileSync(join(out, name)).equals(readFileSync(join(bpf, 'generated', name)));
    assert.ok(same, `bpf/generated/${name} is stale: run node scripts/build-bpf.mjs`);
  }
});

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

test('every offset that TypeScript reads at is the one of the C struct', () => {
  const structs = { flow_record: FLOW_RECORD, listen_record: LISTEN_RECORD };
  const lines = Object.entries(structs).flatMap(([struct, offsets]) =>
    Object.keys(offsets).map((name) => {
      const value = name === 'bytes' ? `sizeof(struct ${struct})` : `offsetof(struct ${struct}, ${snake(name)})`;
      return `  printf("${struct}.${name} %zu\\n", ${value});`;
    }),
  );
  const includes = ['<stddef.h>', '<stdio.h>', '<linux/types.h>', `"${join(bpf, 'flow_record.h')}"`];
  const source = [...includes.map((name) => `#include ${name}`), 'int main(void)\n{', ...lines, '  return 0;\n}\n'];
  writeFileSync(join(folder, 'offsets.c'), source.join('\n'));
  execFileSync('gcc', ['-Wall', '-Wpadded', '-Werror', join(folder, 'offsets.c'), '-o', join(folder, 'offsets')]);
  const printed = execFileSync(join(folder, 'offsets'), { encoding: 'utf8' }).trimEnd().split('\n');
  const expected = Object.entries(structs).flatMap(([struct, offsets]) =>
    Object.entries(offsets).map(([name, offset]) => `${struct}.${name} ${offset}`),
  );
  assert.deepEqual(printed, expected);
});
