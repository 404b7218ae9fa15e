import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeBuffer } from '../../../../transport/kafka/free-buffer.ts';

test('a large buffer of its own is freed at once, and its views are empty', () => {
  const buffer = Buffer.alloc(1 << 20, 7);
  const view = buffer.subarray(10, 20);
  freeBuffer(view);
  assert.equal(buffer.length, 0);
  assert.equal(view.length, 0);
});

test('what lies in the pool beside others is left alone', () => {
  const small = Buffer.from('beside others');
  const other = Buffer.from('another');
  freeBuffer(small);
  assert.equal(small.toString(), 'beside others');
  assert.equal(other.toString(), 'another');
});

test('shared memory is left alone', () => {
  const shared = Buffer.from(new SharedArrayBuffer(1 << 20));
  freeBuffer(shared);
  assert.equal(shared.length, 1 << 20);
});
