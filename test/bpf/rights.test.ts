import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FLOW_KIND_FINAL, FLOW_KIND_INTERIM } from '../../schemas/generated/record-offsets.ts';
import { Fleet, follow } from './harness.ts';
import type { Running } from './harness.ts';

const CAPTURE = join(import.meta.dirname, '..', 'fixtures', 'capture-once.ts');
const WHOLE = ['bpf', 'perfmon', 'net_admin'];

let fleet: Fleet;
let load: string;
before(() => {
  fleet = new Fleet();
  load = fleet.compile('load');
});
after(() => fleet.remove());

/** The capture process with these capabilities and no others. */
function captureWith(capabilities: readonly string[]): Running {
  const set = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  const only = [`--bounding-set=${set}`, `--inh-caps=${set}`, '--no-new-privs'];
  return follow(spawn('setpriv', [...only, process.execPath, CAPTURE, fleet.cgroupPath]));
}

test('CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are enough for every hook', async () => {
  const here = fleet.namespace('here');
  const older = fleet.spawn(here, load, 'hold', '127.0.0.1', '7200', '3');
  await older.saw(/ready/);
  const capture = captureWith(WHOLE);
  await capture.saw(/ready/);
  const server = fleet.spawn(here, load, 'serve', '127.0.0.1', '7201', '5', '1', '1', 'server');
  await server.saw(/ready/);
  await fleet.spawn(here, load, 'connect', '127.0.0.1', '7201', '5', '1', '1', 'server').ended;
  await server.ended;
  capture.child.stdin.end();
  await capture.ended;
  older.child.stdin.end();
  await older.ended;

  const seen = JSON.parse(capture.output().split('\n')[1] ?? '') as {
    missing: string[];
    kinds: number[];
    pids: number[];
  };
  assert.deepEqual(seen.missing, []);
  assert.equal(seen.kinds.filter((kind) => kind === FLOW_KIND_FINAL).length, 10);
  assert.equal(seen.kinds.filter((kind) => kind === FLOW_KIND_INTERIM).length, 6);
  assert.ok(seen.pids.includes(older.pid), "another process's sockets have their owner");
});

for (const left of WHOLE) {
  test(`without CAP_${left.toUpperCase()} the error names it`, async () => {
    const capture = captureWith(WHOLE.filter((name) => name !== left));
    await assert.rejects(capture.ended, /ended with 3/);
    assert.match(capture.output(), new RegExp(`^WEIR_SIDECAR_NO_RIGHTS .*CAP_${left.toUpperCase()}`));
  });
}
