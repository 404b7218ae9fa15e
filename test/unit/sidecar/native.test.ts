import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { captureError, loadAddon } from '../../../sidecar/native.ts';
import type { CaptureHandle, NativeError } from '../../../sidecar/native.ts';

const addon = loadAddon();
const ARGUMENT = { code: 'WEIR_SIDECAR_ADDON_ARGUMENT' };
const GOOD = { cgroupPath: '/nowhere', ringBytes: 4096, stateEntries: 1, pinPath: null };

/** Call with what the types would not allow. */
const call = (name: keyof typeof addon, ...values: unknown[]): unknown =>
  (addon[name] as (...values: unknown[]) => unknown)(...values);

test('load refuses options that are missing, of the wrong type, or out of range', () => {
  const wrong: unknown[] = [undefined, null, 7, 'text', {}];
  for (const cgroupPath of [undefined, 7, '', 'a\0b', 'x'.repeat(4096)]) wrong.push({ ...GOOD, cgroupPath });
  for (const ringBytes of [undefined, '4096', 0, -4096, 4095, 5000, 2048, 2 ** 31, Number.NaN, Infinity, 4096n]) {
    wrong.push({ ...GOOD, ringBytes });
  }
  for (const stateEntries of [undefined, 0, -1, 1.5, 2 ** 24 + 1]) wrong.push({ ...GOOD, stateEntries });
  for (const pinPath of [undefined, 7, '', 'a\0b', 'x'.repeat(4096)]) wrong.push({ ...GOOD, pinPath });
  for (const options of wrong) assert.throws(() => call('load', options), ARGUMENT, JSON.stringify(String(options)));
  assert.throws(() => call('load'), ARGUMENT);
});

test('what is no handle of the addon is refused by every function', () => {
  const strangers: unknown[] = [undefined, null, 1, {}, [], Buffer.alloc(8), () => undefined, addon];
  for (const stranger of strangers) {
    assert.throws(() => call('read', stranger, Buffer.alloc(1024)), ARGUMENT);
    assert.throws(() => call('release', stranger, 0), ARGUMENT);
    assert.throws(() => call('counters', stranger), ARGUMENT);
    assert.throws(() => call('reportOpen', stranger, 1), ARGUMENT);
    assert.throws(() => call('detach', stranger), ARGUMENT);
    assert.throws(() => call('discard', stranger), ARGUMENT);
    assert.throws(() => call('readJournal', stranger), ARGUMENT);
    assert.throws(() => call('writeJournal', stranger, Buffer.alloc(8)), ARGUMENT);
    assert.throws(() => call('unload', stranger), ARGUMENT);
  }
  for (const name of ['read', 'release', 'counters', 'reportOpen', 'detach', 'discard', 'unload'] as const) {
    assert.throws(() => call(name), ARGUMENT);
  }
});

test('unpin refuses what is no path, and says why a folder cannot be taken', () => {
  for (const path of [undefined, 7, '', 'a\0b']) assert.throws(() => call('unpin', { path }), ARGUMENT);
  assert.throws(() => addon.unpin({ path: '/nowhere/at/all' }), { step: 'take the pin folder', errno: 2 });
});

test('a load that the kernel refuses says which step and why', () => {
  assert.throws(() => addon.load(GOOD), {
    code: 'WEIR_SIDECAR_LOAD_FAILED',
    step: 'open the cgroup',
    errno: 2,
    log: '',
  });
});

test('the clock gives the offset of the boot clock and a known rate of jiffies', () => {
  const { bootToUnixUs, jiffiesHz } = addon.clock();
  const bootedMs = Date.now() - bootToUnixUs / 1000;
  assert.ok(bootedMs > 0 && bootedMs < 1e12);
  const again = addon.clock().bootToUnixUs;
  assert.ok(Math.abs(again - bootToUnixUs) < 1e5, 'stable from call to call');
  assert.ok([100, 128, 200, 250, 256, 300, 512, 1000, 1024].includes(jiffiesHz), `${jiffiesHz} is a CONFIG_HZ`);
});

test('an addon that is not there or is none has its own code', () => {
  assert.throws(() => loadAddon(null), { code: 'WEIR_SIDECAR_NO_ADDON', message: /npm run setup/ });
  assert.throws(() => loadAddon(join(import.meta.dirname, 'native.test.ts')), { code: 'WEIR_SIDECAR_NO_ADDON' });
});

const refusal = (errno: number, step: string, log = ''): NativeError =>
  Object.assign(new Error(`${step}: refused`), { code: 'WEIR_SIDECAR_LOAD_FAILED', errno, step, log });

test('a refusal by the kernel becomes the error that says what to do', () => {
  const rights = captureError(refusal(1, 'load sock_ops'), '/cg', ['CAP_BPF']);
  assert.equal(rights.code, 'WEIR_SIDECAR_NO_RIGHTS');
  assert.match(rights.message, /CAP_BPF/);
  const refused = captureError(refusal(22, 'load sock_ops', 'one\ntwo\nR1 invalid\nprocessed 7\n'), '/cg', []);
  assert.equal(refused.code, 'WEIR_SIDECAR_LOAD_FAILED');
  assert.equal(refused.context['log'], 'one | two | R1 invalid | processed 7');
  assert.equal(captureError(refusal(2, 'open the cgroup'), '/cg', []).code, 'WEIR_SIDECAR_NO_CGROUP2');
  assert.equal(captureError(refusal(11, 'take the pin folder'), '/cg', []).code, 'WEIR_DATA_IN_USE');
  assert.equal(captureError('odd', '/cg', []).code, 'WEIR_SIDECAR_LOAD_FAILED');
});

test('a handle is an object of its own: no property can make one', () => {
  const forged = Object.create(addon) as CaptureHandle;
  assert.throws(() => addon.counters(forged), ARGUMENT);
});
