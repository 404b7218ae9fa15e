// Runs the demo with seeds 1 to N (default 20, or FROM TO) and prints a line for each: what was made, found, named and off.
// Needs what the demo needs. Part of npm run soak (demo-seeds).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './node24.mjs';

const [first = 20, second] = process.argv.slice(2).map(Number);
const [from, to] = second === undefined ? [1, first] : [first, second];
const folder = mkdtempSync(join(tmpdir(), 'weir-seeds-'));
const wanted = ['connections', 'bytes', 'rows', 'named wrongly', 'not named', 'known by', 'verify'];
let failed = 0;
try {
  for (let seed = from; seed <= to; seed++) {
    const data = join(folder, String(seed));
    const args = [join(root, 'bin', 'weir'), 'demo', '--seed', String(seed), '--data', data];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    const isPlayback = /^A recording is played/m.test(stdout);
    const figures = stdout
      .split('\n')
      .filter((line) => wanted.some((name) => line.slice(2).startsWith(name)))
      .map((line) => line.trim().replace(/ {2,}/g, ' '));
    process.stdout.write(`seed ${seed}: status ${status}; ${figures.join('; ')}\n`);
    if (status === 0 && !isPlayback) continue;
    failed++;
    process.stdout.write(
      isPlayback ? 'a playback proves nothing about seeds\n' : `${stdout.slice(-4000)}\n${stderr}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.stdout.write(`${to - from + 1 - failed} of ${to - from + 1} seeds with every figure right\n`);
process.exitCode = failed === 0 ? 0 : 1;
