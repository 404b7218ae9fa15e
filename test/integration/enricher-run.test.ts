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

const silence = ownershipOut({
  seq: 0,
  kind: 'full',
  asOf: 10 * S,
  claims: [
    { addr: '10.0.0.9', who: a, from: 5 * S },
    { addr: '10.0.0.8', who: b, from: 5 * S, method: 4 },
  ],
});
const late = { local: '10.0.0.1', remote: '10.0.0.9', start: 11 * S, end: 12 * S, localWorkload: 0 };
const early = { local: '10.0.0.1', remote: '10.0.0.8', start: 6 * S, end: 7 * S, localWorkload: 0 };
const client = [workload('client')];

test('a batch waits for the word of the reporter that holds its addresses', async (t) => {
  const broker = fleet();
  const log = broker.client();
  await log.produce('own', 0, [silence]);
  await log.produce('raw', 0, [rawOut({ workloads: client, flows: [late] })]);
  const { meter } = await start(t, broker);
  await systemClock.sleep(300);
  assert.equal(broker.messages('rich', 0).length, 0);
  assert.equal(meter.get('weir_enricher_flows_held'), 1);
  meter.assertLaw();
  await log.produce('own', 0, [ownershipOut({ seq: 1, kind: 'asOf', asOf: 12 * S + 1 })]);
  const [batch] = await enriched(broker, 1);
  assert.ok(batch);
  assert.equal(dstOf(batch, 0), 'address a');
  assert.equal(batch.ownershipNext, 2);
  meter.assertLaw();
});

test('when the hold ends, what is certain is named and only the rest is hold_expired', async (t) => {
  const broker = fleet();
  const log = broker.client();
  await log.produce('own', 0, [silence]);
  await log.produce('raw', 0, [rawOut({ workloads: client, flows: [late, early] })]);
  const began = Date.now();
  await start(t, broker, { holdMs: 400 });
  const [batch] = await enriched(broker, 1);
  assert.ok(batch && Date.now() - began >= 400);
  assert.deepEqual([dstOf(batch, 0), dstOf(batch, 1)], ['hold_expired', 'address b']);
});

test('messages that arrive while one is held do not add their hold to its', async (t) => {
  const broker = fleet();
  const log = broker.client();
  await log.produce('own', 0, [silence]);
  await log.produce('raw', 0, [rawOut({ workloads: client, flows: [late] })]);
  await start(t, broker, { holdMs: 1200 });
  await systemClock.sleep(100);
  await log.produce('raw', 0, [rawOut({ workloads: client, flows: [late], seq: 1, first: 1 })]);
  const began = Date.now();
  await enriched(broker, 2);
  assert.ok(Date.now() - began < 2000, 'one hold, not two');
});

test('a message that cannot be read becomes a dead letter, and a source with its range as one loss', async (t) => {
  const broker = fleet();
  const log = broker.client();
  await log.produce('own', 0, [silence]);
  const good = rawOut({ workloads: client, flows: [early], first: 5, seq: 2 });
  const forged = { ...good, headers: { ...good.headers, [HEADER.next]: '9' } };
  const cut = {
    ...good,
    value: good.value.slice(0, -3),
    headers: { ...good.headers, [HEADER.seq]: '3', [HEADER.first]: '9', [HEADER.next]: '12' },
  };
  const nameless = { key: 'k', value: Buffer.from('what is this?'), headers: { x: 'y' } };
  await log.produce('raw', 0, [good, forged, cut, nameless]);
  const { meter } = await start(t, broker);
  const batches = await enriched(broker, 4);
  const sources = batches.flatMap((batch) => batch.sources);
  assert.deepEqual(
    sources.map(({ offset, ring, first, next, flows, rows, losses }) => [
      offset,
      ring,
      first,
      next,
      flows,
      rows,
      losses.map(({ stage, reason, flows: n }) => [stage, reason, n]),
    ]),
    [
      [0, 'ring-1', 5, 6, 1, 1, []],
      [1, 'ring-1', 5, 9, 0, 0, [['enricher', 'range_invalid', 4]]],
      [2, 'ring-1', 9, 12, 0, 0, [['enricher', 'undecodable', 3]]],
      [3, '', 0, 0, 0, 0, [['enricher', 'undecodable', -1]]],
    ],
  );
  const letters = broker.messages('dead', 0);
  assert.deepEqual(
    letters.map(({ headers }) => [
      headers['__connect.errors.topic'],
      headers['__connect.errors.partition'],
      headers['__connect.errors.offset'],
      headers['__connect.errors.exception.class.name'],
    ]),
    [
      ['raw', '0', '1', 'WEIR_ENRICHER_RANGE_INVALID'],
      ['raw', '0', '2', 'WEIR_SCHEMA_TRUNCATED'],
      ['raw', '0', '3', 'WEIR_SCHEMA_UNKNOWN'],
    ],
  );
  assert.equal(letters[2]?.headers['x'], 'y');
  assert.deepEqual(Buffer.from(letters[2]?.value ?? []), nameless.value);
  meter.assertLaw();
  assert.equal(meter.get('weir_enricher_dead_letters_total'), 3);
});

test('a second life goes on at the commit', async (t) => {
  const broker = fleet();
  const log = broker.client();
  await log.produce('own', 0, [silence]);
  await log.produce('raw', 0, [
    rawOut({ workloads: client, flows: [early] }),
    rawOut({ workloads: client, flows: [], first: 1, seq: 1 }),
  ]);
  const first = await start(t, broker);
  assert.equal((await enriched(broker, 2)).flatMap(({ sources }) => sources).at(1)?.rows, 0);
  await first.stage.stop();
  const { id } = broker.topic('raw');
  assert.equal(broker.committed(`g.${id}`, 'raw', 0), 2);
  await log.produce('raw', 0, [rawOut({ workloads: client, flows: [early], first: 1, seq: 2 })]);
  await start(t, broker);
  const offsets = (await enriched(broker, 3)).flatMap(({ sources }) => sources.map(({ offset }) => offset));
  assert.deepEqual(offsets, [0, 1, 2]);
});

test('an answer that is lost makes the same bytes come again, and nothing is skipped', async (t) => {
  const broker = fleet();
  const log = broker.client();
  await log.produce('own', 0, [silence]);
  await log.produce('raw', 0, [rawOut({ workloads: client, flows: [early] })]);
  let lost = 0;
  const after: LogFaults['after'] = ({ method, topic }) => {
    if (method !== 'produce' || topic !== 'rich' || lost++ >= 2) return;
    throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'the answer is lost');
  };
  const { meter } = await start(t, broker, { faults: { after } });
  await enriched(broker, 3);
  const [one, two, three] = broker.messages('rich', 0).map(({ value }) => Buffer.from(value).toString('hex'));
  assert.ok(one === two && two === three);
  await systemClock.sleep(50);
  assert.equal(broker.committed(`g.${broker.topic('raw').id}`, 'raw', 0), 1);
  assert.equal(meter.get('weir_enricher_flows_out_total'), 1);
});

test('mostly unreadable messages stop the stage instead of being thrown away', async (t) => {
  const broker = fleet();
  const log = broker.client();
  const junk = { key: null, value: Buffer.from('not avro'), headers: {} };
  await log.produce(
    'raw',
    0,
    Array.from({ length: 80 }, () => junk),
  );
  const { stage } = await start(t, broker);
  await assert.rejects(stage.done, { code: 'WEIR_ENRICHER_POISON_RATE' });
  assert.equal(broker.committed(`g.${broker.topic('raw').id}`, 'raw', 0), null);
});

test('stopping while a batch is held is quick, and leaves it for the next life', async (t) => {
  const broker = fleet();
  const log = broker.client();
  await log.produce('own', 0, [silence]);
  await log.produce('raw', 0, [
    rawOut({ workloads: client, flows: [early] }),
    rawOut({ workloads: client, flows: [late], first: 1, seq: 1 }),
  ]);
  const { stage } = await start(t, broker, { holdMs: 60_000 });
  await enriched(broker, 1);
  const began = Date.now();
  await stage.stop();
  assert.ok(Date.now() - began < 2000);
  await stage.done;
  assert.equal(broker.messages('rich', 0).length, 1);
  assert.equal(broker.committed(`g.${broker.topic('raw').id}`, 'raw', 0), 1);
});

test('two workers write the same rows as one', async (t) => {
  const partitions = 4;
  const rows: string[][] = [];
  for (const workers of [1, 2]) {
    const broker = fleet(partitions);
    const log = broker.client();
    await log.produce(
      'own',
      0,
      Array.from({ length: 200 }, (_, i) => {
        const claims = [
          {
            addr: `10.0.${i % 20}.1`,
            who: workload(`w${i}`),
            from: (i + 1) * S,
            to: (i + 15) * S,
            latest: (i + 16) * S,
          },
        ];
        return ownershipOut({ seq: i, kind: i === 0 ? 'full' : 'delta', asOf: (i + 20) * S, claims });
      }),
    );
    for (let partition = 0; partition < partitions; partition += 1) {
      await log.produce(
        'raw',
        partition,
        Array.from({ length: 20 }, (_, i) => {
          const flows = Array.from({ length: 50 }, (__, j) => ({
            ...early,
            remote: `10.0.${(i * j) % 20}.1`,
            start: (i * 7 + j) * S,
            end: (i * 7 + j + (j % 3)) * S,
          }));
          return rawOut({ workloads: client, flows, first: i * 50, seq: i, ring: `ring-${partition}` });
        }),
      );
    }
    const { stage } = await start(t, broker, { workers });
    const all: string[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      for (const batch of await enriched(broker, 20, partition)) {
        assert.equal(batch.ownershipNext, 200);
        for (let row = 0; row < batch.flows.length; row += 1)
          all.push(`${partition} ${batch.flows.flowNumber[row]} ${dstOf(batch, row)} ${batch.flows.dstSinceUs[row]}`);
      }
    }
    await stage.stop();
    rows.push(all);
  }
  assert.equal(rows[0]?.length, 4000);
  assert.ok(new Set(rows[0]).size === 4000 && rows[0]?.some((row) => row.includes('address w')));
  assert.deepEqual(rows[1], rows[0]);
});
