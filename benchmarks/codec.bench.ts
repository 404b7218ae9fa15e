/**
 * Avro rows to columns and back, beside avsc on the same bytes. 64 different batches: with one, the branch predictor
 * learns its thousand rows by heart.
 */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type avro from 'avsc';
import { OwnershipHistory } from '../enricher/ownership/history.ts';
import { Enricher } from '../enricher/enrich.ts';
import {
  decodeEnrichedBatch,
  type EnrichedBatch,
  EnrichedFlowColumns,
  encodeEnrichedBatch,
} from '../schemas/generated/flows-enriched-v1.ts';
import { decodeRawBatch, encodeRawBatch, type RawBatch, RawFlowColumns } from '../schemas/generated/flows-raw-v1.ts';
import { CODECS } from '../test/fixtures/golden/codecs.ts';
import { enrichedOf } from './enriched.ts';
import { AS_OF_US, fleetOf, ownershipOf, rawBatchesOf } from './fleet.ts';
import { type Benchmark, compare, type Figure, Hash, type Outcome, rate, type Size, type Timing } from './harness.ts';

/** facts: 9.0 M/s decoding and 2.5 M/s encoding rows of 19 columns; within a factor of two, by column. */
const FACTS_COLUMNS = 19;
const DECODE_NS_COLUMN_MAX = (2 * 1000) / 9 / FACTS_COLUMNS;
const ENCODE_NS_COLUMN_MAX = (2 * 1000) / 2.5 / FACTS_COLUMNS;
const HEADER_BYTES = 10;

export const benchmark: Benchmark = {
  name: 'codec',
  what: 'Avro rows to columns and back, beside avsc',
  run,
};

interface Subject<B extends { flows: { length: number } }> {
  readonly name: string;
  readonly batches: readonly B[];
  readonly encode: (batch: B) => Uint8Array;
  /** Into columns that are used again, as in the pipeline. */
  readonly decode: (bytes: Uint8Array) => B;
  readonly reference: avro.Type;
  readonly columns: number;
}

async function run(size: Size): Promise<Outcome> {
  const { batches, rows } = size === 'full' ? { batches: 64, rows: 1000 } : { batches: 2, rows: 50 };
  const fleet = fleetOf({ addresses: size === 'full' ? 10_000 : 200, skew: 'zipf' });
  const raw = rawBatchesOf(fleet, batches, rows);
  const history = new OwnershipHistory();
  for (const message of ownershipOf(fleet)) history.apply(message, AS_OF_US / 1000);
  const enriched = raw.map((batch): EnrichedBatch => decodeEnrichedBatch(enrichedOf(new Enricher(history), [batch])));
  const intoRaw = new RawFlowColumns(rows);
  const intoEnriched = new EnrichedFlowColumns(rows);
  const hash = new Hash();
  const figures = [
    ...(await timed<RawBatch>(size, hash, {
      name: 'raw',
      batches: raw,
      encode: encodeRawBatch,
      decode: (bytes) => decodeRawBatch(bytes, intoRaw),
      ...reference('flows.raw.v1'),
    })),
    ...(await timed<EnrichedBatch>(size, hash, {
      name: 'enriched',
      batches: enriched,
      encode: encodeEnrichedBatch,
      decode: (bytes) => decodeEnrichedBatch(bytes, intoEnriched),
      ...reference('flows.enriched.v1'),
    })),
  ];
  return { figures, hash: hash.toString() };
}

function reference(name: string): { reference: avro.Type; columns: number } {
  const codec = CODECS.find((candidate) => candidate.name === name);
  assert.ok(codec);
  return { reference: codec.reference, columns: codec.schema.rows.fields.length };
}

async function timed<B extends { flows: { length: number } }>(
  size: Size,
  hash: Hash,
  { name, batches, encode, decode, reference: avsc, columns }: Subject<B>,
): Promise<Figure[]> {
  const encoded = batches.map((batch) => Buffer.from(encode(batch)));
  const bodies = encoded.map((bytes) => bytes.subarray(HEADER_BYTES));
  const objects = bodies.map((body) => avsc.fromBuffer(body) as unknown);
  for (const [i, batch] of batches.entries()) {
    assert.ok(avsc.toBuffer(objects[i]).equals(bodies[i]!), `${name}: the bytes are avsc's`);
    assert.ok(Buffer.from(encode(decode(encoded[i]!))).equals(encoded[i]!), `${name}: decoded and encoded, the same`);
    assert.ok(isDeepStrictEqual(decode(encoded[i]!).flows.length, batch.flows.length));
    hash.add(encoded[i]!.length).add(encoded[i]!.toString('hex'));
  }
  const rows = batches.reduce((sum, batch) => sum + batch.flows.length, 0);
  const bytes = encoded.reduce((sum, { length }) => sum + length, 0);
  const over = (each: (i: number) => unknown) => (): number => {
    for (let i = 0; i < batches.length; i++) each(i);
    return rows;
  };
  const [decoding, avscDecoding, encoding, avscEncoding] = (await compare(size, [
    { name: 'decode', run: over((i) => decode(encoded[i]!)) },
    { name: 'avsc decode', run: over((i) => avsc.fromBuffer(bodies[i]!)) },
    { name: 'encode', run: over((i) => encode(batches[i]!)) },
    { name: 'avsc encode', run: over((i) => avsc.toBuffer(objects[i])) },
  ])) as [Timing, Timing, Timing, Timing];
  const a = (what: string, ns: number, most: number): Figure => {
    const goal = { atMost: most, from: 'twice facts/hotpath.md section 1, by column' };
    return { what: `${name}: ${what} a column`, value: ns / columns, unit: 'CPU-ns a value', goal };
  };
  return [
    rate(`${name}: decode ${columns} columns`, decoding),
    rate(`${name}: the same by avsc`, avscDecoding),
    { what: `${name}: decode, times avsc`, value: avscDecoding.ns / decoding.ns, unit: 'x' },
    a('decode', decoding.ns, DECODE_NS_COLUMN_MAX),
    rate(`${name}: encode ${columns} columns`, encoding),
    rate(`${name}: the same by avsc`, avscEncoding),
    { what: `${name}: encode, times avsc`, value: avscEncoding.ns / encoding.ns, unit: 'x' },
    a('encode', encoding.ns, ENCODE_NS_COLUMN_MAX),
    { what: `${name}: size`, value: bytes / rows, unit: 'bytes a flow' },
  ];
}
