/**
 * Mutates golden bytes: each either decodes or is refused with a WEIR_SCHEMA_* code; nothing else, no hang, no growth.
 * WEIR_FUZZ_CASES: cases in all (100000); WEIR_FUZZ_SEED: an integer; a failure prints the seed and the bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeirError } from '../../contract/errors.ts';
import { CODECS, type Codec } from '../fixtures/golden/codecs.ts';
import { goldenFiles } from '../fixtures/golden/files.ts';
import { fromAvsc, type Plain } from '../fixtures/golden/plain.ts';

const CASES = Math.ceil(Number(process.env['WEIR_FUZZ_CASES'] ?? 100_000) / CODECS.length);
const SEED = Number(process.env['WEIR_FUZZ_SEED'] ?? Date.now() % 0x7fff_ffff) | 1;
const HEADER_BYTES = 10;
/** A case takes some 20 us; one that takes this long hangs. */
const CASE_MS_MAX = 2_000;
const HEAP_BYTES_MAX = 256 * 1024 * 1024;

/** Varints at and past every bound: lengths, counts and indices are made of these. */
const EXTREMES: readonly Uint8Array[] = [
  '00',
  '01',
  '7f',
  '8000',
  'ffff03',
  'feffffff0f',
  'ffffffff0f',
  '8080808010',
  'ffffffffffffff0f',
  'feffffffffffff1f',
  'ffffffffffffff1f',
  '8080808080808020',
  'feffffffffffffffff01',
  'ffffffffffffffffff01',
  'ffffffffffffffffff02',
  '80808080808080808000',
  'ffffffffffffffffffff01',
  '80'.repeat(40),
  'ff'.repeat(40),
].map((hex) => new Uint8Array(Buffer.from(hex, 'hex')));

class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  /** 0 <= n < bound, by xorshift32. */
  below(bound: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % bound;
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** One mutation behind the header (of the header once in a while). */
function mutate(random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const from = random.below(50) === 0 ? 0 : HEADER_BYTES;
  const at = from + random.below(Math.max(1, bytes.length - from));
  switch (random.below(7)) {
    case 0: {
      const out = bytes.slice();
      if (at < out.length) out[at]! ^= 1 << random.below(8);
      return out;
    }
    case 1:
      return bytes.slice(0, at);
    case 2:
      return joined(bytes.subarray(0, at), Uint8Array.of(random.below(256)), bytes.subarray(at));
    case 3: {
      const other = others[random.below(others.length)]!;
      return joined(bytes.subarray(0, at), other.subarray(random.below(other.length)));
    }
    case 4: {
      const extreme = EXTREMES[random.below(EXTREMES.length)]!;
      return joined(bytes.subarray(0, at), extreme, bytes.subarray(at + random.below(2) * extreme.length));
    }
    case 5:
      return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(16)));
    default: {
      const out = bytes.slice();
      if (at < out.length) out[at] = random.below(256);
      return out;
    }
  }
}

function attempt(codec: Codec, bytes: Uint8Array, into: ReturnType<Codec['columns']>): string {
  try {
    codec.decodeOnly(bytes, into);
    return 'decoded';
  } catch (error) {
    if (error instanceof WeirError && error.code.startsWith('WEIR_SCHEMA_')) return error.code;
    const hex = Buffer.from(bytes).toString('hex');
    throw new Error(`${codec.name}, seed ${SEED}: not a WEIR_SCHEMA_* error for ${hex}`, { cause: error });
  }
}

/** avsc is not exact from 2^52 on. */
function isExact(plain: Plain): boolean {
  if (typeof plain === 'number') return Math.abs(plain) < 2 ** 52;
  return typeof plain !== 'object' || Object.values(plain).every(isExact);
}

/** What is still accepted has the values that the reference reads. */
function compare(codec: Codec, bytes: Uint8Array): void {
  const plain = codec.decode(bytes);
  if (!isExact(plain)) return;
  const reference = fromAvsc(codec.schema.batch, codec.reference.fromBuffer(Buffer.from(bytes.subarray(HEADER_BYTES))));
  assert.deepEqual(plain, reference, `seed ${SEED}: ${Buffer.from(bytes).toString('hex')}`);
}

for (const codec of CODECS) {
  test(`${codec.name}: ${CASES} mutations of golden files are decoded or refused`, (t) => {
    const seeds = goldenFiles(codec.name).map(({ bytes }) => bytes);
    const random = new Random(SEED);
    const into = codec.columns(0);
    const seen = new Map<string, number>();
    for (let i = 0; i < CASES; i += 1) {
      let bytes = seeds[random.below(seeds.length)]!;
      for (let n = random.below(3); n >= 0; n -= 1) bytes = mutate(random, bytes, seeds);
      const from = performance.now();
      const result = attempt(codec, bytes, into);
      assert.ok(performance.now() - from < CASE_MS_MAX, `seed ${SEED}: ${Buffer.from(bytes).toString('hex')} hangs`);
      if (result === 'decoded') compare(codec, bytes);
      seen.set(result, (seen.get(result) ?? 0) + 1);
    }
    t.diagnostic(`seed ${SEED}: ${[...seen].map(([result, count]) => `${result} ${count}`).join(', ')}`);
    assert.ok(into.capacity < 1024, `columns grew to ${into.capacity} rows for inputs of a few KB`);
    assert.ok(process.memoryUsage().heapUsed < HEAP_BYTES_MAX);
    for (const code of ['decoded', 'WEIR_SCHEMA_TRUNCATED', 'WEIR_SCHEMA_INVALID', 'WEIR_SCHEMA_OVERLONG']) {
      assert.ok((seen.get(code) ?? 0) > 0, `seed ${SEED}: no case ended in ${code}, so the mutations are too weak`);
    }
  });
}
