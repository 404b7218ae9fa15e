/** bin/weir as users start it: replaced by the pinned Node, or, under a Node without execve, followed by it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const data = mkdtempSync(join(tmpdir(), 'weir-launcher-'));
after(() => rmSync(data, { recursive: true }));

/** What an older Node looks like to bin/weir. */
const WITHOUT_EXECVE = ['--import', 'data:text/javascript,process.execve=undefined'];
const WAYS: readonly [string, readonly string[]][] = [
  ['replaced by the pinned Node', []],
  ['followed by the pinned Node', WITHOUT_EXECVE],
];

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ status: number | null; signal: string | null; stderr: string; stdout: string }>;
  stderr(): string;
}

function weir(flags: readonly string[], args: readonly string[]): Started {
  const child = spawn(process.execPath, [...flags, 'bin/weir', ...args], { cwd: root });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([status, signal]) => ({ status, signal, stdout, stderr }));
  return { child, ended, stderr: () => stderr };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 400, `waited too long: ${what}`);
    await sleep(25);
  }
}

const startSink = async (flags: readonly string[]): Promise<Started> => {
  const made = weir([], ['topics', 'make', '--data', data]);
  assert.equal((await made.ended).status, 0);
  const sink = weir(flags, ['sink', '--data', data, '--metrics-listen', '127.0.0.1:0']);
  await until('the sink has started', () => sink.stderr().includes('"msg":"started"'));
  return sink;
};

for (const [how, flags] of WAYS) {
  test(`arguments, output and exit status pass through when bin/weir is ${how}`, async () => {
    const help = await weir(flags, ['--help']).ended;
    assert.equal(help.status, 0);
    assert.match(help.stdout, /^weir: every TCP connection/);
    assert.equal(help.stderr, '');
    const wrong = await weir(flags, ['quary']).ended;
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /^WEIR_CLI_USAGE: .* did you mean weir query\?.*\n$/);
    assert.equal(wrong.stdout, '');
  });

  test(`SIGINT and SIGTERM end a stage cleanly when bin/weir is ${how}`, async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const sink = await startSink(flags);
      sink.child.kill(signal);
      const { status, stderr } = await sink.ended;
      assert.equal(status, 0, stderr);
      assert.match(stderr, /"msg":"stopped"/);
    }
  });

  test(`kill -9 of bin/weir leaves nothing running when it is ${how}`, async () => {
    const sink = await startSink(flags);
    const pid = sink.child.pid ?? 0;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    assert.equal(children.length, flags.length === 0 ? 0 : 1);
    sink.child.kill('SIGKILL');
    await until('everything has ended', () => children.every((child) => !existsSync(`/proc/${child}`)));
    assert.equal((await sink.ended).signal, 'SIGKILL');
  });
}

test('a wrong configuration ends with status 2 before anything is opened, and --debug adds the stack', async () => {
  const args = ['sink', '--data', join(data, 'fresh'), '--lake-flush-age', '30'];
  const short = await weir([], args).ended;
  assert.equal(short.status, 2);
  assert.equal(short.stderr.trim().split('\n').length, 1);
  assert.match(short.stderr, /^WEIR_CONFIG_INVALID: --lake-flush-age is "30"; allowed is a duration such as 30s/);
  assert.equal(existsSync(join(data, 'fresh')), false);
  const long = await weir([], [...args, '--debug']).ended;
  assert.match(long.stderr, /\n +at /);
});
