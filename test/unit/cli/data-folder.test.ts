import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findDataFolder, openDataFolder } from '../../../cli/data-folder.ts';
import { type ErrorCode, WeirError } from '../../../contract/errors.ts';

const root = mkdtempSync(join(tmpdir(), 'weir-data-folder-'));
after(() => rmSync(root, { recursive: true }));

const refused = (code: ErrorCode, words: RegExp, run: () => unknown): void =>
  assert.throws(run, (error) => {
    assert.ok(error instanceof WeirError);
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  });

test('a new folder gets its marker, log and lake, and opens again', () => {
  const path = join(root, 'new', 'deep');
  const folder = openDataFolder(path);
  assert.deepEqual(JSON.parse(readFileSync(join(path, 'weir-data.json'), 'utf8')), { version: 1 });
  assert.ok(existsSync(folder.log) && existsSync(folder.lake));
  assert.deepEqual(openDataFolder(path), folder);
  assert.deepEqual(findDataFolder(path), folder);
});

test('a folder of another version or with a damaged marker is left alone', () => {
  const path = join(root, 'other');
  mkdirSync(path);
  writeFileSync(join(path, 'weir-data.json'), '{"version":7}');
  refused('WEIR_DATA_VERSION', /version 7.*reads version 1/, () => openDataFolder(path));
  refused('WEIR_DATA_VERSION', /version 7/, () => findDataFolder(path));
  writeFileSync(join(path, 'weir-data.json'), '{"vers');
  refused('WEIR_DATA_VERSION', /damaged/, () => openDataFolder(path));
  assert.equal(existsSync(join(path, 'log')), false);
});

test('a folder that holds something else is not taken', () => {
  const path = join(root, 'mine');
  mkdirSync(path);
  writeFileSync(join(path, 'thesis.txt'), 'x');
  refused('WEIR_DATA_VERSION', /not a data folder of Weir/, () => openDataFolder(path));
  assert.equal(findDataFolder(path), null);
});

test('a path that is a file is refused and named', () => {
  const path = join(root, 'file');
  writeFileSync(path, '');
  refused('WEIR_DATA_RIGHTS', /file is not a folder/, () => openDataFolder(path));
});
