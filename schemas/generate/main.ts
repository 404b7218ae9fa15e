/** Writes everything that is generated; with --check writes nothing, names what is stale and exits 1. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generateAll } from './files.ts';

const root = join(import.meta.dirname, '..', '..');
const check = process.argv.includes('--check');
let stale = 0;
for (const [path, text] of generateAll(root)) {
  const file = join(root, path);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  stale += 1;
  process.stdout.write(`${check ? 'stale' : 'wrote'} ${path}\n`);
  if (check) continue;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
if (check && stale > 0) {
  process.stdout.write('run: npm run generate\n');
  process.exitCode = 1;
}
