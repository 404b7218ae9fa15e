import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { batchOf } from '../fixtures/golden/arbitrary.ts';
import { CODECS } from '../fixtures/golden/codecs.ts';
import { fromAvsc, toAvsc } from '../fixtures/golden/plain.ts';

/** Rows up to here: enough to leave the padded tail, and to grow columns. */
const ROWS_MAX = 24;
/** avsc computes with the zigzag in a double, which is exact for values below 2^52 only. */
const REFERENCE_LONG_MAX = 2 ** 52 - 1;
const RUNS = { numRuns: 150 };

for (const codec of CODECS) {
  const { schema, reference } = codec;
  const batches = batchOf(schema, ROWS_MAX);
  const referenceBatches = batchOf(schema, ROWS_MAX, REFERENCE_LONG_MAX);
  const header = Buffer.from(codec.header, 'hex');

  test(`${codec.name}: what is encoded decodes to the same values`, () => {
    fc.assert(
      fc.property(batches, (plain) => {
        assert.deepEqual(codec.decode(codec.encode(plain)), plain);
      }),
      RUNS,
    );
  });

  test(`${codec.name}: what avsc encodes decodes to the same values`, () => {
    fc.assert(
      fc.property(referenceBatches, (plain) => {
        const body = reference.toBuffer(toAvsc(schema.batch, plain));
        assert.deepEqual(codec.decode(Buffer.concat([header, body])), plain);
      }),
      RUNS,
    );
  });

  test(`${codec.name}: what is encoded is byte for byte what avsc encodes, and avsc decodes it`, () => {
    fc.assert(
      fc.property(referenceBatches, (plain) => {
        const bytes = Buffer.from(codec.encode(plain));
        assert.deepEqual(fromAvsc(schema.batch, reference.fromBuffer(bytes.subarray(10))), plain);
        assert.deepEqual(bytes.subarray(10), reference.toBuffer(toAvsc(schema.batch, plain)));
      }),
      RUNS,
    );
  });

  test(`${codec.name}: columns that are used again carry nothing over`, () => {
    const into = codec.columns(0);
    fc.assert(
      fc.property(batches, (plain) => {
        assert.deepEqual(codec.decode(codec.encode(plain), into), plain);
      }),
      RUNS,
    );
  });
}
