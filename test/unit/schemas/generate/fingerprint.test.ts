import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalForm, crc64Avro } from '../../../../schemas/generate/fingerprint.ts';
import { CODECS } from '../../../fixtures/golden/codecs.ts';

test("the fingerprint of a primitive is that of Avro's own test data", () => {
  assert.equal(crc64Avro(canonicalForm('int')), 0x7275d51a3f395c8fn);
  assert.equal(crc64Avro(canonicalForm({ type: 'string' })), 0x8f014872634503c7n);
});

test('docs and own attributes do not change the canonical form', () => {
  const plain = { type: 'record', name: 'a.R', fields: [{ name: 'x', type: { type: 'array', items: 'int' } }] };
  const told = {
    doc: 'd',
    fields: [{ doc: 'd', type: { 'weir.columns': true, items: 'int', type: 'array' }, name: 'x', 'weir.index': 'y' }],
    name: 'R',
    namespace: 'a',
    type: 'record',
  };
  assert.equal(canonicalForm(told), canonicalForm(plain));
  assert.equal(
    canonicalForm(told),
    '{"name":"a.R","type":"record","fields":[{"name":"x","type":{"type":"array","items":"int"}}]}',
  );
});

for (const codec of CODECS) {
  test(`${codec.name}: the canonical form is avsc's`, () => {
    assert.equal(canonicalForm(codec.schema.json), JSON.stringify(codec.reference.schema()));
  });
}
