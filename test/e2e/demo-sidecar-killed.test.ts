/** weir demo --kill sidecar: the ring outlives the process, and nothing is lost. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openPinSpace } from '../../cli/demo/pin-space.ts';
import { weir } from './weir-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-demo-sidecar-'));
after(() => rmSync(folder, { recursive: true }));
const mounts = (): string => readFileSync('/proc/mounts', 'utf8');

test('a killed sidecar goes on with its pinned ring: all found, none lost, none twice, and nothing is mounted here', async () => {
  const data = join(folder, 'data');
  const before = mounts();
  const { status, out } = await weir(['demo', '--kill', 'sidecar', '--for', '10s', '--seed', '5', '--data', data]);
  assert.equal(status, 0, out);
  assert.match(
    out,
    /kill -9 of the sidecar \(pid \d+\)[\s\S]*the sidecar is back \(pid \d+\).*goes on with the pinned ring/,
  );
  assert.match(out, /kill -9 +sidecar of node-a away \d+\.\d s, its ring adopted: 0 lost, 0 twice\n/);
  assert.match(out, /([\d,]+) made, \1 found, 0 off\n/);
  assert.match(out, /0 lost, 0 twice, 0 without truth/);
  assert.match(out, /every figure is right/);
  assert.equal(mounts(), before);
  assert.ok(!readdirSync(join(data, 'demo')).some((name) => name.endsWith('-bpffs')));
});

test('where no mount namespace can be made, one line says what is missing', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    assert.deepEqual(await openPinSpace(join(folder, 'pins')), { why: 'unshare is missing: install util-linux' });
  } finally {
    process.env['PATH'] = path;
  }
});
