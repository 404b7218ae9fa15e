/**
 * Does weir run grow? Steady connections in network namespaces of their own, captured by `weir run`; its resident memory
 * every five seconds, and the slope after minute 2. Status 1 when the slope is 1 MB a minute or more, or verify says no.
 *   npm run soak -- memory        ten minutes
 *   node scripts/node24.mjs benchmarks/memory-soak.ts --for 3m --rate 300
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parseDuration } from '../contract/units.ts';
import { Fleet, follow } from '../test/bpf/harness.ts';
import { ROOT } from './harness.ts';
import { CURVE_MS_MIN, curveOf, type Sample, sampleCurve, SLOPE_MB_MINUTE_MAX } from './resident-curve.ts';

const PORT = '8080';
const ADDRESS = '10.250.0.1';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function startRun(
  data: string,
  cgroup: string,
): Promise<{ pid: number; ended: Promise<void>; stop: () => void }> {
  const port = await freePort();
  const flags = ['--data', data, '--sidecar-cgroup', cgroup, '--metrics-listen', `127.0.0.1:${port}`];
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'weir'), 'run', ...flags]);
  child.stdin.end();
  const running = follow(child);
  for (let tries = 0; ; tries++) {
    const isReady = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (isReady) break;
    if (child.exitCode !== null) await running.ended;
    if (tries > 600) throw new Error('weir run is not ready after a minute');
    await sleep(100);
  }
  return { pid: running.pid, ended: running.ended, stop: () => void child.kill('SIGTERM') };
}

async function soak(forMs: number, rate: string): Promise<number> {
  const fleet = new Fleet();
  const folder = await mkdtemp(join(tmpdir(), 'weir-soak-'));
  try {
    const [near, far] = [fleet.namespace('a'), fleet.namespace('b')];
    fleet.connect(near, far);
    const data = join(folder, 'data');
    const run = await startRun(data, fleet.cgroupPath);
    const traffic = join(ROOT, 'benchmarks', 'steady-traffic.ts');
    const server = fleet.spawn(near, process.execPath, traffic, 'serve', ADDRESS, PORT);
    await server.saw(/ready/);
    const client = fleet.spawn(far, process.execPath, traffic, 'connect', ADDRESS, PORT, rate);
    const samples = await sampleCurve(run.pid, forMs);
    client.child.kill('SIGTERM');
    await client.ended;
    server.child.kill('SIGTERM');
    await server.ended;
    run.stop();
    await run.ended;
    const connections = Number(/^(\d+) connections/m.exec(client.output())?.[1]);
    return await judge(samples, connections, forMs, data);
  } finally {
    await fleet.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

async function judge(samples: readonly Sample[], connections: number, forMs: number, data: string): Promise<number> {
  const { lines, slopeMb } = curveOf(samples, forMs);
  for (const line of [`connections ${connections}`, ...lines]) say(line);
  const verify = spawn(process.execPath, [join(ROOT, 'bin', 'weir'), 'verify', '--data', data], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [status] = (await once(verify, 'exit')) as [number | null];
  return slopeMb < SLOPE_MB_MINUTE_MAX && status === 0 && connections > 0 ? 0 : 1;
}

const { values } = parseArgs({
  options: { for: { type: 'string', default: '10m' }, rate: { type: 'string', default: '300' } },
});
const forMs = parseDuration(values.for);
if (forMs === null || forMs < CURVE_MS_MIN || !/^\d{1,4}$/.test(values.rate)) {
  process.stderr.write(
    `--for is a duration of ${CURVE_MS_MIN / 1000}s or more, --rate connections a second below 10000\n`,
  );
  process.exitCode = 2;
} else process.exitCode = await soak(forMs, values.rate);
