/** Claims that are late, out of order or twice, of reporters that died, and flows older than what is remembered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { type TestClaim, type TestOwnership, workload } from '../fixtures/enricher-messages.ts';
import { OneFlow } from '../fixtures/one-flow.ts';

const S = 1_000_000;
const ADDR = '10.0.0.2';
const HOLD_MS = 8000;
const a = workload('a');
const b = workload('b');

const said = (seq: number, asOf: number, ...claims: TestClaim[]): TestOwnership => {
  return { seq, kind: seq === 0 ? 'full' : claims.length > 0 ? 'delta' : 'asOf', asOf: asOf * S, claims };
};
const held: TestClaim = { addr: ADDR, who: a, from: S };
const left: TestClaim = { ...held, to: 10 * S, latest: 11 * S };
const next: TestClaim = { addr: ADDR, who: b, earliest: 12 * S, from: 13 * S };

test('at a start what comes before the first list waits for it', async (t) => {
  const world = new OneFlow();
  await world.start(t, HOLD_MS);
  const question = await world.ask(ADDR, 5);
  await systemClock.sleep(300);
  assert.equal(world.answer(question), null);
  await world.say(said(0, 6, held));
  assert.equal(await world.answered(question), 'a');
});

test('a flow waits for the word of who held its address last, and for nobody else', async (t) => {
  const world = new OneFlow();
  await world.say(said(0, 6, held), { ...said(0, 6, { ...held, addr: '10.0.0.3', who: b }), reporter: 'n2' });
  await world.start(t, HOLD_MS);
  const [early, later] = [await world.ask(ADDR, 5), await world.ask(ADDR, 14)];
  assert.equal(await world.answered(early), 'a');
  await world.say(said(1, 9));
  await systemClock.sleep(200);
  assert.equal(world.answer(later), null);
  // The hand-over is told after the flow, and n2 does not speak at all.
  await world.say(said(2, 15, left, next));
  assert.equal(await world.answered(later), 'b');
});

test('what comes twice or out of order changes nothing, and what it missed is known with the next full list', async (t) => {
  const world = new OneFlow();
  const handOver = said(1, 15, left, next);
  await world.say(said(0, 6, held), said(2, 16), handOver, said(0, 6, held), handOver);
  await world.start(t, HOLD_MS);
  const question = await world.ask(ADDR, 14);
  await systemClock.sleep(200);
  assert.equal(world.answer(question), null, 'a message is missing: nothing past it is believed');
  await world.say({ ...said(3, 20, next), kind: 'full' });
  assert.equal(await world.answered(question), 'b');
});

test('a reporter that died names who held an address up to its last word, and nobody after it', async (t) => {
  const world = new OneFlow();
  const other = { ...said(0, 6, { ...held, addr: '10.0.0.3', who: b }), reporter: 'n2' };
  await world.say(said(0, 6, held), other, { ...said(1, 60), reporter: 'n2' });
  await world.start(t, 300);
  const questions = [await world.ask(ADDR, 5), await world.ask(ADDR, 50), await world.ask('10.0.0.3', 50)];
  assert.deepEqual(await Promise.all(questions.map((question) => world.answered(question))), [
    ...['a', 'reporter_silent', 'b'],
  ]);
});

test('a flow older than what is remembered gets nobody, and not who has the address now', async (t) => {
  const world = new OneFlow();
  const beats = Array.from({ length: 80 }, (_, i) => said(2 + i, 200 + i));
  await world.say(said(0, 6, held), said(1, 15, left, next), ...beats);
  await world.start(t, HOLD_MS, { retainMs: 60_000 });
  const questions = [await world.ask(ADDR, 5), await world.ask(ADDR, 100)];
  assert.deepEqual(await Promise.all(questions.map((question) => world.answered(question))), ['gap', 'b']);
});
