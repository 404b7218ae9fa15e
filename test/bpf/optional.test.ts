import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FLOW_KIND_FINAL } from '../../schemas/generated/record-offsets.ts';
import { probeCapture } from '../../sidecar/capture-probe.ts';
import { captureError, loadAddon } from '../../sidecar/native.ts';
import type { HookName, LoadResult } from '../../sidecar/native.ts';
import { flowsIn, Fleet } from './harness.ts';

const built = join(import.meta.dirname, '..', '..', 'build', `weir-capture-${process.arch}.node`);

let fleet: Fleet;
let load: string;
let here: string;
before(() => {
  fleet = new Fleet();
  load = fleet.compile('load');
  here = fleet.namespace('here');
});
after(() => fleet.remove());

/** The addon as it would be on a kernel that has no such hook: the name that its object asks for is another. */
function without(...wanted: readonly string[]): ReturnType<typeof loadAddon> {
  const bytes = readFileSync(built);
  for (const name of wanted) {
    const at = bytes.indexOf(`${name}\0`);
    assert.ok(at >= 0, `${name} is in the addon`);
    bytes.write('no_such_hook', at);
  }
  const file = join(fleet.folder, `without-${wanted.length}-${wanted[0]}.node`);
  writeFileSync(file, bytes);
  return loadAddon(file);
}

const TRANSITIONS = 'btf_trace_inet_sock_set_state';
const WALK = 'bpf_iter_task_file';
const OPTIONS = { ringBytes: 1 << 20, stateEntries: 1000, pinPath: null };

async function recordTen(addon: ReturnType<typeof loadAddon>, { handle }: LoadResult, port: number): Promise<void> {
  const server = fleet.spawn(here, load, 'serve', '127.0.0.1', String(port), '5', '3', '4', 'server');
  await server.saw(/ready/);
  await fleet.spawn(here, load, 'connect', '127.0.0.1', String(port), '5', '3', '4', 'server').ended;
  await server.ended;
  await delay(20);
  const buffer = Buffer.alloc(65_536);
  const flows = flowsIn(buffer, addon.read(handle, buffer).bytes).flows;
  assert.equal(flows.length, 10);
  assert.ok(flows.every((flow) => flow.kind === FLOW_KIND_FINAL && flow.sent + flow.received === 7));
}

const CASES: readonly { missing: readonly HookName[]; names: readonly string[] }[] = [
  { missing: ['tp_btf/inet_sock_set_state'], names: [TRANSITIONS] },
  { missing: ['iter/task_file'], names: [WALK] },
  { missing: ['tp_btf/inet_sock_set_state', 'iter/task_file'], names: [TRANSITIONS, WALK] },
];
CASES.forEach(({ missing, names }, i) => {
  test(`a kernel that refuses ${missing.join(' and ')} still gives the rest`, async () => {
    const addon = without(...names);
    const loaded = addon.load({ cgroupPath: fleet.cgroupPath, ...OPTIONS });
    for (const [hook, why] of Object.entries(loaded.hooks)) {
      if (!missing.includes(hook as HookName)) assert.equal(why, null, hook);
      else assert.match(why?.message ?? '', new RegExp(`load ${hook}`));
    }
    await recordTen(addon, loaded, 7300 + i);
    if (missing.includes('iter/task_file')) {
      assert.throws(() => addon.reportOpen(loaded.handle, 10), { code: 'WEIR_SIDECAR_LOAD_FAILED' });
    } else {
      assert.equal((await addon.reportOpen(loaded.handle, 10)).done, true);
    }
    const misses = Object.keys(addon.counters(loaded.handle).recursionMisses);
    assert.equal(misses.length, 3 - missing.length);
    addon.unload(loaded.handle);
  });
});

test('descriptors and mappings are all given back, after a whole load and after a refused one', () => {
  const open = (): number => readFileSync('/proc/self/maps', 'utf8').split('bpf-map').length;
  const fds = (): number => {
    let count = 0;
    for (let fd = 0; fd < 200; fd++) if (existsSync(`/proc/self/fd/${fd}`)) count++;
    return count;
  };
  const whole = loadAddon();
  const maimed = without(WALK, TRANSITIONS);
  const before = [open(), fds()];
  for (let round = 0; round < 3; round++) {
    for (const addon of [whole, maimed]) addon.unload(addon.load({ cgroupPath: fleet.cgroupPath, ...OPTIONS }).handle);
    assert.throws(() => whole.load({ cgroupPath: '/proc', ...OPTIONS }), { code: 'WEIR_SIDECAR_LOAD_FAILED' });
  }
  assert.deepEqual([open(), fds()], before);
});

test('a handle that was unloaded, in a walk or not, refuses everything but another unload', async () => {
  const addon = loadAddon();
  const { handle } = addon.load({ cgroupPath: fleet.cgroupPath, ...OPTIONS });
  const walk = addon.reportOpen(handle, 10);
  assert.throws(() => addon.reportOpen(handle, 10), { code: 'WEIR_SIDECAR_ADDON_ARGUMENT' });
  addon.unload(handle);
  assert.throws(() => addon.counters(handle), { code: 'WEIR_SIDECAR_ADDON_ARGUMENT' });
  assert.equal((await walk).done, true);
  addon.unload(handle);
  assert.throws(() => addon.read(handle, Buffer.alloc(1000)), { code: 'WEIR_SIDECAR_ADDON_ARGUMENT' });
});

test('what is no cgroup v2 directory is refused with its step', () => {
  const addon = loadAddon();
  for (const [path, code] of [
    ['/nowhere/at/all', 'WEIR_SIDECAR_NO_CGROUP2'],
    ['/etc/passwd', 'WEIR_SIDECAR_NO_CGROUP2'],
    ['/proc', 'WEIR_SIDECAR_LOAD_FAILED'],
  ] as const) {
    try {
      addon.load({ cgroupPath: path, ...OPTIONS });
      assert.fail(`${path} was taken`);
    } catch (error) {
      assert.equal(captureError(error, path, []).code, code);
    }
  }
});

test('the probe finds every hook that this machine needs and leaves nothing behind', () => {
  const before = readFileSync('/proc/self/maps', 'utf8').split('bpf-map').length;
  const reports = probeCapture(fleet.cgroupPath);
  assert.deepEqual(
    reports.filter((report) => report.needed && !report.works),
    [],
  );
  assert.ok(reports.every((report) => report.works === (report.why === '') && report.cost !== ''));
  assert.equal(readFileSync('/proc/self/maps', 'utf8').split('bpf-map').length, before);
  const refused = probeCapture('/nowhere/at/all');
  assert.ok(refused.some((report) => report.name === 'sock_ops' && /sidecar\.cgroup/.test(report.why)));
});
