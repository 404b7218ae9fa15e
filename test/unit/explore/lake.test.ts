import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tablesOf } from '../../../explore/lake.ts';

describe('the tables that a statement may read', () => {
  it('are those that it names, itself or by a view', () => {
    assert.deepEqual(tablesOf('SELECT 1'), []);
    assert.deepEqual(tablesOf('select count(*) from Losses'), ['losses']);
    assert.deepEqual(tablesOf('WITH x AS (SELECT * FROM "ownership") SELECT * FROM x, flows'), ['flows', 'ownership']);
    assert.ok(tablesOf('SELECT * FROM edges').includes('flows'));
    assert.ok(!tablesOf('SELECT * FROM edges').includes('losses'));
  });

  it('are all where the statement is made up by itself, or not known', () => {
    const all = ['flows', 'losses', 'ownership'];
    assert.deepEqual(tablesOf("SELECT * FROM query('SELECT * FROM fl' || 'ows')").toSorted(), all);
    assert.deepEqual(tablesOf("FROM query_table('fl' || 'ows')").toSorted(), all);
    assert.deepEqual(tablesOf(undefined).toSorted(), all);
  });
});
