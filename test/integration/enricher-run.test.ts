import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { silentLogger } from '../../contract/log.ts';
import type { Meter } from '../../contract/meter.ts';
import type { Stage } from '../../contract/stage.ts';
import { startEnricher } from '../../enricher/run.ts';
import { METHOD_SYMBOLS, REASON_SYMBOLS } from '../../schemas/generated/common.ts';
import { decodeEnrichedBatch, type EnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { HEADER } from '../../transport/log.ts';
import { ownershipOut, rawOut, workload } from '../fixtures/enricher-messages.ts';
import { type LogFaults, MemoryBroker } from '../fixtures/memory-log.ts';

const TOPICS = { ownershipTopic: 'own', rawTopic: 'raw', enrichedTopic: 'rich', deadLetterTopic: 'dead' };
const S = 1_000_000;
const a = workload('a');
const b = workload('b');

class Totals implements Meter {
  readonly counters = new Map<string, number>();
  readonly gauges = new Map<string, number>();
  add(name: string, value: number): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + value);
  }
  set(name: string, value: number): void {
    this.gauges.set(name, value);
  }
  get(name: string): number {
    return this.counters.get(name) ?? this.gauges.get(name) ?? 0;
  }
  assertLaw(): void {
    const dropped = this.get('weir_enricher_flows_dropped_total');
    const out = this.get('weir_enricher_flows_out_total');
    assert.equal(this.get('weir_enricher_flows_in_total'), out + dropped + this.get('weir_enricher_flows_held'));
  }
}

function fleet(partitions = 1): MemoryBroker {
  const broker = new MemoryBroker();
  const spec = { retentionMs: null, retentionBytes: null, messageBytesMax: 4_000_000 };
  broker.ensure([
    { ...spec, name: 'own', partitions: 1 },
    { ...spec, name: 'raw', partitions },
    { ...spec, name: 'rich', partitions },
    { ...spec, name: 'dead', partitions: 1 },
  ]);
  return broker;
}

interface Started {
  readonly stage: Stage;
  readonly meter: Totals;
}

async function start(
  t: TestContext,
  broker: MemoryBroker,
  more: { holdMs?: number; workers?: number; faults?: LogFaults } = {},
): Promise<Started> {
  const meter = new Totals();
  const { holdMs = 10_000, workers = 1, faults = {} } = more;
  const log = broker.client(faults);
  const stage = await startEnricher({
    ...TOPICS,
    log,
    clock: systemClock,
    logger: silentLogger,
    meter,
    workers,
    holdMs,
    group: 'g',
  });
  t.after(() => stage.stop());
  return { stage, meter };
}

async function enriched(broker: MemoryBroker, sources: number, partition = 0): Promise<EnrichedBatch[]> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const batches = broker.messages('rich', partition).map(({ value }) => decodeEnrichedBatch(value));
    if (batches.reduce((sum, batch) => sum + batch.sources.length, 0) >= sources) return batches;
    assert.ok(Date.now() < deadline, `only ${batches.length} batches`);
    await systemClock.sleep(10);
  }
}

const dstOf = (batch: EnrichedBatch, row: number): string => {
  const { flows, workloads } = batch;
  const owner = flows.dstWorkload[row] ?? -1;
  return owner < 0
    ? (REASON_SYMBOLS[flows.dstReason[row] ?? 0] ?? '')
    : `${METHOD_SYMBOLS[flows.dstMethod[row] ?? 0]} ${workloads[owner]?.name}`;
};

test('an address that is handed on belongs to each owner in its time', async (t) => {
  const broker = fleet();
  const log = broker.client();
  await log.produce('own', 0, [
    ownershipOut({ seq: 0, kind: 'full', asOf: 10 * S, claims: [{ addr: '10.0.0.9', who: a, from: 5 * S }] }),
    ownershipOut({
      seq: 1,
      kind: 'delta',
      asOf: 22 * S,
      claims: [
        { addr: '10.0.0.9', who: a, from: 5 * S, to: 20 * S, latest: 20 * S },
        { addr: '10.0.0.9', who: b, from: 21 * S },
      ],
    }),
    ownershipOut({ seq: 2, kind: 'asOf', asOf: 40 * S }),
  ]);
  const flow = (start: number, end: number) => ({
    local: '10.0.0.1',
    remote: '10.0.0.9',
    start: start * S,
    end: end * S,
    localWorkload: 0,
  });
  await log.produce('raw', 0, [
    rawOut({ workloads: [workload('client')], flows: [flow(6, 7), flow(19, 22), flow(25, 26), flow(20.5, 20.6)] }),
  ]);
  const { meter } = await start(t, broker);
  const [batch] = await enriched(broker, 1);
  assert.ok(batch);
  assert.deepEqual(
    [0, 1, 2, 3].map((row) => dstOf(batch, row)),
    ['address a', 'ambiguous', 'address b', 'gap'],
  );
  assert.deepEqual([...batch.flows.dstSinceUs.subarray(0, 4)], [5 * S, -1, 21 * S, -1]);
  assert.equal(batch.ownershipNext, 3);
  assert.deepEqual(
    batch.sources.map(({ offset, first, next, flows, rows }) => ({ offset, first, next, flows, rows })),
    [{ offset: 0, first: 0, next: 4, flows: 4, rows: 4 }],
  );
  meter.assertLaw();
});
