// Builds the capture addon, build/weir-capture-<arch>.node, when its sources have changed. Needs gcc (or $CC) and libc's
// headers; Node-API's headers come from npm. Plain JavaScript: runs on any Node from 20 on, before anything else is set up.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const FLAGS = ['-std=gnu11', '-O2', '-fPIC', '-shared', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror'];
const FOLDERS = ['sidecar/addon', 'sidecar/addon/bpf', 'bpf', 'bpf/generated'];

/** Where the addon of this machine lies. */
export const addonFile = join(root, 'build', `weir-capture-${process.arch}.node`);

const sourcesIn = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.h') || (name.endsWith('.c') && !name.endsWith('.bpf.c')))
    .map((name) => join(root, folder, name))
    .sort();

/** Hash of everything that the result depends on. */
function fingerprint(files, compiler) {
  const hash = createHash('sha256').update([compiler, process.arch, ...FLAGS].join('\0'));
  for (const file of files) hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

function compile(compiler, sources, include, out) {
  const args = [...FLAGS, `-I${join(root, 'sidecar/addon')}`, `-isystem${include}`, ...sources, '-o', out];
  try {
    execFileSync(compiler, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (error.code === 'ENOENT')
      throw new Error(`${compiler} is missing: install a C compiler (apt-get install gcc libc6-dev)`);
    const text = String(error.stderr);
    const header = /fatal error: (\S+): No such file/.exec(text)?.[1];
    if (header) throw new Error(`the header ${header} is missing: apt-get install libc6-dev linux-libc-dev`);
    throw new Error(`${compiler} failed on the capture addon:\n${text}`);
  }
}

/** Build if stale. Returns whether it built. */
export function buildAddon(compiler = process.env.CC || 'gcc') {
  const include = join(root, 'node_modules', 'node-api-headers', 'include');
  if (!existsSync(join(include, 'node_api.h'))) throw new Error('node-api-headers is missing: run npm ci');
  const files = FOLDERS.flatMap(sourcesIn);
  const stamp = `${addonFile}.sha256`;
  const wanted = fingerprint(files, compiler);
  if (existsSync(addonFile) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false;
  mkdirSync(dirname(addonFile), { recursive: true });
  // Under another name first: a running process keeps the file that it has mapped.
  const fresh = `${addonFile}.${process.pid}`;
  try {
    compile(
      compiler,
      sourcesIn('sidecar/addon').filter((file) => file.endsWith('.c')),
      include,
      fresh,
    );
    renameSync(fresh, addonFile);
  } finally {
    rmSync(fresh, { force: true });
  }
  writeFileSync(stamp, wanted);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const built = buildAddon();
    process.stdout.write(`${relative(root, addonFile)} ${built ? 'built' : 'is up to date'}\n`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 3;
  }
}
