/** Claims that cannot be so, through the whole enricher: refused and counted, and what was right before stays right. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Method } from '../../schemas/generated/common.ts';
import { encodeOwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { ownership, type TestOwnership, workload } from '../fixtures/enricher-messages.ts';
import { OneFlow } from '../fixtures/one-flow.ts';

const S = 1_000_000;
const ADDR = '10.0.0.2';
const right = workload('right');
const liar = workload('liar');

const good = (seq: number, asOf: number): TestOwnership => ({
  ...{ seq, kind: seq === 0 ? 'full' : 'asOf', asOf: asOf * S },
  claims: seq === 0 ? [{ addr: ADDR, who: right, from: S }] : [],
});

interface Outcome {
  readonly owner: string;
  readonly refused: number;
  readonly warnings: string;
}

/** The owner of 10.0.0.2 at 5 s, after the bad messages came between two good ones. */
async function outcome(t: TestContext, bad: readonly (TestOwnership | Uint8Array)[]): Promise<Outcome> {
  const world = new OneFlow();
  await world.say(good(0, 2), ...bad, good(1, 10));
  await world.start(t, 300);
  const owner = await world.answered(await world.ask(ADDR, 5));
  const refused = world.meter.total('weir_enricher_claims_refused_total');
  return { owner, refused, warnings: world.warnings.join('\n') };
}

const from = (reporter: string, claims: TestOwnership['claims'] = []): TestOwnership => {
  return { reporter, seq: 0, kind: 'full', asOf: 9 * S, claims };
};

test('a full list that is cut, at any byte, changes nothing', async (t) => {
  const whole = encodeOwnershipMessage(ownership({ ...good(0, 3), seq: 1, claims: [] }));
  const cuts = Array.from({ length: whole.length - 1 }, (_, bytes) => whole.slice(0, bytes + 1));
  const { owner, refused, warnings } = await outcome(t, cuts);
  assert.deepEqual([owner, refused], ['right', cuts.length]);
  assert.match(warnings, /message \d+: WEIR_SCHEMA_/);
});

test('a reporter that claims the whole internet, or what is no one’s, is refused claim by claim', async (t) => {
  const all = { who: liar, from: S, method: Method.prefix } as const;
  const claims = [
    { ...all, addr: '0.0.0.0', prefixLength: 96 },
    { ...all, addr: '::', prefixLength: 0 },
    { ...all, addr: '2000::', prefixLength: 3 },
    { addr: '127.0.0.1', who: liar, from: S },
    { addr: ADDR, who: liar, from: 8 * S, to: 3 * S },
  ];
  const { owner, refused, warnings } = await outcome(t, [from('n2', claims)]);
  assert.deepEqual([owner, refused], ['right', claims.length]);
  assert.match(warnings, /an IPv4 prefix of 0 bits/);
});

test('a claim of a clock far ahead is refused, and does not silence the others', async (t) => {
  const ahead = { ...from('n2', [{ addr: ADDR, who: liar, from: S }]), asOf: 1000 * (Date.now() + 60_000) };
  const { owner, refused } = await outcome(t, [ahead]);
  assert.deepEqual([owner, refused], ['right', 1]);
});

test('two nodes under one name: refused by turns, counted and said; neither gets the other’s flows', async (t) => {
  const twin: TestOwnership = { ...from('n1', [{ addr: '10.0.0.3', who: liar, from: S }]), epoch: 'e2', asOf: 3 * S };
  const { owner, refused, warnings } = await outcome(t, [twin]);
  assert.deepEqual([owner, refused], ['hold_expired', 1]);
  assert.match(warnings, /two reporters are named n1/);
});

test('two reporters that both surely hold an address at one time make it ambiguous, not one of them right', async (t) => {
  const { owner, refused } = await outcome(t, [from('n2', [{ addr: ADDR, who: liar, from: S }])]);
  assert.deepEqual([owner, refused], ['ambiguous', 0]);
});
