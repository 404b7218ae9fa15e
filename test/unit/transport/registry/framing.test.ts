import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  confluentId,
  singleObjectHeaderOf,
  toConfluent,
  toSingleObject,
} from '../../../../transport/registry/framing.ts';

const HEADER = 'c301ade79deb17f44fbc';
const VALUE = Uint8Array.from([...Buffer.from(HEADER, 'hex'), 1, 2, 3]);

test('one framing becomes the other and back, for every id', () => {
  for (const id of [0, 1, 255, 65_536, 2 ** 31, 2 ** 32 - 1]) {
    const framed = toConfluent(VALUE, id);
    assert.equal(framed.length, 8);
    assert.equal(confluentId(framed), id);
    assert.equal(singleObjectHeaderOf(framed), '');
    assert.deepEqual(toSingleObject(framed, HEADER), VALUE);
  }
  assert.equal(singleObjectHeaderOf(VALUE), HEADER);
  assert.equal(confluentId(VALUE), -1);
});

test('what is too short has neither', () => {
  for (const bytes of [[], [0], [0, 0, 0, 1], [0xc3, 0x01], [0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7]]) {
    assert.equal(confluentId(Uint8Array.from(bytes)), -1);
    assert.equal(singleObjectHeaderOf(Uint8Array.from(bytes)), '');
  }
  assert.equal(toSingleObject(Uint8Array.of(0, 0, 0, 0, 9), HEADER).length, 10);
});
