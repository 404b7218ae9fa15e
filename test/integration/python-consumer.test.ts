/** docs/examples/consume.py as it stands, against topics that weir wrote: raw, enriched and single flows, in both framings. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { topicSpecs } from '../../cli/topics.ts';
import { commandLayer, compileConfig } from '../../contract/config.ts';
import { openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import { openRegistryLog } from '../../transport/registry/registry-log.ts';
import type { Log } from '../../transport/log.ts';
import { startWeir } from '../e2e/weir-command.ts';
import { ownershipOut, rawOut, workload } from '../fixtures/enricher-messages.ts';
import { FakeRegistry } from '../fixtures/fake-registry.ts';
import { type KafkaCluster, startKafka } from '../servers/kafka.ts';
import { installPython } from '../servers/python.ts';

const SCRIPT = fileURLToPath(new URL('../../docs/examples/consume.py', import.meta.url));
const schemaFile = (topic: string): string => fileURLToPath(new URL(`../../schemas/${topic}.avsc`, import.meta.url));
const S = 1_000_000;
const FLOWS = 7;
const BATCHES = 3;

let kafka: KafkaCluster;
let registry: FakeRegistry;
const folder = mkdtempSync(join(tmpdir(), 'weir-python-'));

before(async () => {
  kafka = await startKafka();
  registry = await FakeRegistry.start();
});
after(async () => {
  await kafka.stop();
  await registry.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Topics of a prefix with three batches of seven flows, one of them twice, brought through by the stages. */
async function world(t: TestContext, prefix: string, more: readonly string[]): Promise<void> {
  const bare = await openKafkaLog({ brokers: kafka.addresses() });
  const config = compileConfig([commandLayer({ 'transport.topicPrefix': prefix, 'transport.flowTopic': true })]);
  await bare.ensureTopics(topicSpecs(config, 1));
  const isFramed = more.length > 0;
  const deadLettersTopic = `${prefix}dead-letters.v1`;
  const log = isFramed ? await openRegistryLog(bare, { url: registry.url, userInfo: '', deadLettersTopic }) : bare;
  t.after(() => log.close());
  const claim = { addr: '10.0.0.9', who: workload('server'), from: 5 * S };
  await log.produce(`${prefix}ownership.v1`, 0, [
    ownershipOut({ seq: 0, kind: 'full', asOf: 10 * S, claims: [claim] }),
    ownershipOut({ seq: 1, kind: 'asOf', asOf: 60 * S }),
  ]);
  const batches = Array.from({ length: BATCHES }, (_, n) => {
    const flows = Array.from({ length: FLOWS }, (_, i) => {
      return {
        local: '10.0.0.1',
        remote: i === 0 ? '2001:db8::9' : '10.0.0.9',
        start: 10 * S,
        end: (11 + i) * S,
        localWorkload: 0,
        bytesSent: 10 * n + i,
      };
    });
    return rawOut({ ring: 'ring-1', seq: n, first: FLOWS * n, flows, workloads: [workload('client')] });
  });
  await log.produce(`${prefix}flows.raw.v1`, 0, [...batches, batches[1]!]);
  const kind = [
    '--transport-kind',
    'kafka',
    '--transport-brokers',
    kafka.addresses().join(),
    '--transport-topic-prefix',
    prefix,
  ];
  const common = [...kind, '--metrics-listen', 'off', ...more];
  const stages = [
    startWeir(['enricher', ...common, '--enricher-hold', '1s']),
    startWeir(['sink', ...common, '--lake-uri', join(folder, prefix), '--transport-flow-topic']),
  ];
  t.after(() => stages.forEach(({ child }) => child.kill('SIGKILL')));
  await holds(bare, `${prefix}flows.v1`, BATCHES * FLOWS);
  for (const { child } of stages) child.kill('SIGTERM');
  for (const { ended } of stages) assert.equal((await ended).status, 0, (await ended).stderr);
}

async function holds(log: Log, topic: string, messages: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if ((await log.describe(topic)).partitions[0]!.end >= messages) return;
    await pause(100);
  }
  assert.fail(`${topic} does not hold ${messages} messages`);
}

async function consume(prefix: string, topic: string, more: readonly string[]): Promise<Record<string, unknown>[]> {
  const { python, packages } = await installPython();
  const args = [SCRIPT, kafka.addresses().join(), prefix + topic, schemaFile(topic), ...more];
  const env = { ...process.env, PYTHONPATH: packages };
  const { stdout } = await promisify(execFile)(python, args, { env, timeout: 60_000 });
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const numbers = Array.from({ length: BATCHES * FLOWS }, (_, i) => i);

async function checkAll(prefix: string, more: readonly string[]): Promise<void> {
  const raw = await consume(prefix, 'flows.raw.v1', more);
  assert.deepEqual(
    raw.map((flow) => flow['number']),
    numbers,
  );
  assert.deepEqual(raw[8], {
    ...{ ring: 'ring-1', number: 8, local: '10.0.0.1 40001', remote: '10.0.0.9 80', local_workload: 'client' },
    ...{ role: 'client', outcome: 'closed', bytes_sent: 11, bytes_received: 200 },
  });
  assert.equal(raw[7]!['remote'], '2001:db8::9 80');
  const enriched = await consume(prefix, 'flows.enriched.v1', more);
  assert.deepEqual(
    enriched.map((flow) => flow['number']),
    numbers,
  );
  assert.deepEqual(enriched[8], {
    ...{ ring: 'ring-1', number: 8, src: '10.0.0.1 40001', dst: '10.0.0.9 80', src_workload: 'client' },
    ...{ dst_workload: 'server', outcome: 'closed', bytes_to_dst: 11, bytes_to_src: 200 },
  });
  const rows = await consume(prefix, 'flows.v1', more);
  const distinct = new Map(rows.map((row) => [`${String(row['ring_id'])} ${String(row['flow_number'])}`, row]));
  assert.equal(distinct.size, numbers.length);
  const row = distinct.get('ring-1 8')!;
  assert.equal(row['dst_workload'], 'server');
  // A timestamp by its logical type, in UTC.
  assert.equal(row['start_time'], '1970-01-01 00:00:10+00:00');
}

test('a Python program reads every topic by the published schemas', { timeout: 110_000 }, async (t) => {
  await world(t, 'plain.', []);
  await checkAll('plain.', []);
});

test('with a registry it needs no schema but the ids', { timeout: 110_000 }, async (t) => {
  await world(t, 'framed.', ['--transport-registry', registry.url]);
  await checkAll('framed.', ['--registry', registry.url]);
});
