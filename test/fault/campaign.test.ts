/**
 * Invariant: whatever dies, freezes, answers late or not at all, refuses, or is made anew between kernel and lake, every flow is
 * a row once, or told as lost once. The short form of `npm run faults`: a few rounds of one seed, in a mount namespace of
 * its own for the bpffs.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CampaignResult } from './campaign/campaign.ts';

const MAIN = fileURLToPath(new URL('./campaign/main.ts', import.meta.url));
const FLAGS = ['--disable-warning=ExperimentalWarning', '--disable-warning=TimeoutNegativeWarning'];
const SEED = process.env['WEIR_FAULTS_SEED'] ?? '11';
const ROUNDS = process.env['WEIR_FAULTS_ROUNDS'] ?? '3';
/** No round begins after so many seconds; a busy machine has fewer rounds. */
const SECONDS = process.env['WEIR_FAULTS_SECONDS'] ?? '35';
const DELIVERED_MIN = 15;

test('nothing lost untold, nothing doubled, nothing told twice', { timeout: 240_000 }, async (context) => {
  const args = ['--seed', SEED, '--rounds', ROUNDS, '--seconds', SECONDS];
  const child = spawn('unshare', ['--mount', '--propagation', 'private', process.execPath, ...FLAGS, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  context.signal.addEventListener('abort', () => child.kill('SIGTERM'));
  await once(child, 'close');
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  assert.match(last, /^\{/, stderr);
  const result = JSON.parse(last) as CampaignResult;
  context.diagnostic(last);
  assert.deepEqual(result.findings, [], stderr);
  assert.deepEqual([result.lost, result.doubled, result.toldTwice, result.unexplained], [0, 0, 0, 0], last);
  assert.equal(result.rows + result.losses, result.made, last);
  assert.ok(result.delivered >= DELIVERED_MIN, `${result.delivered} faults were delivered`);
});
