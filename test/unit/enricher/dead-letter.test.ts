import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadLetter, parseLetter } from '../../../enricher/dead-letter.ts';
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

test('a dead letter is read again with where it stood, and the headers that it came with', () => {
  const message = {
    offset: 7 as Offset,
    appendMs: 1,
    key: 'k',
    value: Uint8Array.of(1),
    headers: { 'weir-ring': 'r' },
  };
  const refusal = { offset: 7, code: 'WEIR_SCHEMA_INVALID', message: 'bad' } as const;
  const written = deadLetter(message, 'raw', 3, refusal, false);
  const stored = { offset: 20 as Offset, appendMs: 5, ...written };
  const letter = parseLetter(stored);
  assert.deepEqual([letter?.topic, letter?.partition, letter?.offset, letter?.stage], ['raw', 3, 7, 'enricher']);
  assert.deepEqual([letter?.code, letter?.why], ['WEIR_SCHEMA_INVALID', 'bad']);
  assert.deepEqual(letter?.headers, { 'weir-ring': 'r' });
  assert.match(letter?.valueLeftOut ?? '', /privacy/);
  for (const name of ['topic', 'partition', 'offset']) {
    const { [`__connect.errors.${name}`]: _, ...headers } = stored.headers;
    assert.equal(parseLetter({ ...stored, headers }), null);
  }
});
