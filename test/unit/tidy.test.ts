/** The house rules over the whole tree, and for each rule a planted violation that it must find. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  arrowFindings,
  banFindings,
  deadFindings,
  docsFindings,
  layoutFindings,
  sizeFindings,
  type Tree,
} from './tidy/rules.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const TEXT_ENDINGS = /\.(ts|mjs|js|c|h|sh|md|json|avsc|ya?ml|sql|txt|html|css|toml|tf|tpl)$/;
const TEXT_NAMES = /(^|\/)(weir|run|LICENSE|NOTICE|\.\w+)$/;
const isText = (path: string): boolean => TEXT_ENDINGS.test(path) || TEXT_NAMES.test(path);

/** Files of the clone: what git knows or would add; without git, everything that is not installed or built. */
function listFiles(): string[] {
  if (existsSync(join(root, '.git'))) {
    const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const options = { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const;
    const listed = execFileSync('git', ['-c', 'safe.directory=*', ...args], options).split('\0');
    return listed.filter((path) => path !== '' && existsSync(join(root, path)));
  }
  const ignored = new Set(['node_modules', 'dist', 'build', '.git', '.weir', 'weir-data', '.cache']);
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => !ignored.has(entry.name) && !entry.name.endsWith('.lock'))
    .flatMap((entry) =>
      entry.isDirectory()
        ? readdirSync(join(root, entry.name), { recursive: true, withFileTypes: true })
            .filter((file) => file.isFile())
            .map((file) => join(file.parentPath, file.name).slice(root.length + 1))
        : [entry.name],
    );
}

const files = listFiles();
const tree: Tree = new Map(files.map((path) => [path, isText(path) ? readFileSync(join(root, path), 'utf8') : '']));
const plant = (entries: Record<string, string>): Tree => new Map(Object.entries(entries));
const clean = (findings: readonly string[]): void => {
  if (findings.length > 0) assert.fail(`\n${findings.join('\n')}`);
};

test('imports follow the arrows of the house', () => clean(arrowFindings(tree)));
test('no file is dead', () => clean(deadFindings(tree)));
test('no banned word or call is used', () => clean(banFindings(tree)));
test('lines fit their width and files 400 lines', () => clean(sizeFindings(tree)));
test('folders, names, mirrored tests and licence lines follow the house', () => clean(layoutFindings(tree)));
test('documents link to what exists and the README stays short', () =>
  clean(docsFindings(tree, (path) => existsSync(join(root, path)))));

test('a stage that imports another is found, even for a type or a worker file', () => {
  const of = (text: string): number => arrowFindings(plant({ 'sink/deep/a.ts': text })).length;
  assert.equal(of("import type { A } from '../../sidecar/a.ts';"), 1);
  assert.equal(of("export * from '../../enricher/a.ts';"), 1);
  assert.equal(of("const a = await import('../../explore/a.ts');"), 1);
  assert.equal(of("new URL('../../cli/worker.ts', import.meta.url);"), 1);
  assert.equal(of("import { A } from '../../schemas/a.ts'; import { b } from '../b.ts';"), 0);
  assert.equal(of("// see '../../sidecar/a.ts'"), 0);
});

test('a module that only a test uses is dead, and one that a shipped file starts is not', () => {
  const findings = deadFindings(
    plant({
      'cli/main.ts': "import '../sink/a.ts';",
      'sink/a.ts': "new URL('./worker.ts', import.meta.url); new URL(`./other${extname(url)}`, url);",
      'sink/worker.ts': '',
      'sink/other.ts': '',
      'sink/b.ts': '',
      'test/unit/sink/b.test.ts': "import '../../../sink/b.ts'; import '../support.ts';",
      'test/unit/support.ts': '',
      'test/unit/unused.ts': '',
    }),
  );
  assert.deepEqual(
    findings.map((finding) => finding.split(':')[0]),
    ['sink/b.ts', 'test/unit/unused.ts'],
  );
});

test('each banned call is found where it is banned, and named with what to use', () => {
  const cases: readonly [string, string][] = [
    ['sink/a.ts', 'console.log(1)'],
    ['sink/a.ts', '// TODO later'],
    ['sink/a.ts', 'const t = Date.now();'],
    ['sink/a.ts', 'const t = new Date();'],
    ['sink/a.ts', 'Math.random()'],
    ['sink/a.ts', 'try { f(); } catch {}'],
    ['sink/a.ts', 'try { f(); } catch (error) { }'],
    ['sink/a.ts', 'f().catch(() => {})'],
    ['sink/a.ts', 'process.exit(1)'],
    ['sink/a.ts', '// @ts-ignore'],
    ['test/unit/sink/a.test.ts', "test.skip('x', f)"],
    ['test/unit/sink/a.test.ts', "test('x', { skip: true }, f)"],
    ['docs/a.md', 'see /work/main'],
    ['package-lock.json', '"resolved": "x"'],
    ['docs/a.md', 'https://registry.npmjs.org/x'],
  ];
  for (const [path, text] of cases) {
    const findings = banFindings(plant({ [path]: text }));
    assert.equal(findings.length, 1, `${path}: ${text}`);
    assert.match(findings[0] ?? '', /use /);
  }
  clean(banFindings(plant({ 'contract/clock.ts': 'Date.now()', 'scripts/a.mjs': 'console.log(1); Date.now()' })));
});

test('a wide line, a long file and a misplaced or misnamed one are found', () => {
  assert.equal(sizeFindings(plant({ 'sink/a.ts': `const a = ${'1 + '.repeat(40)}1;` })).length, 1);
  assert.equal(sizeFindings(plant({ 'sink/a.ts': `  '${'a'.repeat(130)}',` })).length, 0);
  assert.equal(sizeFindings(plant({ 'sink/a.ts': 'a\n'.repeat(401) })).length, 1);
  const misplaced = plant({ 'stuff/a.md': '', 'x.txt': '', 'sink/utils.ts': '', 'sink/Big.ts': '', 'bpf/a.h': 'int' });
  assert.equal(layoutFindings(misplaced).length, 5);
  assert.equal(layoutFindings(plant({ 'test/unit/sink/gone.test.ts': '' })).length, 1);
  clean(layoutFindings(plant({ 'test/unit/sink/a.test.ts': '', 'sink/a.ts': '' })));
});

test('a broken link and an overlong README are found', () => {
  const docs = plant({ 'docs/a.md': '[x](b.md) [y](../c.md#part) [z](https://a.b)', 'README.md': 'x\n'.repeat(151) });
  assert.equal(docsFindings(docs, () => false).length, 3);
  assert.equal(docsFindings(docs, () => true).length, 1);
});
