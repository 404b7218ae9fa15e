import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadLetter } from '../../../enricher/dead-letter.ts';
import type { Offset } from '../../../transport/log.ts';

test('a dead letter is the message as it came, and says in ASCII what was wrong', () => {
  const message = {
    offset: 7 as Offset,
    appendMs: 1,
    key: 'k',
    value: Uint8Array.of(1, 2),
    headers: { 'weir-ring': 'r' },
  };
  const letter = deadLetter(message, 'raw', 3, {
    offset: 7,
    code: 'WEIR_SCHEMA_INVALID',
    message: `bad “name”\n${'x'.repeat(5000)}`,
  });
  assert.equal(letter.key, 'k');
  assert.deepEqual(letter.value, message.value);
  assert.equal(letter.headers['weir-ring'], 'r');
  assert.equal(letter.headers['__connect.errors.partition'], '3');
  assert.equal(letter.headers['__connect.errors.exception.class.name'], 'WEIR_SCHEMA_INVALID');
  for (const value of Object.values(letter.headers)) assert.match(value, /^[\x20-\x7e]{0,1000}$/);
});
