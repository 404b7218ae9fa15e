import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase, pragma } from '../../../../transport/embedded/database.ts';

test('every connection syncs each commit, writes ahead with a bound, and can give room back', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-log-'));
  const path = join(folder, 'below', 'weir.sqlite');
  try {
    openDatabase(path, 100).close();
    const database = openDatabase(path, 100);
    const settings = ['synchronous', 'auto_vacuum', 'foreign_keys', 'application_id', 'user_version'];
    assert.deepEqual(
      settings.map((name) => pragma(database, name)),
      [2, 2, 1, 0x57656972, 1],
    );
    assert.equal(database.prepare('PRAGMA journal_mode').get()?.['journal_mode'], 'wal');
    assert.equal(pragma(database, 'wal_autocheckpoint') * pragma(database, 'page_size'), 8 * 1024 * 1024);
    assert.equal(pragma(database, 'journal_size_limit'), 32 * 1024 * 1024);
    database.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
