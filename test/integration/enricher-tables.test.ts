import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { silentLogger } from '../../contract/log.ts';
import { MeterRegistry } from '../../contract/meter-registry.ts';
import { startEnricher } from '../../enricher/run.ts';
import { METHOD_SYMBOLS, REASON_SYMBOLS, ReporterKind } from '../../schemas/generated/common.ts';
import { decodeEnrichedBatch, type EnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { decodeOwnershipMessage, type OwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { ownershipOut, rawOut, type TestFlow, workload } from '../fixtures/enricher-messages.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { mmdb } from '../fixtures/mmdb-writer.ts';

const TOPICS = { ownershipTopic: 'own', rawTopic: 'raw', enrichedTopic: 'rich', deadLetterTopic: 'dead' };
const HEADER = 'prefix,name,kind,region,account_id,subnet_id,from,to\n';
const POD = workload('pod', { region: '' });

function fleet(): MemoryBroker {
  const broker = new MemoryBroker();
  const spec = { retentionMs: null, retentionBytes: null, messageBytesMax: 4_000_000 };
  broker.ensure(['own', 'raw', 'rich', 'dead'].map((name) => ({ ...spec, name, partitions: 1 })));
  return broker;
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'weir-tables-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

interface Files {
  readonly tables?: readonly string[];
  readonly geoip?: readonly string[];
}

async function start(t: TestContext, broker: MemoryBroker, files: Files): Promise<MeterRegistry> {
  const meter = new MeterRegistry();
  const stage = await startEnricher({
    ...TOPICS,
    ...files,
    log: broker.client(),
    clock: systemClock,
    logger: silentLogger,
    meter,
    workers: 1,
    holdMs: 5000,
    group: 'g',
    cluster: 'c',
    network: 'net',
  });
  t.after(() => stage.stop());
  return meter;
}

/** A sidecar that holds one address and has spoken after `nowUs`, as far as its clock may be ahead of the log's. */
async function sidecar(broker: MemoryBroker, nowUs: number): Promise<void> {
  const claims = [{ addr: '10.1.0.5', who: POD, from: 1000 }];
  await broker
    .client()
    .produce('own', 0, [ownershipOut({ seq: 0, kind: 'full', asOf: nowUs + 500_000, claims, intervalMs: 60_000 })]);
}

async function joined(
  broker: MemoryBroker,
  seq: number,
  remotes: readonly string[],
  nowUs: number,
): Promise<EnrichedBatch> {
  const flows = remotes.map(
    (remote): TestFlow => ({ local: '10.9.0.1', remote, start: nowUs - 5, end: nowUs, localWorkload: 0 }),
  );
  const first = 100 * seq;
  await broker.client().produce('raw', 0, [rawOut({ workloads: [workload('me')], flows, seq, first })]);
  const deadline = Date.now() + 8000;
  for (;;) {
    const batches = broker.messages('rich', 0).map(({ value }) => decodeEnrichedBatch(value));
    const mine = batches.find(({ sources }) => sources.some((source) => source.seq === seq));
    if (mine !== undefined) return mine;
    assert.ok(Date.now() < deadline, `batch ${seq} is not there`);
    await systemClock.sleep(10);
  }
}

const dst = ({ flows, workloads, places }: EnrichedBatch, row: number): string => {
  const who = workloads[flows.dstWorkload[row] ?? -1];
  const place = places[flows.dstPlace[row] ?? -1];
  const owner = who === undefined ? '-' : `${who.name} ${who.region}|${who.accountId}|${who.subnetId}`;
  const where = place === undefined ? '' : ` ${place.country} AS${place.asNumber}`;
  return `${METHOD_SYMBOLS[flows.dstMethod[row] ?? 0]} ${REASON_SYMBOLS[flows.dstReason[row] ?? 0]} ${owner}${where}`;
};

const said = (broker: MemoryBroker): OwnershipMessage[] =>
  broker
    .messages('own', 0)
    .map(({ value }) => decodeOwnershipMessage(value))
    .filter(({ reporterKind }) => reporterKind === ReporterKind.static);

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, what);
    await systemClock.sleep(20);
  }
}

test('tables name addresses and ranges, fill in where a pod is, and MMDB names the rest', async (t) => {
  const dir = folder(t);
  const table = join(dir, 'vpc.csv');
  writeFileSync(
    table,
    `${HEADER}10.0.0.0/8,,,eu-1,111,,,\n10.1.0.0/16,,,,,subnet-7,,\n10.1.0.9,db,VirtualMachine,,,,,\n203.0.113.0/24,cdn,,us-9,,,,\n203.0.114.0/24,old,,,,,2020-01-01,2021-01-01\n`,
  );
  const countries = join(dir, 'country.mmdb');
  writeFileSync(countries, mmdb([{ prefix: '192.0.2.0/24', record: { country: { iso_code: 'FR' }, asn: 'AS64500' } }]));
  const broker = fleet();
  const nowUs = 1000 * Date.now();
  await sidecar(broker, nowUs);
  await start(t, broker, { tables: [table], geoip: [countries] });
  const batch = await joined(
    broker,
    0,
    ['10.1.0.5', '10.1.0.9', '203.0.113.7', '203.0.114.7', '192.0.2.1', '198.51.100.1'],
    nowUs,
  );
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((row) => dst(batch, row)),
    [
      'address none pod eu-1|111|subnet-7',
      'address none db eu-1|111|subnet-7',
      'prefix none cdn us-9||',
      // Over for longer than the history reaches back.
      'none no_claim -',
      'geo no_claim - FR AS64500',
      'none no_claim -',
    ],
  );
  const src = batch.workloads[batch.flows.srcWorkload[0] ?? -1];
  assert.deepEqual([src?.name, src?.region, src?.accountId, src?.subnetId], ['me', 'eu-1', '111', '']);
});

test('two enrichers with one table are one reporter, and a changed file takes over without a restart; a broken one does not', async (t) => {
  const dir = folder(t);
  const table = join(dir, 'vms.json');
  const write = (name: string): void => writeFileSync(table, JSON.stringify([{ prefix: '203.0.113.7', name }]));
  write('first');
  const broker = fleet();
  const nowUs = 1000 * Date.now();
  await sidecar(broker, nowUs);
  const meter = await start(t, broker, { tables: [table] });
  await start(t, broker, { tables: [table] });
  assert.equal(new Set(said(broker).map(({ epoch }) => epoch)).size, 1);
  assert.deepEqual(
    said(broker).map(({ seq }) => seq),
    said(broker).map((_, i) => i),
    'numbers without a gap',
  );
  assert.equal(dst(await joined(broker, 0, ['203.0.113.7'], nowUs), 0), 'address none first ||');
  writeFileSync(table, '[{"prefix": "203.0.113.7", "name": ');
  await until(
    () => meter.total('weir_enricher_tables_read_total', { outcome: 'refused' }) > 0,
    'a broken file is refused',
  );
  assert.equal(dst(await joined(broker, 1, ['203.0.113.7'], nowUs), 0), 'address none first ||');
  write('second');
  await until(() => said(broker).some(({ workloads }) => workloads[0]?.name === 'second'), 'the new table is told');
  write('first');
  await until(() => new Set(said(broker).map(({ epoch }) => epoch)).size >= 3, 'a table may go back to what it was');
  const epochs = said(broker).map(({ epoch }) => epoch);
  assert.equal(epochs.at(-1)?.split('.')[0], epochs[0]?.split('.')[0]);
});

test('a broken table or MMDB file at the start is one error with its place', async (t) => {
  const dir = folder(t);
  const table = join(dir, 'bad.csv');
  writeFileSync(table, `${HEADER}10.0.0.0/8,,,eu-1,,,,\n10.0.0.1/99,x,,,,,,\n`);
  const geo = join(dir, 'bad.mmdb');
  writeFileSync(geo, 'nothing');
  const isCode = (code: string, place: string) => (error: unknown) =>
    error instanceof WeirError && error.code === code && error.message.includes(place);
  await assert.rejects(start(t, fleet(), { tables: [table] }), isCode('WEIR_ENRICHER_TABLE_INVALID', 'bad.csv:3:1'));
  await assert.rejects(start(t, fleet(), { geoip: [geo] }), isCode('WEIR_ENRICHER_GEOIP_INVALID', 'bad.mmdb, byte 7'));
  await assert.rejects(
    start(t, fleet(), { tables: [join(dir, 'none.csv')] }),
    isCode('WEIR_ENRICHER_TABLE_INVALID', 'none.csv'),
  );
});
