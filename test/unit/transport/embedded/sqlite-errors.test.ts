import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, WeirError } from '../../../../contract/errors.ts';
import { fromAnswer, fromSqlite, isBusy, toAnswer } from '../../../../transport/embedded/sqlite-errors.ts';

const sqliteError = (errcode: number): Error => Object.assign(new Error('from SQLite'), { errcode });

test('result codes of SQLite, extended ones too, become codes of ours', () => {
  const expected: [number, ErrorCode][] = [
    [13, 'WEIR_TRANSPORT_FULL'],
    [11, 'WEIR_TRANSPORT_CORRUPT'],
    [26, 'WEIR_TRANSPORT_CORRUPT'],
    [11 | (1 << 8), 'WEIR_TRANSPORT_CORRUPT'],
    [5, 'WEIR_TRANSPORT_UNAVAILABLE'],
    [10 | (3 << 8), 'WEIR_TRANSPORT_UNAVAILABLE'],
    [8 | (4 << 8), 'WEIR_DATA_RIGHTS'],
    [14, 'WEIR_DATA_RIGHTS'],
    [1, 'WEIR_INTERNAL'],
  ];
  for (const [errcode, code] of expected) {
    const error = fromSqlite(sqliteError(errcode), '/folder/weir.sqlite');
    assert.equal(error.code, code, `result code ${errcode}`);
    assert.match(error.message, /weir\.sqlite.*from SQLite/);
  }
});

test('an error of ours stays as it is, and anything else is a defect', () => {
  const own = new WeirError('WEIR_TRANSPORT_CLOSED', 'closed');
  assert.equal(fromSqlite(own, 'p'), own);
  assert.equal(fromSqlite(new TypeError('x'), 'p').code, 'WEIR_INTERNAL');
});

test('busy and locked are worth another try, nothing else is', () => {
  assert.deepEqual(
    [5, 6, 5 | (2 << 8), 13, 10].map((code) => isBusy(sqliteError(code))),
    [true, true, true, false, false],
  );
  assert.equal(isBusy(new Error('busy')), false);
});

test('an error comes out of the worker as it went in, its cause as text', () => {
  const cause = new Error('deep');
  const back = fromAnswer(
    structuredClone(toAnswer(new WeirError('WEIR_TRANSPORT_FULL', 'full', { path: 'p' }, cause))),
  );
  assert.equal(back.code, 'WEIR_TRANSPORT_FULL');
  assert.equal(back.disposition, 'retry');
  assert.deepEqual(back.context, { path: 'p' });
  assert.ok(back.cause instanceof Error);
  assert.match(back.cause.message, /deep/);
});
