// Builds the traffic program of the demo, build/weir-traffic-<arch>, when its sources have changed. Needs gcc (or $CC).
// Plain JavaScript: runs on any Node from 20 on.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'cli', 'demo', 'traffic');
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread'];

/** Where the program of this machine lies. */
export const trafficFile = join(root, 'build', `weir-traffic-${process.arch}`);

/** Build if stale. Returns whether it built. */
export function buildTraffic(compiler = process.env.CC || 'gcc') {
  const files = readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
  const hash = createHash('sha256').update([compiler, process.arch, ...FLAGS].join('\0'));
  for (const file of files) hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  const wanted = hash.digest('hex');
  const stamp = `${trafficFile}.sha256`;
  if (existsSync(trafficFile) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false;
  mkdirSync(dirname(trafficFile), { recursive: true });
  // Under another name first: a running program cannot be written to.
  const fresh = `${trafficFile}.${process.pid}`;
  try {
    const sources = files.filter((file) => file.endsWith('.c'));
    execFileSync(compiler, [...FLAGS, ...sources, '-o', fresh], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    renameSync(fresh, trafficFile);
  } catch (error) {
    if (error.code === 'ENOENT')
      throw new Error(`${compiler} is missing: install a C compiler (apt-get install gcc libc6-dev)`);
    throw new Error(`${compiler} failed on the traffic program:\n${error.stderr ?? error.message}`);
  } finally {
    rmSync(fresh, { force: true });
  }
  writeFileSync(stamp, wanted);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const built = buildTraffic();
    process.stdout.write(`${relative(root, trafficFile)} ${built ? 'built' : 'is up to date'}\n`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 3;
  }
}
