/** Who holds a data folder, across processes and their deaths. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { holdDataFolder, openDataFolder } from '../../../cli/data-folder.ts';
import { WeirError } from '../../../contract/errors.ts';

const path = join(mkdtempSync(join(tmpdir(), 'weir-lock-')), 'data');
after(() => rmSync(join(path, '..'), { recursive: true }));

const MODULE = fileURLToPath(new URL('../../../cli/data-folder.ts', import.meta.url));
const HOLDER = `
  import { holdDataFolder, openDataFolder } from ${JSON.stringify(MODULE)};
  await holdDataFolder(openDataFolder(process.argv[1]));
  process.stdout.write('held');
  setInterval(() => undefined, 1000);
`;

async function holder(): Promise<ChildProcess> {
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', HOLDER, path];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('a second process is refused with the pid of the first, and a killed one holds nothing', async () => {
  const first = await holder();
  await assert.rejects(holdDataFolder(openDataFolder(path)), (error) => {
    assert.ok(error instanceof WeirError && error.code === 'WEIR_DATA_IN_USE' && error.exit === 2);
    assert.ok(error.message.includes(`process ${first.pid} holds`), error.message);
    return true;
  });
  first.kill('SIGKILL');
  await once(first, 'exit');
  const held = await holdDataFolder(openDataFolder(path));
  held.release();
  const again = await holdDataFolder(openDataFolder(path));
  again.release();
});
