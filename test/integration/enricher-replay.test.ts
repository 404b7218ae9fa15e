import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { MeterRegistry } from '../../contract/meter-registry.ts';
import { replayPartition } from '../../enricher/replay.ts';
import type { ReplayCounts } from '../../enricher/replay-compare.ts';
import { startEnricher } from '../../enricher/run.ts';
import { ownershipOut, rawOut, type TestFlow, workload } from '../fixtures/enricher-messages.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';

const TOPICS = { ownershipTopic: 'own', rawTopic: 'raw', enrichedTopic: 'rich', deadLetterTopic: 'dead' };
const S = 1_000_000;
const a = workload('a');

const flow = (remote: string, end: number): TestFlow => {
  return { local: '10.0.0.1', remote, start: end * S - 5, end: end * S, localWorkload: 0 };
};

/** Three batches joined while claims come, one of them without the claim that comes later. */
async function firstRun(): Promise<MemoryBroker> {
  const broker = new MemoryBroker();
  const spec = { retentionMs: null, retentionBytes: null, messageBytesMax: 4_000_000 };
  broker.ensure(['own', 'raw', 'rich', 'dead'].map((name) => ({ ...spec, name, partitions: 1 })));
  const log = broker.client();
  const own = (seq: number, asOf: number, late = false): Promise<unknown> => {
    const claims = [
      { addr: '10.0.0.2', who: a, from: S },
      ...(late ? [{ addr: '10.0.0.3', who: workload('b'), from: 2 * S }] : []),
    ];
    return log.produce('own', 0, [ownershipOut({ seq, kind: 'full', asOf: asOf * S, claims })]);
  };
  await own(0, 100);
  const stage = await startEnricher({
    ...TOPICS,
    log,
    clock: systemClock,
    logger: silentLogger,
    meter: new MeterRegistry(),
    workers: 1,
    holdMs: 200,
    group: 'g',
  });
  for (let seq = 0; seq < 3; seq += 1) {
    const flows = [flow('10.0.0.2', 50), flow('10.0.0.3', 60), flow('198.51.100.1', 70)];
    await log.produce('raw', 0, [rawOut({ seq, first: 3 * seq, workloads: [workload('me')], flows })]);
    await log.produce('raw', 0, [{ key: null, value: Uint8Array.of(seq), headers: {} }]);
    for (
      const deadline = Date.now() + 5000;
      (broker.committed('g.' + (await log.describe('raw')).id, 'raw', 0) ?? 0) < 2 * seq + 2;
    ) {
      assert.ok(Date.now() < deadline, `batch ${seq}`);
      await systemClock.sleep(10);
    }
    await own(seq + 1, 110 + seq, seq === 2);
  }
  await stage.stop();
  return broker;
}

async function again(
  broker: MemoryBroker,
  at: 'recorded' | 'latest',
  from = 0,
  to = 1e9,
): Promise<{ counts: ReplayCounts; bytes: Uint8Array[] }> {
  const bytes: Uint8Array[] = [];
  const counts = await replayPartition({
    ...{
      log: broker.client(),
      ...TOPICS,
      partition: 0,
      from,
      to,
      at,
      geo: null,
      externalAddresses: 'keep',
      clockSkewMs: 0,
    },
    signal: new AbortController().signal,
    onBatch: async (batch) => void bytes.push(batch),
  });
  return { counts, bytes };
}

test('at the recorded positions a replay gives the same bytes, dead letters included', async () => {
  const broker = await firstRun();
  const { counts, bytes } = await again(broker, 'recorded');
  assert.deepEqual([counts.rows, counts.same, counts.gone], [9, 9, 0]);
  const recorded = broker.messages('rich', 0).map(({ value }) => Buffer.from(value));
  assert.deepEqual(
    bytes.map((batch) => Buffer.from(batch)),
    recorded,
  );
});

test('with all claims a replay names who was not named, and says so', async () => {
  const broker = await firstRun();
  const { counts } = await again(broker, 'latest');
  assert.deepEqual([counts.rows, counts.same], [9, 6]);
  assert.deepEqual([counts.namedNow, counts.namedNoMore, counts.otherOwner], [3, 0, 0]);
});

test('a stretch takes whole batches, and what the raw topic has no more is counted', async () => {
  const broker = await firstRun();
  assert.equal((await again(broker, 'recorded', 2, 3)).counts.rows, 3);
  broker.truncate('raw', 0, 2);
  const { counts } = await again(broker, 'recorded');
  assert.deepEqual([counts.rows, counts.same, counts.gone], [6, 6, 3]);
});

test('a batch that another enricher wrote again is joined once', async () => {
  const broker = await firstRun();
  const [first] = broker.messages('rich', 0);
  assert.ok(first);
  await broker.client().produce('rich', 0, [first]);
  assert.equal((await again(broker, 'recorded')).counts.rows, 9);
});
