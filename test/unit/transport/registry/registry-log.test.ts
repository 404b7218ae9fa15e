import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { WeirError } from '../../../../contract/errors.ts';
import { silentLogger } from '../../../../contract/log.ts';
import { crc64Avro } from '../../../../schemas/generate/fingerprint.ts';
import { decodeRawBatch, RAW_BATCH_HEADER } from '../../../../schemas/generated/flows-raw-v1.ts';
import {
  CONTENT_TYPE_AVRO_CONFLUENT,
  CONTENT_TYPE_AVRO_SINGLE_OBJECT,
  HEADER,
  type Log,
  type Offset,
} from '../../../../transport/log.ts';
import { schemaOfTopic } from '../../../../transport/registry/known-schemas.ts';
import { openRegistryLog } from '../../../../transport/registry/registry-log.ts';
import { FakeRegistry } from '../../../fixtures/fake-registry.ts';
import { MemoryBroker } from '../../../fixtures/memory-log.ts';
import { rawOut } from '../../../fixtures/enricher-messages.ts';

const RAW = 'weir.flows.raw.v1';
const LETTERS = 'weir.dead-letters.v1';
const isCode =
  (code: string, says = /^/) =>
  (error: unknown): boolean =>
    error instanceof WeirError && error.code === code && says.test(error.message);
const READ = { messagesMax: 10, bytesMax: 1e7, waitMs: 0 };
const spec = (name: string) => ({ name, partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1e6 });

let registry: FakeRegistry;
let bare: Log;
let framed: Log;

before(async () => {
  registry = await FakeRegistry.start();
});
after(() => registry.stop());
beforeEach(async () => {
  registry.isAway = false;
  registry.isStrict = false;
  registry.userInfo = '';
  registry.subjects.clear();
  registry.schemas.clear();
  registry.compatibility.clear();
  registry.calls.length = 0;
  bare = new MemoryBroker().client();
  framed = await openRegistryLog(bare, { url: registry.url, userInfo: '', deadLettersTopic: LETTERS });
  await framed.ensureTopics([spec(RAW), spec(LETTERS)]);
});

const raw = () =>
  rawOut({ ring: 'r', seq: 0, first: 0, flows: [{ local: '10.0.0.1', remote: '10.0.0.2', start: 1, end: 2 }] });
const read = async (log: Log, topic = RAW) => (await log.read(topic, 0, 0 as Offset, READ)).messages;

test('what is written has the id of its schema, registered under the topic and evolving both ways', async () => {
  const message = raw();
  await framed.produce(RAW, 0, [message]);
  const [lying] = await read(bare);
  const [id] = registry.subjects.get(`${RAW}-value`)!;
  assert.deepEqual([...lying!.value.subarray(0, 5)], [0, 0, 0, 0, id]);
  assert.deepEqual(lying!.value.subarray(5), message.value.subarray(10));
  assert.equal(lying!.headers[HEADER.contentType], CONTENT_TYPE_AVRO_CONFLUENT);
  assert.equal(registry.compatibility.get(`${RAW}-value`), 'FULL_TRANSITIVE');
  assert.ok(registry.schemas.get(id!)?.includes('"RawBatch"'));
  const [again] = await read(framed);
  assert.deepEqual(again!.value, message.value);
  assert.equal(decodeRawBatch(again!.value).flows.length, 1);
});

test('the registry is asked once; while it is away, what is known goes on', async () => {
  await framed.produce(RAW, 0, [raw()]);
  const asked = registry.calls.length;
  registry.isAway = true;
  await framed.produce(RAW, 0, [raw(), raw()]);
  assert.equal((await read(framed)).length, 3);
  assert.equal(registry.calls.length, asked);
});

test('both framings are read from one topic', async () => {
  await bare.produce(RAW, 0, [raw()]);
  await framed.produce(RAW, 0, [raw()]);
  for (const { value } of await read(framed)) assert.equal(decodeRawBatch(value).ring, 'r');
});

test('an id that the registry does not know goes up as it came, and is asked for later again', async () => {
  const value = Uint8Array.of(0, 0, 0, 3, 231, 7, 7);
  await bare.produce(RAW, 0, [{ key: null, value, headers: {} }]);
  assert.deepEqual((await read(framed))[0]!.value, value);
  assert.throws(() => decodeRawBatch(value), isCode('WEIR_SCHEMA_TRUNCATED'));
  const asked = registry.calls.length;
  await read(framed);
  assert.equal(registry.calls.length, asked);
});

test("another program's schema is told by its fingerprint", async () => {
  const id = registry.add(
    'x-value',
    '{"type":"record","name":"a.B","fields":[{"name":"c","type":["null","long"],"doc":"d"}]}',
  );
  await bare.produce(RAW, 0, [{ key: null, value: Uint8Array.of(0, 0, 0, 0, id, 2, 4, 0, 0, 0), headers: {} }]);
  const [message] = await read(framed);
  const canonical = '{"name":"a.B","type":"record","fields":[{"name":"c","type":["null","long"]}]}';
  const fingerprint = Buffer.alloc(8);
  fingerprint.writeBigUInt64LE(crc64Avro(canonical));
  assert.equal(Buffer.from(message!.value).toString('hex'), `c301${fingerprint.toString('hex')}0204000000`);
  assert.throws(() => decodeRawBatch(message!.value), isCode('WEIR_SCHEMA_UNKNOWN'));
});

test('an unknown id while the registry is away is tried again, and not refused', async () => {
  await bare.produce(RAW, 0, [{ key: null, value: Uint8Array.of(0, 0, 0, 0, 99, 1), headers: {} }]);
  registry.isAway = true;
  await assert.rejects(read(framed), isCode('WEIR_TRANSPORT_UNAVAILABLE'));
  registry.isAway = false;
  assert.equal((await read(framed)).length, 1);
});

test('a dead letter has the bytes that came, in their framing', async () => {
  await framed.produce(RAW, 0, [raw()]);
  const [confluent] = await read(bare);
  const [seen] = await read(framed);
  await framed.produce(LETTERS, 0, [{ key: null, value: seen!.value, headers: seen!.headers }]);
  assert.deepEqual((await read(bare, LETTERS))[0]!.value, confluent!.value);
  const plain = { ...raw(), headers: { [HEADER.contentType]: CONTENT_TYPE_AVRO_SINGLE_OBJECT } };
  await framed.produce(LETTERS, 0, [plain]);
  assert.deepEqual((await read(bare, LETTERS))[1]!.value, plain.value);
});

test('an incompatible schema, refused credentials and a registry that is away at the start are errors of their own', async () => {
  registry.isStrict = true;
  const other = new MemoryBroker().client();
  const open = (userInfo = '', openMs = 600) =>
    openRegistryLog(other, { url: registry.url, userInfo, deadLettersTopic: LETTERS, logger: silentLogger, openMs });
  registry.subjects.clear();
  await assert.rejects(
    (await open()).ensureTopics([spec(RAW)]),
    isCode('WEIR_TRANSPORT_REGISTRY_REFUSED', /incompatible/),
  );
  registry.userInfo = 'weir:geheim';
  await assert.rejects(open('weir:falsch'), (error: unknown) => {
    assert.doesNotMatch(String(error), /falsch|geheim/);
    return isCode('WEIR_TRANSPORT_REGISTRY_REFUSED', /credentials/)(error);
  });
  await open('weir:geheim');
  registry.isAway = true;
  await assert.rejects(open('weir:geheim'), isCode('WEIR_TRANSPORT_REGISTRY_UNREACHABLE', /503/));
});

test('every topic but the dead letters has its published schema', () => {
  assert.equal(schemaOfTopic(RAW)?.header, RAW_BATCH_HEADER);
  assert.notEqual(schemaOfTopic('weir.ownership.v1'), null);
  assert.notEqual(schemaOfTopic('weir.flows.enriched.v1'), null);
  assert.equal(schemaOfTopic(LETTERS), null);
  assert.equal(schemaOfTopic('other'), null);
});
