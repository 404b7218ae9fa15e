/** Demos that are killed, interrupted, or run at the same time. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cgroupName } from '../../cli/demo/demo-id.ts';
import { demosHere } from '../../cli/demo/leftovers.ts';
import { startOf } from '../../cli/demo/machine.ts';
import { resolveCgroup } from '../../sidecar/capture-host.ts';
import { WeirProcess } from './weir-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-demos-'));
after(() => rmSync(folder, { recursive: true }));
const mount = resolveCgroup();

const demo = (name: string, ...flags: string[]): WeirProcess =>
  new WeirProcess(['demo', '--for', '10s', '--data', join(folder, name), ...flags]);
/** What is on this machine of a demo: its id begins with its pid. */
const leftOf = ({ child }: WeirProcess): string[] => demosHere(mount).filter((id) => id.startsWith(`${child.pid}-`));
const pidsIn = (out: string): string[] =>
  [...out.matchAll(/(?:sink|enricher|node-[ab]) (\d+)/g)].map(([, pid]) => pid!);
const gone = (pids: readonly string[]): void => {
  for (const pid of pids) assert.equal(startOf(Number(pid)), null, `process ${pid} is there`);
};

test('what a demo killed with -9 left is removed by the next ones, and two at once do not meet', async () => {
  const killed = demo('killed');
  await killed.says(/traffic started/);
  const [id] = leftOf(killed);
  assert.ok(id !== undefined && readdirSync(mount).includes(cgroupName(id)));
  killed.child.kill('SIGKILL');
  await killed.end();
  assert.deepEqual(leftOf(killed), [id]);
  const both = [demo('one', '--seed', '21'), demo('two', '--seed', '22', '--kill', 'none')];
  const ends = await Promise.all(both.map((one) => one.end()));
  for (const [i, status] of ends.entries()) assert.equal(status, 0, both[i]!.out);
  const said = both.map(({ out }) => out).join('\n');
  assert.ok(said.includes(`killed demo`) && said.includes(id), said);
  for (const one of [killed, ...both]) assert.deepEqual(leftOf(one), []);
  gone([...pidsIn(killed.out), ...both.flatMap(({ out }) => pidsIn(out))]);
});

test('an interrupted demo ends its stages, removes its fleet, and gives no verdict', async () => {
  const interrupted = demo('interrupted');
  await interrupted.says(/traffic started/);
  interrupted.child.kill('SIGINT');
  const status = await interrupted.end();
  assert.notEqual(status, 0);
  assert.match(interrupted.out, /interrupted; there is no verdict/);
  assert.doesNotMatch(interrupted.out, /THE TRUTH/);
  assert.deepEqual(leftOf(interrupted), []);
  gone(pidsIn(interrupted.out));
});

test('a folder that is held, and wrong flags, are refused before anything is made', async () => {
  const holder = demo('held');
  await holder.says(/traffic started/);
  const refused = demo('held');
  assert.equal(await refused.end(), 2);
  assert.match(refused.out, /WEIR_DATA_IN_USE/);
  holder.child.kill('SIGTERM');
  await holder.end();
  for (const flags of [['--for', '1s'], ['--seed', 'x'], ['--kill', 'kernel'], ['--bogus']]) {
    const wrong = new WeirProcess(['demo', '--data', join(folder, 'wrong'), ...flags]);
    assert.equal(await wrong.end(), 2, wrong.out);
    assert.match(wrong.out, /^WEIR_CLI_USAGE: /);
  }
});
