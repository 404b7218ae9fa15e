// npm run check: format, lint, types, house rules, and whether what is generated is what would be generated now.
// `npm run check -- lint types` runs the ones named. Every check runs, also after one that failed.
import { join } from 'node:path';
import { flags, requirePinnedNode, root, run } from './node24.mjs';
import { fail, say, setup } from './setup.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);
const node24 = (...args) => [requirePinnedNode(), [...flags, ...args]];

/** One command each: CONTRIBUTING.md lists them. */
const checks = [
  { name: 'format', mend: 'node_modules/.bin/biome format --write', command: () => [bin('biome'), ['format']] },
  { name: 'lint', command: () => [bin('oxlint'), ['--type-aware', '--deny-warnings']] },
  {
    name: 'types',
    command: () => node24(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'),
  },
  { name: 'tidy', command: () => node24('--test', '--test-reporter=dot', 'test/unit/tidy.test.ts') },
  {
    name: 'generated',
    mend: 'npm run generate',
    command: () => node24('schemas/generate/main.ts', '--check'),
  },
  {
    name: 'reference',
    mend: 'npm run generate:docs',
    command: () => node24('scripts/generate-docs.ts', '--check'),
  },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0)
  fail(`npm run check: no check ${unknown.join(', ')}; there are ${checks.map((c) => c.name).join(', ')}`);

await setup({ addon: 'none' });
const results = [];
for (const check of checks) {
  if (wanted.length > 0 && !wanted.includes(check.name)) continue;
  say(`\n== ${check.name}`);
  const started = Date.now();
  const [command, args] = check.command();
  const status = await run(command, args, { limitMs: 180_000 });
  results.push({ check, status, seconds: (Date.now() - started) / 1000 });
}

say('\n== checks');
for (const { check, status, seconds } of results) {
  const hint = status !== 0 && check.mend !== undefined ? ` (mend: ${check.mend})` : '';
  say(`${check.name.padEnd(12)} ${seconds.toFixed(1).padStart(7)} s  ${status === 0 ? 'ok' : `failed${hint}`}`);
}
process.exitCode = results.every(({ status }) => status === 0) ? 0 : 1;
