// Compiles bpf/*.bpf.c and writes the light skeletons that the addon is built from: bpf/generated/*.lskel.h, committed.
// `node scripts/build-bpf.mjs` rewrites them, `--check` compares and changes nothing; `--source DIR` reads another copy of
// bpf/, `--out DIR` writes elsewhere.
// Needs clang-19, bpftool 7.1 and libbpf-dev; a build of the addon needs none of them. Runs on any Node from 20 on.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BPFTOOL = 'v7.1.';
const OBJECTS = ['flow', 'transitions', 'walk'];
const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Run a tool; a missing one is an error that names the package. */
function run(tool, args, cwd, packageName) {
  try {
    return execFileSync(tool, args, { cwd, encoding: 'utf8', maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (error.code === 'ENOENT') throw new Error(`${tool} is missing: apt-get install ${packageName}`);
    throw new Error(`${tool} ${args.join(' ')} failed:\n${error.stderr || error.message}`);
  }
}

/** Compile one object in `source` and return its light skeleton. The path map keeps the bytes equal in any folder. */
function skeleton(name, source, scratch) {
  const object = join(scratch, `${name}.bpf.o`);
  const flags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', '-Wall', '-Wextra', '-Werror'];
  const quiet = ['-Wno-unused-parameter', '-Wno-sign-compare', `-ffile-prefix-map=${source}=.`];
  run('clang-19', [...flags, ...quiet, '-c', `${name}.bpf.c`, '-o', object], source, 'clang-19 libbpf-dev');
  return run('bpftool', ['gen', 'skeleton', '-L', object, 'name', `weir_${name}`], source, 'bpftool');
}

/** All skeletons of the sources in `source`, by name. */
function skeletons(source) {
  const version = run('bpftool', ['version'], source, 'bpftool').split('\n')[0];
  if (!version.includes(BPFTOOL)) throw new Error(`skeletons are made by bpftool ${BPFTOOL}x, this is ${version}`);
  const scratch = mkdtempSync(join(tmpdir(), 'weir-bpf-'));
  try {
    return new Map(OBJECTS.map((name) => [name, skeleton(name, source, scratch)]));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function main(args) {
  const option = (name, otherwise) => (args.includes(name) ? args[args.indexOf(name) + 1] : otherwise);
  const check = args.includes('--check');
  const source = option('--source', join(root, 'bpf'));
  const out = option('--out', join(root, 'bpf', 'generated'));
  const stale = [];
  mkdirSync(out, { recursive: true });
  for (const [name, text] of skeletons(source)) {
    const file = join(out, `${name}.lskel.h`);
    if (!check) writeFileSync(file, text);
    else if (readFileSync(file, 'utf8') !== text) stale.push(file);
  }
  if (stale.length === 0) return 0;
  process.stderr.write(`stale: ${stale.join(', ')}; run node scripts/build-bpf.mjs\n`);
  return 1;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 3;
}
