/** What users get wrong and machines lack: one clear error with its code, the right status, and nothing written is damaged. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyComplete } from './lake-rows.ts';
import { type Ended, startWeir, weir } from './weir-command.ts';

const RECORDING = fileURLToPath(new URL('../../cli/demo/fleet.weirrec', import.meta.url));
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const folder = mkdtempSync(join(tmpdir(), 'weir-bad-'));
/** A data folder that was there before: nothing that fails may change its lake. */
const data = join(folder, 'data');
let lake: Record<string, string>;

before(async () => {
  chmodSync(folder, 0o755);
  const { status, stderr } = await play(RECORDING, data);
  assert.equal(status, 0, stderr);
  lake = filesOf(join(data, 'lake'));
});
after(async () => {
  // The claims of a run that could not capture may have been added; what was there is as it was.
  const now = filesOf(join(data, 'lake'));
  assert.deepEqual({ ...now, ...lake }, now);
  const flows = (names: object): string[] => Object.keys(names).filter((name) => name.startsWith('flows/'));
  assert.deepEqual(flows(now), flows(lake));
  await verifyComplete(data);
  rmSync(folder, { recursive: true });
});

function play(recording: string, into: string, through: readonly string[] = []): Promise<Ended> {
  const args = ['run', '--source', `recording:${recording}`, '--data', into, '--metrics-listen', 'off'];
  return startWeir(args, {}, through).ended;
}

/** Name -> digest of every file below. */
function filesOf(path: string): Record<string, string> {
  const names = (readdirSync(path, { recursive: true }) as string[]).filter((name) =>
    statSync(join(path, name)).isFile(),
  );
  const digest = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(path, name)))
      .digest('hex');
  return Object.fromEntries(names.sort().map((name) => [name, digest(name)]));
}

/** One line on standard error besides warnings of the log, with this code and these words, and this status. */
function expectError({ status, stdout, stderr }: Ended, code: string, exit: number, says: RegExp): void {
  const lines = stderr.split('\n').filter((line) => line !== '' && !/^[\d:.]+ warn /.test(line));
  assert.equal(lines.length, 1, stderr);
  assert.ok(lines[0]?.startsWith(`${code}: `), stderr);
  assert.match(stderr, says);
  assert.equal(status, exit, stderr);
  assert.doesNotMatch(stdout, /stored in/);
}

test('a wrong command or flag is named, with the nearest one', async () => {
  expectError(await weir('rnu'), 'WEIR_CLI_USAGE', 2, /did you mean weir run\?/);
  expectError(
    await weir('run', '--data', data, '--fro', '5s'),
    'WEIR_CLI_USAGE',
    2,
    /no flag --fro; did you mean --for\?/,
  );
  expectError(await weir('run', '--data', data, '--for', '5'), 'WEIR_CLI_USAGE', 2, /--for is "5"; allowed is .*30s/);
});

test('a wrong key or value of the configuration is named with where it stands and what is allowed', async () => {
  const file = join(folder, 'weir.yaml');
  const withFile = (text: string): Promise<Ended> => {
    writeFileSync(file, text);
    return weir('run', '--data', join(folder, 'not-made'), '--config', file);
  };
  const unknown = /weir\.yaml: sidecar\.ringByte .*did you mean sidecar\.ringBytes\?/;
  expectError(await withFile('sidecar: { ringByte: 4MiB }'), 'WEIR_CONFIG_UNKNOWN_KEY', 2, unknown);
  const range = /weir\.yaml: sidecar\.ringBytes is 5; .*from 64KiB to 1GiB/;
  expectError(await withFile('sidecar: { ringBytes: 5 }'), 'WEIR_CONFIG_INVALID', 2, range);
  expectError(await withFile('lake:\n  flushAge: [\n'), 'WEIR_CONFIG_UNREADABLE', 2, /weir\.yaml:\d+: not YAML/);
  const of = (env: Record<string, string>): Promise<Ended> =>
    startWeir(['run', '--data', join(folder, 'not-made')], { env: { ...process.env, ...env } }).ended;
  const unit = /WEIR_LAKE_FLUSH_AGE is "2"; .*30s or 5m, from 100ms to 1h/;
  expectError(await of({ WEIR_LAKE_FLUSH_AGE: '2' }), 'WEIR_CONFIG_INVALID', 2, unit);
  const near = /WEIR_LAKE_FLUSH_AG .*did you mean WEIR_LAKE_FLUSH_AGE\?/;
  expectError(await of({ WEIR_LAKE_FLUSH_AG: '2s' }), 'WEIR_CONFIG_UNKNOWN_KEY', 2, near);
  assert.ok(!existsSync(join(folder, 'not-made')), 'nothing is made before the configuration is right');
});

test('a metrics port in use ends it before anything is captured', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ended = await weir('run', '--data', data, '--metrics-listen', `127.0.0.1:${port}`);
  server.close();
  expectError(
    ended,
    'WEIR_METRICS_LISTEN',
    2,
    new RegExp(`127\\.0\\.0\\.1:${port} cannot be bound: the port is in use`),
  );
});

test('a data folder of another version, or of somebody else, is not touched by any command', async () => {
  const other = join(folder, 'other');
  cpSync(data, other, { recursive: true });
  writeFileSync(join(other, 'weir-data.json'), '{"version": 2}\n');
  const before = filesOf(other);
  for (const args of [['run'], ['verify'], ['query', 'SELECT 1']]) {
    expectError(await weir(...args, '--data', other), 'WEIR_DATA_VERSION', 2, /is of version 2, .* reads version 1/);
  }
  assert.deepEqual(filesOf(other), before);
  const foreign = join(folder, 'foreign');
  mkdirSync(foreign);
  writeFileSync(join(foreign, 'thesis.txt'), 'mine');
  expectError(await weir('run', '--data', foreign), 'WEIR_DATA_VERSION', 2, /not a data folder of Weir; name another/);
  assert.deepEqual(readdirSync(foreign), ['thesis.txt']);
});

test('a data folder, log or lake without rights is named', async () => {
  const whole = join(folder, 'rights');
  expectError(await play(RECORDING, whole, NOBODY), 'WEIR_DATA_RIGHTS', 2, /cannot be read or written .*--data/);
  cpSync(data, whole, { recursive: true });
  chmodSync(whole, 0o777);
  rmSync(join(whole, 'run.lock'));
  rmSync(join(whole, 'run.pid'));
  expectError(await play(RECORDING, whole, NOBODY), 'WEIR_DATA_RIGHTS', 2, /rights\/log\/weir\.sqlite/);
  for (const name of ['log', 'log/weir.sqlite']) chmodSync(join(whole, name), 0o777);
  for (const name of readdirSync(join(whole, 'log'))) chmodSync(join(whole, 'log', name), 0o666);
  expectError(await play(RECORDING, whole, NOBODY), 'WEIR_SINK_STORE_RIGHTS', 3, /rights\/lake/);
  assert.deepEqual(filesOf(join(whole, 'lake')), lake);
});

test('a recording that is cut, forged, empty or not there is refused at the byte, before anything is written', async () => {
  const whole = readFileSync(RECORDING);
  const changed = (at: number, bits: number): Buffer => {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= bits;
    return bytes;
  };
  const broken: Readonly<Record<string, Buffer>> = {
    cut: whole.subarray(0, whole.length - 20),
    half: whole.subarray(0, whole.length >> 1),
    flipped: changed(whole.length >> 1, 4),
    'another-version': changed(8, 6),
    'another-magic': changed(0, 1),
    huge: Buffer.concat([whole.subarray(0, 12), Buffer.from('ffffffff7fffffff00000000', 'hex'), whole.subarray(24)]),
    empty: Buffer.alloc(0),
  };
  const file = join(folder, 'broken.weirrec');
  for (const [what, bytes] of Object.entries(broken)) {
    writeFileSync(file, bytes);
    const says = what === 'another-version' ? /version/ : /at byte \d+/;
    expectError(await play(file, data), 'WEIR_SIDECAR_RECORDING_INVALID', 3, says);
  }
  expectError(await play(join(folder, 'none.weirrec'), data), 'WEIR_SIDECAR_RECORDING_INVALID', 3, /none\.weirrec/);
  writeFileSync(file, broken['cut']!);
  expectError(await play(file, data), 'WEIR_SIDECAR_RECORDING_INVALID', 3, /recording-part:/);
});

/** In a mount namespace of its own, where `script` has changed what the machine looks like. */
const onMachine = (script: string, args: readonly string[]): Promise<Ended> =>
  startWeir(args, {}, ['unshare', '-m', 'sh', '-c', `${script} && exec "$@"`, 'sh']).ended;
const RUN = ['run', '--data', data, '--metrics-listen', 'off'];

test('a kernel without BTF is told so, by run and by doctor', async () => {
  mkdirSync(join(folder, 'empty'));
  const without = `mount --bind "${join(folder, 'empty')}" /sys/kernel/btf`;
  expectError(await onMachine(without, RUN), 'WEIR_SIDECAR_NO_BTF', 3, /CONFIG_DEBUG_INFO_BTF/);
  const doctor = await onMachine(without, ['doctor']);
  assert.equal(doctor.status, 1);
  assert.match(doctor.stdout, /MISSING +BTF: .*CONFIG_DEBUG_INFO_BTF/);
});

test('a machine without cgroup v2 is told so, with the command that mends it', async () => {
  const without = 'for at in $(sed -n "s/^[^ ]* \\([^ ]*\\) cgroup2 .*/\\1/p" /proc/mounts); do umount -l "$at"; done';
  expectError(await onMachine(without, RUN), 'WEIR_SIDECAR_NO_CGROUP2', 3, /as root: mount -t cgroup2/);
  const doctor = await onMachine(without, ['doctor']);
  assert.equal(doctor.status, 1);
  assert.match(doctor.stdout, /MISSING +cgroup v2: .*as root: mount -t cgroup2/);
  const elsewhere = await weir(...RUN, '--sidecar-cgroup', folder);
  expectError(elsewhere, 'WEIR_SIDECAR_NO_CGROUP2', 3, /is not in a cgroup v2 hierarchy; check sidecar\.cgroup/);
});

test('without root, run and record name the capabilities that are missing', async () => {
  const mine = join(folder, 'nobody');
  mkdirSync(mine, { mode: 0o777 });
  chmodSync(mine, 0o777);
  for (const args of [
    ['run', '--data', join(mine, 'data'), '--metrics-listen', 'off'],
    ['record', join(mine, 'file')],
  ]) {
    const { status, stderr } = await startWeir(args, {}, NOBODY).ended;
    assert.equal(status, 3, stderr);
    assert.match(stderr, /^WEIR_SIDECAR_NO_RIGHTS: .*CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN: run as root/m);
  }
  assert.ok(!existsSync(join(mine, 'file')), 'no recording is left');
});
