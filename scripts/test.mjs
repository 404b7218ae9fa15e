// npm test: all set-up, then every suite in order. `npm test -- unit property` runs the ones named.
// `npm test -- unit test/unit/tidy.test.ts` runs the files named of a suite. Suites that are apart run where they are named.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flags, requirePinnedNode, root, run } from './node24.mjs';
import { fail, findProgram, say, setup } from './setup.mjs';
import { suites } from './suites.mjs';

const present = (need) =>
  (need.programs ?? []).every((name) => findProgram(name) !== null) &&
  (need.files ?? []).every((file) => existsSync(file));

/** What the chosen suites need of the system: by apt when root, else one clear error that names it. */
async function installSystemPackages(chosen) {
  const missing = [...new Set(chosen.flatMap((suite) => suite.needs).filter((need) => !present(need)))];
  if (missing.length === 0) return;
  const names = missing.map((need) => need.package);
  if (process.getuid() !== 0 || findProgram('apt-get') === null) {
    fail(`npm test: missing ${names.join(', ')} (Debian's package names); install them, or run as root on a Debian`);
  }
  say(`npm test: apt-get installs ${names.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  const status = await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], { env });
  const still = missing.filter((need) => !present(need)).map((need) => need.package);
  if (status !== 0 || still.length > 0)
    fail(`npm test: apt-get could not install ${still.join(', ') || names.join(', ')}`);
}

const INSTALL = fileURLToPath(new URL('../test/servers/install.ts', import.meta.url));

/** The servers of the chosen suites, into a cache outside the clone; says so when there is something to do. */
async function installServers(chosen) {
  const names = [...new Set(chosen.flatMap((suite) => suite.servers ?? []))];
  if (names.length === 0) return;
  const status = await run(requirePinnedNode(), [...flags, INSTALL, ...names]);
  if (status !== 0) process.exit(1);
}

function filesOf(suite, named) {
  const folder = join(root, 'test', suite.name);
  if (named.length > 0) return named.filter((file) => file.startsWith(`test/${suite.name}/`));
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.test.ts'))
    .sort()
    .map((file) => `test/${suite.name}/${file}`);
}

async function runSuite(suite, named) {
  const started = Date.now();
  const files = filesOf(suite, named);
  say(`\n== ${suite.name}: ${files.length} files, at most ${suite.limitS} s`);
  const seconds = () => (Date.now() - started) / 1000;
  if (files.length === 0) return { suite, seconds: 0, verdict: 'no test files' };
  if (suite.root && process.getuid() !== 0) return { suite, seconds: 0, verdict: 'needs root' };
  const options = ['--test', `--test-timeout=${suite.testLimitS * 1000}`, '--test-reporter=spec'];
  if (suite.parallel > 0) options.push(`--test-concurrency=${suite.parallel}`);
  const status = await run(requirePinnedNode(), [...flags, ...options, ...files], { limitMs: suite.limitS * 1000 });
  const verdict = status === 0 ? 'ok' : status === 124 ? `ended at its limit of ${suite.limitS} s` : 'failed';
  return { suite, seconds: seconds(), verdict };
}

const args = process.argv.slice(2);
const named = args.filter((arg) => arg.includes('/'));
const wanted = args.filter((arg) => !arg.includes('/'));
const unknown = wanted.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0)
  fail(`npm test: no suite ${unknown.join(', ')}; there are ${suites.map((s) => s.name).join(', ')}`);
const inNamed = (suite) => named.some((file) => file.startsWith(`test/${suite.name}/`));
const chosen = suites.filter((suite) =>
  wanted.length > 0 ? wanted.includes(suite.name) : named.length > 0 ? inNamed(suite) : suite.apart !== true,
);

await setup({ addon: 'required' });
await installSystemPackages(chosen);
await installServers(chosen);
const results = [];
for (const suite of chosen) results.push(await runSuite(suite, named));

say('\n== suites');
for (const { suite, seconds, verdict } of results) {
  say(`${suite.name.padEnd(12)} ${seconds.toFixed(1).padStart(7)} s  ${verdict}`);
}
const total = results.reduce((sum, { seconds }) => sum + seconds, 0);
say(`${'total'.padEnd(12)} ${total.toFixed(1).padStart(7)} s`);
process.exitCode = results.every(({ verdict }) => verdict === 'ok') && results.length > 0 ? 0 : 1;
