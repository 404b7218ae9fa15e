import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText, type TextBytes } from '../../../schemas/text.ts';

const read = (bytes: Uint8Array): string =>
  readText(
    bytes,
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as unknown as TextBytes,
    0,
    bytes.length,
    'f',
  );

test('text of every length and script is read as it is, again and again', () => {
  for (let length = 0; length < 200; length += 1) {
    for (const text of ['a'.repeat(length), `${'b'.repeat(length)}ß`, `\ufeff${length}`, `\u0000${length}😀`]) {
      const bytes = new TextEncoder().encode(text);
      assert.equal(read(bytes), text);
      assert.equal(read(bytes), text);
    }
  }
});

test('texts that share a slot of the cache are kept apart', () => {
  const texts = Array.from({ length: 5000 }, (_, i) => `workload-${i}`);
  for (let round = 0; round < 2; round += 1) {
    for (const text of texts) assert.equal(read(new TextEncoder().encode(text)), text);
  }
});

test('what is not UTF-8 is invalid: a lone byte, a surrogate, an overlong form, a cut one', () => {
  for (const hex of ['ff', '61 80', 'eda080', 'c080', 'e282', 'f4908080']) {
    assert.throws(() => read(Buffer.from(hex.replace(' ', ''), 'hex')), { code: 'WEIR_SCHEMA_INVALID' }, hex);
  }
});
