// All set-up of a clone: the npm packages (among them the pinned Node 24), the capture addon, the demo's traffic program.
// Changes nothing outside the clone; a second run does nothing. Plain JavaScript for Node 20, no dependencies.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pinnedNode, root, run } from './node24.mjs';

const stampPath = join(root, 'node_modules', '.weir-setup');
const lockPath = join(root, '.weir-setup.lock');

export const say = (line) => process.stdout.write(`${line}\n`);
export const fail = (line) => {
  process.stderr.write(`${line}\n`);
  process.exit(2);
};

/** The first of `names` that is on the PATH; null when none is. */
export function findProgram(...names) {
  for (const name of names) {
    for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
      if (folder !== '' && existsSync(join(folder, name))) return join(folder, name);
    }
  }
  return null;
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Two set-ups at once would tear each other's node_modules: the second waits for the first. */
async function exclusively(work) {
  for (let said = false; ; ) {
    try {
      writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = existsSync(lockPath) ? Number(readFileSync(lockPath, 'utf8')) : 0;
    if (holder > 0 && !alive(holder)) {
      rmSync(lockPath, { force: true });
      continue;
    }
    if (!said) say(`set-up: waiting for the one that process ${holder} runs`);
    said = true;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const unlock = () => rmSync(lockPath, { force: true });
  process.on('exit', unlock);
  try {
    return await work();
  } finally {
    unlock();
    process.off('exit', unlock);
  }
}

async function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const present = existsSync(stampPath) ? readFileSync(stampPath, 'utf8').trim() : '';
  if (present === wanted && pinnedNode() !== null) return;
  say('set-up: npm ci installs the packages of package-lock.json into node_modules, Node 24 among them');
  const status = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (status !== 0) fail(`set-up: npm ci ended with status ${status}; its lines above say why`);
  if (pinnedNode() === null) fail(`set-up: there is no package node-linux-${process.arch}; Weir runs on x64 and arm64`);
  writeFileSync(stampPath, `${wanted}\n`);
}

/** Build the capture addon and the demo's traffic program, each where it is stale. False: capture is unavailable. */
async function buildAddonOrSay(required) {
  const { buildAddon } = await import('./build-addon.mjs');
  try {
    if (buildAddon()) say('set-up: gcc compiled the capture addon into build/');
    const { buildTraffic } = await import('./build-traffic.mjs');
    if (buildTraffic()) say('set-up: gcc compiled the traffic program of the demo into build/');
    return true;
  } catch (error) {
    if (required) fail(`set-up: ${error.message}`);
    say(`set-up: no capture with eBPF on this machine: ${error.message}`);
    return false;
  }
}

/** `addon`: required (tests), optional (start), none (checks). */
export function setup({ addon = 'optional' } = {}) {
  return exclusively(async () => {
    await installPackages();
    return addon === 'none' ? false : buildAddonOrSay(addon === 'required');
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setup({ addon: 'optional' });
