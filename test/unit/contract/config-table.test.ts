import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONFIG_KEYS, envName, FIELDS, flagName } from '../../../contract/config-table.ts';
import { formatValue, parseValue } from '../../../contract/config-values.ts';

test('a key has one environment variable and one flag, and no two keys share them', () => {
  assert.equal(envName('lake.flushAge'), 'WEIR_LAKE_FLUSH_AGE');
  assert.equal(flagName('lake.flushAge'), 'lake-flush-age');
  assert.equal(flagName('transport.saslUsername'), 'transport-sasl-username');
  assert.equal(new Set(CONFIG_KEYS.map(envName)).size, CONFIG_KEYS.length);
  assert.equal(new Set(CONFIG_KEYS.map(flagName)).size, CONFIG_KEYS.length);
});

test('every default is a value that its own field allows, and reads back from what is shown', () => {
  for (const key of CONFIG_KEYS) {
    const field = FIELDS[key];
    const value: unknown = field.default;
    assert.deepEqual(parseValue(field, formatValue(field, value)), { value }, key);
  }
});

test('every key has one sentence, and every number a range around its default', () => {
  for (const key of CONFIG_KEYS) {
    const field = FIELDS[key];
    assert.match(field.sentence, /^[A-Z].*\.$/, key);
    if (typeof field.default !== 'number') continue;
    assert.ok((field.min ?? NaN) <= field.default && field.default <= (field.max ?? NaN), key);
  }
});
