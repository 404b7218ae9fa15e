import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { gzipSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { CODEC } from '../../../../transport/kafka/codecs.ts';
import { crc32c } from '../../../../transport/kafka/crc32c.ts';
import {
  encodeBatch,
  isCrcRight,
  readBatch,
  splitBatches,
  UNREADABLE_HEADER,
} from '../../../../transport/kafka/record-batch.ts';
import type { Message, OutgoingMessage } from '../../../../transport/log.ts';

const require = createRequire(import.meta.url);
const { CompressionCodecs, CompressionTypes } = kafkajs;
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: () => Promise.reject(new Error('not asked for')),
  decompress: (bytes: Buffer) => Promise.resolve(zstdDecompressSync(bytes)),
});
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object;
const decodeByKafkajs = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages') as (
  decoder: object,
) => Promise<readonly { offset: string; key: Buffer | null; value: Buffer; headers: Record<string, Buffer> }[]>;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  readonly RecordBatch: (options: object) => Promise<{ buffer: Buffer }>;
};
const Record = require('kafkajs/src/protocol/recordBatch/record/v0') as (options: object) => object;

const NO_LIMITS = { from: 0, messagesMax: Infinity, bytesMax: Infinity, batchBytesMax: 64 << 20 };
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const COUNT_AT = 57;
const RECORDS_AT = 61;

const some: OutgoingMessage[] = [
  { key: 'cluster/node', value: Buffer.from('flow '.repeat(500)), headers: { 'weir-seq': '7', 'weir-first': '0' } },
  { key: null, value: new Uint8Array(0), headers: {} },
  { key: 'ä', value: Uint8Array.of(1, 2, 3), headers: { a: '' } },
];

const message = fc.record({
  key: fc.option(fc.string({ unit: 'grapheme' })),
  value: fc.uint8Array({ maxLength: 2000 }),
  headers: fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { noNullPrototype: true }),
});

async function readAll(bytes: Buffer, limits: Partial<typeof NO_LIMITS> = {}): Promise<Message[]> {
  const found: Message[] = [];
  for (const batch of splitBatches(bytes))
    for (const each of await readBatch(batch, { ...NO_LIMITS, ...limits })) found.push(each);
  return found;
}

const plain = (messages: readonly (OutgoingMessage | Message)[]): object[] =>
  messages.map(({ key, value, headers }) => ({ key, value: [...value], headers: { ...headers } }));

/** A batch with its checksum made right again. */
function resealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
  return batch;
}

test('messages come back as they were given, and the checksum is right', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 20 }), async (messages) => {
      const batch = await encodeBatch(messages, 1_700_000_000_000);
      const [split] = splitBatches(batch);
      assert.ok(split !== undefined && isCrcRight(split));
      assert.deepEqual(plain(await readAll(batch)), plain(messages));
    }),
    { numRuns: 50, examples: [[[{ key: null, value: new Uint8Array(0), headers: { ['__proto__']: 'x' } }]]] },
  );
});

/** As it stands in a fetch answer. */
function sized(batch: Buffer): object {
  const bytes = Buffer.concat([Buffer.alloc(4), batch]);
  bytes.writeInt32BE(batch.length, 0);
  return new Decoder(bytes);
}

test('kafkajs reads what we write, compressed and not', async () => {
  for (const [messages, codec] of [
    [some, CODEC.zstd],
    [some.slice(1), CODEC.none],
  ] as const) {
    const batch = await encodeBatch(messages, 1_700_000_000_000);
    assert.equal(batch.readInt16BE(ATTRIBUTES_AT) & 7, codec);
    const found = await decodeByKafkajs(sized(batch));
    assert.deepEqual(
      found.map((each) => [each.key?.toString() ?? null, [...each.value]]),
      messages.map((each) => [each.key, [...each.value]]),
    );
  }
});

test('we read what kafkajs writes', async () => {
  const records = [
    Record({ offsetDelta: 0, timestampDelta: 0, key: 'k', value: Buffer.from('v'), headers: { h: 'x' } }),
    Record({ offsetDelta: 1, timestampDelta: 5, key: null, value: Buffer.from('w'), headers: {} }),
  ];
  const { buffer } = await RecordBatch({
    firstTimestamp: 1000,
    maxTimestamp: 1005,
    lastOffsetDelta: 1,
    records,
    producerId: -1,
    producerEpoch: 0,
    firstSequence: 0,
  });
  const found = await readAll(buffer);
  assert.deepEqual(
    found.map((each) => [each.offset, each.appendMs, each.key, Buffer.from(each.value).toString(), each.headers]),
    [
      [0, 1000, 'k', 'v', { h: 'x' }],
      [1, 1005, null, 'w', {}],
    ],
  );
});

test('130,000 records: the decoder of kafkajs throws, ours reads them', async () => {
  const tiny: OutgoingMessage = { key: null, value: new Uint8Array(0), headers: {} };
  const batch = await encodeBatch(
    Array.from({ length: 130_000 }, () => tiny),
    0,
  );
  assert.equal((await readAll(batch)).length, 130_000);
  await assert.rejects(decodeByKafkajs(sized(batch)), RangeError);
});

test('a spoilt bit is told by the checksum, which kafkajs does not look at', async () => {
  const batch = await encodeBatch([{ key: null, value: Buffer.from('abcdef'), headers: {} }], 0);
  batch[batch.length - 3] = (batch[batch.length - 3] ?? 0) ^ 1;
  const [split] = splitBatches(batch);
  assert.ok(split !== undefined && !isCrcRight(split));
  assert.equal((await decodeByKafkajs(sized(batch))).length, 1, 'handed on, spoilt');
});

test('a cut batch at the end is left out, and those before it are read', async () => {
  const batch = await encodeBatch(some, 0);
  for (let cut = 1; cut < batch.length; cut += 7) {
    const bytes = Buffer.concat([batch, batch.subarray(0, batch.length - cut)]);
    assert.equal(splitBatches(bytes).length, 1);
  }
});

test('offsets below the one asked for are skipped, and the limits are kept', async () => {
  const batch = await encodeBatch(
    Array.from({ length: 10 }, (_, index) => ({ key: null, value: new Uint8Array(100).fill(index), headers: {} })),
    0,
  );
  batch.writeBigInt64BE(500n, 0);
  const offsets = async (limits: Partial<typeof NO_LIMITS>): Promise<number[]> =>
    (await readAll(batch, limits)).map((each) => each.offset);
  assert.deepEqual(await offsets({ from: 507 }), [507, 508, 509]);
  assert.deepEqual(await offsets({ from: 502, messagesMax: 2 }), [502, 503]);
  assert.deepEqual(await offsets({ from: 502, bytesMax: 1 }), [502]);
  assert.deepEqual(await offsets({ from: 502, bytesMax: 350 }), [502, 503, 504]);
  assert.deepEqual(await offsets({ from: 510 }), []);
});

test('what cannot be read is one message of the whole batch at its last offset, and says why', async () => {
  const batch = await encodeBatch(some.slice(0, 1), 0);
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(batch);
    change(bytes);
    return resealed(bytes);
  };
  const cases: readonly [Buffer, RegExp, object?][] = [
    [changed((bytes) => bytes.writeInt16BE(CODEC.snappy, ATTRIBUTES_AT)), /compressed by snappy/],
    [changed((bytes) => bytes.writeInt16BE(7, ATTRIBUTES_AT)), /codec 7/],
    [changed((bytes) => bytes.writeInt16BE(CODEC.gzip, ATTRIBUTES_AT)), /incorrect header check/],
    [changed((bytes) => bytes.writeInt8(1, 16)), /magic 1/],
    [changed((bytes) => bytes.writeInt32BE(2 ** 31 - 1, COUNT_AT)), /2147483647 records/],
    [changed((bytes) => bytes.writeInt32BE(-1, COUNT_AT)), /-1 records/],
    [Buffer.from(batch), /larger than 100 bytes/, { batchBytesMax: 100 }],
  ];
  for (const [bytes, why, limits] of cases) {
    const [found, ...more] = await readAll(bytes, limits);
    assert.match(found?.headers[UNREADABLE_HEADER] ?? 'it was read', why);
    assert.deepEqual([...(found?.value ?? [])], [...bytes]);
    assert.equal(more.length, 0);
  }
});

test('garbage in place of records never throws, loops or gives offsets below the one asked for', async () => {
  const head = (await encodeBatch(some.slice(2), 0)).subarray(0, RECORDS_AT);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(30), async (garbage, count) => {
      const bytes = Buffer.concat([head, garbage]);
      bytes.writeInt32BE(bytes.length - 12, 8);
      bytes.writeInt32BE(count, COUNT_AT);
      for (const found of await readAll(resealed(bytes), { from: 0 })) assert.ok(found.offset >= 0);
    }),
  );
});

test('Kafka itself writes control records; they are not messages', async () => {
  const batch = await encodeBatch(some, 0);
  batch.writeInt16BE(batch.readInt16BE(ATTRIBUTES_AT) | 0x20, ATTRIBUTES_AT);
  assert.deepEqual(await readAll(resealed(batch)), []);
});

test('gzip of a foreign producer is read', async () => {
  const batch = await encodeBatch(some.slice(2), 0);
  const packed = Buffer.concat([batch.subarray(0, RECORDS_AT), gzipSync(batch.subarray(RECORDS_AT))]);
  packed.writeInt32BE(packed.length - 12, 8);
  packed.writeInt16BE(CODEC.gzip, ATTRIBUTES_AT);
  assert.deepEqual(plain(await readAll(resealed(packed))), plain(some.slice(2)));
});
