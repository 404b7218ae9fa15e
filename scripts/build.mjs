// npm run build: what a published package runs: JavaScript in dist/, with the schemas and fixtures beside it.
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { requirePinnedNode, root, run } from './node24.mjs';
import { fail, say, setup } from './setup.mjs';

await setup({ addon: 'none' });
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
if ((await run(requirePinnedNode(), [tsc, '-p', 'tsconfig.build.json'])) !== 0) fail('npm run build: tsc found errors');

// What the modules read beside themselves: everything in their folders that is not TypeScript.
for (const folder of ['schemas', 'transport', 'sidecar', 'enricher', 'sink', 'explore', 'cli']) {
  if (!existsSync(join(root, folder))) continue;
  for (const file of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || /\.(ts|c|h)$/.test(file.name)) continue;
    const path = join(file.parentPath, file.name);
    cpSync(path, join(dist, path.slice(root.length + 1)));
  }
}
cpSync(join(root, 'package.json'), join(dist, 'package.json'));
say('npm run build: dist/ is made');
