/** What the e2e tests of the command share: weir as a child, a cgroup of their own, and traffic in it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mountHere } from '../../sidecar/capture-host.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout(): string;
}

/** What a failed test leaves running would hold its file, and the machine, for ever. */
const started = new Set<ChildProcess>();
after(() => {
  for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
});

/**
 * cli/main.ts on the Node of the tests, without bin/weir between, so that a signal reaches it. `through`: a command that
 * becomes the rest of its line (setpriv, unshare, nsenter).
 */
export function startWeir(
  args: readonly string[],
  options: SpawnOptions = {},
  through: readonly string[] = [],
): Running {
  const flags = ['--disable-warning=ExperimentalWarning', join(root, 'cli', 'main.ts'), ...args];
  const [command = '', ...words] = [...through, process.execPath, ...flags];
  const child = spawn(command, words, { cwd: root, ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  started.add(child);
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([status, signal]) => ({ status, signal, stdout, stderr }));
  return { child, ended, stdout: () => stdout };
}

export const weir = (...args: string[]): Promise<Ended> => startWeir(args).ended;

/** One number or text that a query answers with. */
export async function answer(data: string, sql: string): Promise<Record<string, unknown>[]> {
  const { status, stdout, stderr } = await weir('query', '--data', data, '--format', 'json', sql);
  assert.equal(status, 0, stderr);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 1200, `waited too long: ${what}`);
    await sleep(25);
  }
}

/** A cgroup that only this test watches. */
export function makeCgroup(name: string): { readonly path: string; remove(): void } {
  const mount = mountHere('cgroup2');
  assert.ok(mount !== null, 'cgroup v2 is mounted');
  const path = `${mount}/weir-test-${name}-${process.pid}`;
  mkdirSync(path);
  return { path, remove: () => rmdirSync(path) };
}

/** Client and server in one process: it joins the cgroup, then makes `count` connections of 5 bytes out, 2 bytes in. */
const TRAFFIC = `
  import { writeFileSync } from 'node:fs';
  import { connect, createServer } from 'node:net';
  import { once } from 'node:events';
  const [cgroup, host, count] = process.argv.slice(1);
  writeFileSync(cgroup + '/cgroup.procs', String(process.pid));
  const server = createServer((socket) => socket.once('data', () => socket.end('hi'))).listen(0, host);
  await once(server, 'listening');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  for (let i = 0; i < Number(count); i++) {
    const socket = connect(server.address().port, host).resume();
    socket.write('hello');
    await once(socket, 'close');
  }
  server.close();
`;

/** Resolves once all connections are made and closed on both sides. */
export async function makeTraffic(cgroup: string, host: '127.0.0.1' | '::1', count: number): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', TRAFFIC, cgroup, host, String(count)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [status] = await once(child, 'exit');
  assert.equal(status, 0, 'the traffic was made');
}

/** Processes leave a cgroup a moment after they ended. */
export async function emptied(cgroup: string): Promise<void> {
  await until('the cgroup is empty', () => readFileSync(`${cgroup}/cgroup.procs`, 'utf8') === '');
}
