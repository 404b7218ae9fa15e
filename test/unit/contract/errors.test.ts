import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_ROWS, ERRORS, type ErrorCode, fromUnknown, WeirError } from '../../../contract/errors.ts';

const codes = Object.keys(ERRORS) as ErrorCode[];

test('every code names its stage and its problem, and has one sentence', () => {
  for (const code of codes) {
    assert.match(code, /^WEIR_[A-Z]+(_[A-Z0-9]+)*$/);
    const [disposition, exit, sentence] = ERROR_ROWS[code];
    assert.ok(['retry', 'drop', 'fatal'].includes(disposition), code);
    assert.ok([1, 2, 3].includes(exit), code);
    assert.match(sentence, /^\S+ .*\.$/, code);
  }
});

test('the class takes disposition and exit status from the table', () => {
  for (const code of codes) {
    const error = new WeirError(code, 'what happened', { where: 'here' });
    assert.equal(error.disposition, ERROR_ROWS[code][0]);
    assert.equal(error.exit, ERROR_ROWS[code][1]);
    assert.deepEqual(error.context, { where: 'here' });
  }
});

test('what an edge throws is converted once and keeps its cause', () => {
  const cause = new Error('EIO');
  const error = fromUnknown(cause, 'WEIR_TRANSPORT_UNAVAILABLE', 'writing the log');
  assert.equal(error.message, 'writing the log: EIO');
  assert.equal(error.cause, cause);
  assert.equal(fromUnknown(error, 'WEIR_INTERNAL', 'again'), error);
  assert.equal(fromUnknown('text', 'WEIR_INTERNAL', 'x').message, 'x: text');
});
