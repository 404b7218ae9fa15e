import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Fleet, follow, type Running } from './harness.ts';

const MODULE = join(import.meta.dirname, '..', '..', 'sidecar', 'conntrack', 'native-conntrack.ts');
/** Ask for chains, listen, list; prints what came of it. */
const SCRIPT = `
const { loadConntrack } = await import(${JSON.stringify(MODULE)});
const addon = loadConntrack();
try {
  const chains = addon.conntrackNatChains();
  const handle = addon.conntrackOpen({ bufferBytes: 8 * 1024 * 1024 });
  const into = new Uint8Array(80 * 512);
  process.stdout.write(JSON.stringify([chains, addon.conntrackDump(handle, into).records, addon.conntrackRead(handle, into)]));
} catch (error) {
  process.stdout.write(error.code + ' ' + error.errno);
}
`;

let fleet: Fleet;
let namespace: string;
before(() => {
  fleet = new Fleet();
  namespace = fleet.namespace('node');
});
after(() => fleet.remove());

/** As nobody, with these capabilities and no others. */
function listenWith(capabilities: readonly string[]): Running {
  const set = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  const only = [`--bounding-set=${set}`, `--inh-caps=${set}`, `--ambient-caps=${set}`, '--no-new-privs'];
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const node = [process.execPath, '--input-type=module', '-e', SCRIPT];
  return follow(spawn('nsenter', [`--net=/run/netns/${namespace}`, 'setpriv', ...user, ...only, ...node]));
}

test('the rights of capture are enough to follow connection tracking', async () => {
  const running = listenWith(['bpf', 'perfmon', 'net_admin']);
  await running.ended;
  assert.deepEqual(JSON.parse(running.output()), [false, 0, { records: 0, more: false }]);
});

test('without CAP_NET_ADMIN the kernel refuses', async () => {
  const running = listenWith(['bpf', 'perfmon']);
  await running.ended;
  assert.equal(running.output().trim(), 'WEIR_SIDECAR_LOAD_FAILED 1');
});
