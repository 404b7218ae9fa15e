/** The demo where nothing can be captured. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { weir, root } from './weir-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-playback-'));
after(() => rmSync(folder, { recursive: true }));

const NO_RIGHTS = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];

test('the recording that comes with Weir is small', () => {
  assert.ok(statSync(join(root, 'cli', 'demo', 'fleet.weirrec')).size <= 1024 * 1024);
});

test('a process without capabilities plays the recorded fleet, and the same screen says so', async () => {
  const { status, out } = await weir(['demo', '--data', join(folder, 'one')], NO_RIGHTS);
  assert.equal(status, 0, out);
  assert.match(
    out,
    /^A recording is played: rights: this process lacks CAP_BPF.* To capture this machine: .*privileged/m,
  );
  assert.match(out, /^== weir demo, .* a playback ==$/m);
  assert.match(out, /every figure is right/);
  assert.match(out, /0 lost, 0 twice, 0 without truth/);
  const again = await weir(['demo', '--data', join(folder, 'one')], NO_RIGHTS);
  assert.equal(again.status, 0, again.out);
  const screen = (text: string): string => text.slice(text.indexOf('THE TRUTH'), text.indexOf('  verify'));
  assert.equal(screen(again.out), screen(out));
});

test('a user who is not root is told so', async () => {
  chmodSync(folder, 0o777);
  const { out } = await weir(['demo', '--data', join(folder, 'other')], ['setpriv', '--reuid=65534', '--clear-groups']);
  // Where this clone is not readable for others Node itself says so.
  assert.match(out, /A recording is played: this is not root|EACCES|MODULE_NOT_FOUND|Permission denied/);
});

test('a recording cannot be made where nothing can be captured', async () => {
  const { status, out } = await weir(['demo', '--data', join(folder, 'rec'), '--record', join(folder, 'x')], NO_RIGHTS);
  assert.equal(status, 3);
  assert.match(out, /^WEIR_DEMO_FAILED: nothing can be recorded here/m);
});
