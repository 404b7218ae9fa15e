import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SCENARIO = fileURLToPath(new URL('./transport-full-disk-scenario.ts', import.meta.url));
const DISK = 'size=3m';

test('on a full disk the log says so, stays whole, and goes on once there is room', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-full-'));
  try {
    // A mount namespace of its own: the small disk goes with the process, whatever happens.
    const unshare = process.getuid?.() === 0 ? ['-m'] : ['-U', '-r', '-m'];
    const script = 'mount -t tmpfs -o "$1" weir "$2" && exec "$3" "$4" "$2"';
    const args = [...unshare, 'sh', '-c', script, 'sh', DISK, folder, process.execPath, SCENARIO];
    const { status, stdout, stderr, error } = spawnSync('unshare', args, { encoding: 'utf8' });
    assert.equal(error, undefined);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^22 cases\n$/);
  } finally {
    rmdirSync(folder);
  }
});
