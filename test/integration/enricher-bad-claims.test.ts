/** Claims that cannot be so, through the whole enricher: refused and counted, and what was right before stays right. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { MeterRegistry } from '../../contract/meter-registry.ts';
import { startEnricher } from '../../enricher/run.ts';
import { Method, REASON_SYMBOLS } from '../../schemas/generated/common.ts';
import { decodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { encodeOwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { TOPICS } from '../../transport/log.ts';
import { ownership, ownershipOut, rawOut, type TestOwnership, workload } from '../fixtures/enricher-messages.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';

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
  readonly warnings: readonly string[];
}

/** The owner of 10.0.0.2 at 5 s, after the bad messages came between two good ones. */
async function after(t: TestContext, bad: readonly Uint8Array[]): Promise<Outcome> {
  const broker = new MemoryBroker();
  const limits = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };
  broker.ensure(Object.values(TOPICS).map((name) => ({ name, ...limits })));
  const log = broker.client();
  const say = (value: Uint8Array): Promise<unknown> =>
    log.produce(TOPICS.ownership, 0, [{ key: null, value, headers: {} }]);
  await log.produce(TOPICS.ownership, 0, [ownershipOut(good(0, 2))]);
  for (const value of bad) await say(value);
  await log.produce(TOPICS.ownership, 0, [ownershipOut(good(1, 10))]);
  const meter = new MeterRegistry();
  const warnings: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (fields: Readonly<Record<string, unknown>>) => void warnings.push(JSON.stringify(fields)),
  };
  const enricher = await startEnricher({
    ...{ log, clock: systemClock, logger, meter, workers: 1, holdMs: 300, group: 'test' },
    ...{ ownershipTopic: TOPICS.ownership, rawTopic: TOPICS.raw, enrichedTopic: TOPICS.enriched },
    deadLetterTopic: TOPICS.deadLetters,
  });
  t.after(() => enricher.stop());
  const flow = { local: '10.0.0.9', remote: ADDR, start: 5 * S, end: 5 * S, localWorkload: 0 };
  await log.produce(TOPICS.raw, 0, [rawOut({ workloads: [workload('me')], flows: [flow] })]);
  const deadline = Date.now() + 10_000;
  while (broker.messages(TOPICS.enriched, 0).length === 0) {
    assert.ok(Date.now() < deadline, 'the batch is joined');
    await systemClock.sleep(10);
  }
  const { flows, workloads } = decodeEnrichedBatch(broker.messages(TOPICS.enriched, 0)[0]!.value);
  const owner = workloads[flows.dstWorkload[0] ?? -1]?.name ?? REASON_SYMBOLS[flows.dstReason[0] ?? 0] ?? '';
  await enricher.stop();
  return { owner, refused: meter.total('weir_enricher_claims_refused_total'), warnings };
}

const from = (reporter: string, claims: TestOwnership['claims'] = []): TestOwnership => {
  return { reporter, seq: 0, kind: 'full', asOf: 9 * S, claims };
};
const encoded = (message: TestOwnership): Uint8Array => encodeOwnershipMessage(ownership(message));

test('a full list that is cut, at any byte, changes nothing', async (t) => {
  const whole = encoded({ ...good(0, 3), seq: 1, claims: [] });
  const cuts = Array.from({ length: whole.length - 1 }, (_, bytes) => whole.slice(0, bytes + 1));
  const { owner, refused, warnings } = await after(t, cuts);
  assert.deepEqual([owner, refused], ['right', cuts.length]);
  assert.match(warnings.join('\n'), /claims_refused|WEIR_ENRICHER_CLAIM_INVALID/);
  assert.match(warnings.join('\n'), /message \d+: WEIR_SCHEMA_/);
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
  const { owner, refused, warnings } = await after(t, [encoded(from('n2', claims))]);
  assert.deepEqual([owner, refused], ['right', claims.length]);
  assert.match(warnings.join('\n'), /an IPv4 prefix of 0 bits/);
});

test('a claim of a clock far ahead is refused, and does not silence the others', async (t) => {
  const ahead = { ...from('n2', [{ addr: ADDR, who: liar, from: S }]), asOf: 1000 * (Date.now() + 60_000) };
  const { owner, refused } = await after(t, [encoded(ahead)]);
  assert.deepEqual([owner, refused], ['right', 1]);
});

test('two reporters that both surely hold an address at one time make it ambiguous, not one of them right', async (t) => {
  const { owner, refused } = await after(t, [encoded(from('n2', [{ addr: ADDR, who: liar, from: S }]))]);
  assert.deepEqual([owner, refused], ['ambiguous', 0]);
});
