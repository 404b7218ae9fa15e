import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerOf, openSingleObject } from '../../../schemas/single-object.ts';
import { CODECS } from '../../fixtures/golden/codecs.ts';

test('the header is shown as hex, or as nothing where there is none', () => {
  const bytes = Buffer.from('c30141403595dc9a71f5ffff', 'hex');
  assert.equal(headerOf(bytes), 'c30141403595dc9a71f5');
  assert.equal(headerOf(bytes.subarray(0, 9)), '');
});

test('a reader stands behind its own header; another is named in the error', () => {
  const bytes = Buffer.from('c30141403595dc9a71f502', 'hex');
  assert.equal(openSingleObject(bytes, bytes.subarray(0, 10), 'a test').readLong(), 1);
  assert.throws(() => openSingleObject(bytes, new Uint8Array(10), 'a test'), {
    code: 'WEIR_SCHEMA_UNKNOWN',
    message: /c30141403595dc9a71f5/,
  });
});

test('the schemas have headers of their own', () => {
  assert.equal(new Set(CODECS.map(({ header }) => header)).size, CODECS.length);
});
