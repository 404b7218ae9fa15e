/** Bad input of a fleet, at the level of processes: one line and status 3 where a stage cannot go on, a dead letter where it can. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { topicSpecs } from '../../cli/topics.ts';
import { commandLayer, compileConfig } from '../../contract/config.ts';
import { openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import { HEADER, type Log, type OutgoingMessage } from '../../transport/log.ts';
import { type Ended, startWeir, weir } from '../e2e/weir-command.ts';
import { ownershipOut, rawOut, workload } from '../fixtures/enricher-messages.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';
import { type KafkaCluster, startKafka } from '../servers/kafka.ts';
import { KAFKA_USERS } from '../servers/kafka-config.ts';

const S = 1_000_000;
const TOPIC_RESOURCE = 2;
const folder = mkdtempSync(join(tmpdir(), 'weir-bad-fleet-'));
let kafka: KafkaCluster;
let log: Log;
/** They wait long before they give up: meanwhile the other tests run. */
let slow: Promise<readonly [unknown: Ended, registry: Ended]>;

before(async () => {
  kafka = await startKafka({ secure: true });
  log = await openKafkaLog({ brokers: kafka.addresses() });
  slow = Promise.all([
    stage('enricher', on('weir.', ['127.0.0.1:1'])),
    stage('enricher', [...on('weir.'), '--transport-registry', 'http://127.0.0.1:1/apis/ccompat/v7']),
  ]);
});
after(async () => {
  await log.close();
  await kafka.stop();
  rmSync(folder, { recursive: true, force: true });
});

const makeTopics = (prefix: string): Promise<void> =>
  log.ensureTopics(topicSpecs(compileConfig([commandLayer({ 'transport.topicPrefix': prefix })]), 1));

const on = (prefix: string, brokers = kafka.addresses()): string[] => [
  ...['--transport-kind', 'kafka', '--transport-brokers', brokers.join(), '--transport-topic-prefix', prefix],
];
const stage = (name: string, flags: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
  startWeir([name, ...flags, '--metrics-listen', 'off', '--log-level', 'error', '--log-format', 'text'], {
    env: { ...process.env, ...env },
  }).ended;

function expectError({ status, stderr }: Ended, code: string, says: RegExp): void {
  const lines = stderr.split('\n').filter((line) => line !== '');
  assert.equal(lines.length, 1, stderr);
  assert.ok(lines[0]?.startsWith(`${code}: `), stderr);
  assert.match(stderr, says);
  assert.equal(status, 3, stderr);
}

const user = (name: 'weir' | 'guest', password: string): [string[], Record<string, string>] => [
  ['--transport-sasl', 'plain', '--transport-sasl-username', name],
  { WEIR_TRANSPORT_SASL_PASSWORD: password },
];

test('credentials, rights and topics that do not fit: one line, status 3', {
  timeout: 110_000,
}, async () => {
  await makeTopics('weir.');
  await makeTopics('twin.');
  await log.ensureTopics([
    {
      name: 'odd.flows.enriched.v1',
      partitions: 2,
      retentionMs: null,
      retentionBytes: null,
      messageBytesMax: 3_686_400,
    },
  ]);
  await log.ensureTopics(
    topicSpecs(compileConfig([commandLayer({ 'transport.topicPrefix': 'odd.' })]), 1).filter(
      ({ name }) => !name.includes('enriched'),
    ),
  );
  const [wrong, wrongEnv] = user('weir', 'geheim-und-falsch');
  const [guest, guestEnv] = user('guest', KAFKA_USERS.guest);
  const lake = ['--lake-uri', join(folder, 'unused')];
  const [credentials, rights, rightsOfSink, odd, missing, noFlows] = await Promise.all([
    stage('enricher', [...on('weir.', kafka.addresses('saslPlain')), ...wrong], wrongEnv),
    stage('enricher', [...on('weir.', kafka.addresses('saslPlain')), ...guest], guestEnv),
    stage('sink', [...on('weir.', kafka.addresses('saslPlain')), ...guest, ...lake], guestEnv),
    stage('enricher', on('odd.')),
    stage('sink', [...on('nothing.'), ...lake]),
    stage('sink', [...on('weir.'), ...lake, '--transport-flow-topic']),
  ]);
  expectError(credentials, 'WEIR_TRANSPORT_CREDENTIALS', /./);
  assert.doesNotMatch(credentials.stderr, /geheim/);
  expectError(rights, 'WEIR_TRANSPORT_RIGHTS', /weir\.(ownership|flows\.raw|flows\.enriched|dead-letters)\.v1/);
  expectError(rightsOfSink, 'WEIR_TRANSPORT_RIGHTS', /weir\.(ownership|flows\.enriched)\.v1/);
  expectError(
    odd,
    'WEIR_TRANSPORT_TOPIC_MISMATCH',
    /odd\.flows\.raw\.v1 has 1 partitions and odd\.flows\.enriched\.v1 2/,
  );
  expectError(missing, 'WEIR_TRANSPORT_UNKNOWN_TOPIC', /nothing\.(ownership|flows\.enriched)\.v1/);
  expectError(noFlows, 'WEIR_TRANSPORT_UNKNOWN_TOPIC', /weir\.flows\.v1/);
});

test('a bucket that ignores the condition, or refuses: one line, status 3', { timeout: 60_000 }, async (t) => {
  await makeTopics('s3.');
  const ignoring = await serve(t, (request, held) => {
    if (request.method === 'PUT') held.set(request.url, request.body);
    return [200, request.method === 'GET' ? (held.get(request.url.split('?')[0]!) ?? '') : ''];
  });
  const refusing = await serve(t, () => [
    403,
    '<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
  ]);
  const flags = (endpoint: string): string[] => [
    ...on('s3.'),
    '--lake-uri',
    's3://bucket/lake',
    '--lake-endpoint',
    endpoint,
    '--lake-path-style',
  ];
  const env = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'geheim', WEIR_LAKE_CACHE: join(folder, 'cache') };
  const [condition, rights] = await Promise.all([
    stage('sink', flags(ignoring), env),
    stage('sink', flags(refusing), env),
  ]);
  expectError(condition, 'WEIR_SINK_STORE_CONDITION', /bucket/);
  expectError(rights, 'WEIR_SINK_STORE_RIGHTS', /bucket/);
  assert.doesNotMatch(condition.stderr + rights.stderr, /geheim/);
});

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

/** An HTTP server of a test; its address. */
async function serve(
  t: TestContext,
  answer: (asked: Asked, held: Map<string, string>) => [number, string],
): Promise<string> {
  const held = new Map<string, string>();
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '' } = request;
      const [status, body] = answer({ method, url, body: Buffer.concat(chunks).toString('latin1') }, held);
      response.writeHead(status).end(Buffer.from(body, 'latin1'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const flow = { local: '10.0.0.1', remote: '10.0.0.9', start: 10 * S, end: 11 * S, localWorkload: 0 };
const batch = (first: number, ring = 'ring-1') =>
  rawOut({ ring, seq: first, first, flows: [flow, flow], workloads: [workload('client')] });

/** Zigzag varint of Avro. */
function long(value: number): number[] {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}
const text = (value: string): number[] => [...long(value.length), ...Buffer.from(value)];

/** Each with the code that refuses it. All but the last two tell their range in the headers. */
function badMessages(): [code: string, OutgoingMessage][] {
  const good = batch(0);
  const header = [...good.value.subarray(0, 10)];
  const upTo = [
    ...header,
    ...text('c'),
    ...text('net'),
    ...text('n1'),
    ...text('ring-1'),
    ...long(0),
    ...long(0),
    ...long(2),
  ];
  const claimed = Uint8Array.from([...header, ...long(2 ** 31 - 1), 65]);
  const many = Uint8Array.from([...upTo, ...long(2 ** 31 - 1), 65]);
  const other = ownershipOut({ seq: 0, kind: 'asOf', asOf: S }).value;
  const as = (first: number, value: Uint8Array): OutgoingMessage => ({ ...batch(first), value });
  return [
    ['WEIR_SCHEMA_TRUNCATED', as(2, new Uint8Array(0))],
    ['WEIR_SCHEMA_TOO_LARGE', as(4, claimed)],
    ['WEIR_SCHEMA_TOO_LARGE', as(6, many)],
    ['WEIR_SCHEMA_UNKNOWN', as(8, other)],
    ['WEIR_ENRICHER_RANGE_INVALID', { ...batch(12), headers: batch(10).headers }],
    // A header that names an absurd end: nobody's range; and a stream that begins at 2^41.
    [
      'WEIR_ENRICHER_RANGE_INVALID',
      { ...batch(12), headers: { ...batch(12).headers, [HEADER.next]: String(2 ** 50) } },
    ],
    ['WEIR_SINK_RANGE_INVALID', batch(2 ** 41, 'ring-forged')],
  ];
}

test('messages of 0 bytes, of a claimed 2 GB, of another schema or codec, and forged numbers are dead letters; the stream goes on', {
  timeout: 110_000,
}, async (t) => {
  const prefix = 'bad.';
  await makeTopics(prefix);
  const raw = `${prefix}flows.raw.v1`;
  const claim = { addr: '10.0.0.9', who: workload('server'), from: 5 * S };
  await log.produce(`${prefix}ownership.v1`, 0, [
    { key: null, value: new Uint8Array(0), headers: {} },
    ownershipOut({ seq: 0, kind: 'full', asOf: 10 * S, claims: [claim] }),
    ownershipOut({ seq: 1, kind: 'asOf', asOf: 60 * S }),
  ]);
  const bad = badMessages();
  await log.produce(raw, 0, [batch(0)]);
  for (const [, message] of bad) await log.produce(raw, 0, [message]);
  await withCodec(raw, 'lz4', () =>
    log.produce(raw, 0, [{ key: null, value: Buffer.from('flow '.repeat(1000)), headers: {} }]),
  );
  await log.produce(raw, 0, [batch(12), batch(14)]);
  const lake = join(folder, 'lake');
  const reading = [...on(prefix), '--lake-uri', lake];
  const stages = [
    startWeir(['enricher', ...on(prefix), '--metrics-listen', 'off', '--enricher-hold', '1s']),
    startWeir(['sink', ...reading, '--metrics-listen', 'off', '--lake-flush-age', '200ms']),
  ];
  t.after(() => stages.forEach(({ child }) => child.kill('SIGKILL')));
  // Seven, the foreign codec, and the sink's of the ownership topic.
  await holds(`${prefix}dead-letters.v1`, bad.length + 2);
  await holdsRows(lake, 6);
  for (const { child } of stages) child.kill('SIGTERM');
  for (const { ended } of stages) assert.equal((await ended).status, 0, (await ended).stderr);

  const listed = await weir('dead-letters', 'list', ...reading, '--format', 'json');
  const letters = listed.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const codes = letters.filter((row) => row['topic'] !== `${prefix}ownership.v1`).map((row) => String(row['code']));
  assert.deepEqual(codes.sort(), [...bad.map(([code]) => code), 'WEIR_SCHEMA_UNKNOWN'].sort());
  const told = letters.filter((row) => row['lake'] === 'told').map((row) => row['flows']);
  assert.deepEqual(told, [2, 2, 2, 2, 2], 'those whose headers name their range');
  const rows = (await readLakeTable(lake, 'flows')).flatMap((file) => file.rows);
  assert.deepEqual(
    rows.map((row) => Number(row['flow_number'])).sort((a, b) => a - b),
    [0, 1, 12, 13, 14, 15],
  );
  const verified = await weir('verify', ...reading);
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  assert.match(verified.stdout, /6 flows in rows, 10 told as lost/);

  const other = await stage('sink', [...reading, '--lake-format', 'avro']);
  expectError(other, 'WEIR_SINK_FORMAT', /parquet/i);
});

test('brokers and a registry that are not there: one line, status 3', { timeout: 60_000 }, async () => {
  const [unknown, registry] = await slow;
  expectError(unknown, 'WEIR_TRANSPORT_UNREACHABLE', /no broker of 127\.0\.0\.1:1 answers/);
  expectError(registry, 'WEIR_TRANSPORT_REGISTRY_UNREACHABLE', /http:\/\/127\.0\.0\.1:1/);
});

async function withCodec(topic: string, codec: string, produce: () => Promise<unknown>): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: kafka.addresses(), logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: TOPIC_RESOURCE, name: topic }],
    });
    const kept = resources[0]!.configEntries
      .filter(({ isDefault, configName }) => !isDefault && configName !== 'compression.type')
      .map(({ configName: name, configValue: value }) => ({ name, value }));
    const set = (value: string): Promise<unknown> =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          { type: TOPIC_RESOURCE, name: topic, configEntries: [...kept, { name: 'compression.type', value }] },
        ],
      });
    await set(codec);
    await produce();
    await set('producer');
  } finally {
    await admin.disconnect();
  }
}

async function holds(topic: string, messages: number): Promise<void> {
  let end = 0;
  for (let tries = 0; tries < 300; tries++) {
    end = (await log.describe(topic)).partitions[0]!.end;
    if (end >= messages) return;
    await pause(100);
  }
  assert.fail(`${topic} holds ${end} of ${messages} messages`);
}

async function holdsRows(lake: string, rows: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (existsSync(join(lake, 'flows'))) {
      const files = await readLakeTable(lake, 'flows', ['flow_number']);
      if (files.reduce((sum, file) => sum + file.rows.length, 0) >= rows) return;
    }
    await pause(100);
  }
  assert.fail(`${lake} does not hold ${rows} rows`);
}
