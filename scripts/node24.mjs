// Finds the pinned Node (npm package node-linux-<arch>) and, as a command, runs it: node scripts/node24.mjs FILE ARGS
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Path of the pinned Node; null before set-up. */
export function pinnedNode() {
  const path = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  return existsSync(path) ? path : null;
}

/** The same, or one line that says what to do. */
export function requirePinnedNode() {
  const node = pinnedNode();
  if (node !== null) return node;
  process.stderr.write(`node-linux-${process.arch} is not installed; run npm run setup\n`);
  return process.exit(2);
}

/**
 * Run a program with the terminal as its own; signals are passed on.
 * `limitMs` ends it (SIGTERM, five seconds later SIGKILL). Resolves to its exit status, 124 when the limit ended it.
 */
export function run(command, args, { env = {}, limitMs = 0 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
    let late = false;
    const timers = [];
    if (limitMs > 0) {
      timers.push(setTimeout(() => ((late = true), child.kill('SIGTERM')), limitMs));
      timers.push(setTimeout(() => child.kill('SIGKILL'), limitMs + 5000));
    }
    const forward = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    const end = () => {
      for (const timer of timers) clearTimeout(timer);
      for (const signal of signals) process.off(signal, forward);
    };
    child.on('error', (error) => (end(), reject(error)));
    child.on('exit', (status, signal) => {
      end();
      if (late) return resolve(124);
      resolve(status ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 137));
    });
  });
}

export const flags = ['--disable-warning=ExperimentalWarning'];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await run(requirePinnedNode(), [...flags, ...process.argv.slice(2)]);
}
