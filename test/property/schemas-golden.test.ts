import assert from 'node:assert/strict';
import { test } from 'node:test';
import { earlierVersions } from '../../schemas/generate/files.ts';
import { CODECS, ROOT } from '../fixtures/golden/codecs.ts';
import { goldenFiles } from '../fixtures/golden/files.ts';

for (const codec of CODECS) {
  const files = goldenFiles(codec.name);

  test(`${codec.name}: every golden file of avsc and fastavro decodes to its values`, () => {
    assert.equal(files.length, 11);
    for (const { file, bytes, expected } of files) assert.deepEqual(codec.decode(bytes), expected, file);
  });

  test(`${codec.name}: what stands in one block is encoded to the same bytes as avsc and fastavro wrote`, () => {
    for (const { file, bytes, expected } of files) {
      if (/sized|multi/.test(file)) continue;
      assert.deepEqual(Buffer.from(codec.encode(expected)), Buffer.from(bytes), file);
    }
  });

  test(`${codec.name}: a golden file in a Buffer, and at an odd offset in shared memory, decodes the same`, () => {
    const { bytes, expected } = files.find(({ file }) => file === 'typical.avsc.bin')!;
    assert.deepEqual(codec.decode(Buffer.from(bytes)), expected);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 20), 3, bytes.length);
    shared.set(bytes);
    assert.deepEqual(codec.decode(shared), expected);
  });

  const cut = files.filter(({ file }) => /^(empty|limits|typical|typical-sized)\.fastavro/.test(file));

  test(`${codec.name}: a golden file that is cut anywhere is truncated, and one with a byte more is overlong`, () => {
    for (const { file, bytes } of cut) {
      for (let length = 0; length < bytes.length; length += 1) {
        const left = bytes.subarray(0, length);
        assert.throws(() => codec.decode(left), { code: 'WEIR_SCHEMA_TRUNCATED' }, `${file} cut at ${length}`);
      }
      assert.throws(() => codec.decode(Buffer.concat([bytes, Buffer.of(0)])), { code: 'WEIR_SCHEMA_OVERLONG' }, file);
    }
  });

  for (const [i, version] of earlierVersions(ROOT, codec.name).entries()) {
    test(`${codec.name}: what version ${i + 1} wrote is read today, with empty arrays for what came since`, () => {
      const since = codec.schema.batch.fields.filter(
        ({ name }) => !version.batch.fields.some((field) => field.name === name),
      );
      const defaults = Object.fromEntries(since.map(({ name }) => [name, []]));
      const old = goldenFiles(`versions/${codec.name}/${i + 1}`);
      assert.equal(old.length, 11);
      for (const { file, bytes, expected } of old) {
        assert.deepEqual(codec.decode(bytes), { ...expected, ...defaults }, file);
      }
    });
  }

  test(`${codec.name}: bytes with another header are of an unknown schema`, () => {
    const bytes = files[0]!.bytes.slice();
    bytes[9]! ^= 1;
    assert.throws(() => codec.decode(bytes), { code: 'WEIR_SCHEMA_UNKNOWN' });
  });
}
