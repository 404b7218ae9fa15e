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

test('a folder of a newer version is left alone, and what reads it is named', () => {
  const path = join(root, 'newer');
  mkdirSync(path);
  writeFileSync(join(path, 'weir-data.json'), '{"version":7}');
  const words = /version 7, and this Weir reads version 1; run the newer Weir .*weir --version.* --data/;
  refused('WEIR_DATA_VERSION', words, () => openDataFolder(path));
  refused('WEIR_DATA_VERSION', words, () => findDataFolder(path));
  assert.equal(existsSync(join(path, 'log')), false);
});

test('a folder with a damaged marker is left alone, until its marker is taken away', () => {
  const path = join(root, 'damaged');
  mkdirSync(join(path, 'lake', '_chain'), { recursive: true });
  for (const text of ['{"vers', '{}', '{"version":0}', '{"version":"1"}', 'null']) {
    writeFileSync(join(path, 'weir-data.json'), text);
    refused('WEIR_DATA_VERSION', /damaged weir-data\.json; .*rm weir-data\.json/, () => openDataFolder(path));
    refused('WEIR_DATA_VERSION', /damaged/, () => findDataFolder(path));
  }
  rmSync(join(path, 'weir-data.json'));
  assert.deepEqual(openDataFolder(path), findDataFolder(path));
});

test('log and lake from before they had a marker are read as they are, and marked when they are opened to write', () => {
  const path = join(root, 'unmarked');
  mkdirSync(join(path, 'lake', '_chain'), { recursive: true });
  mkdirSync(join(path, 'log'));
  const folder = findDataFolder(path);
  assert.equal(folder?.path, path);
  assert.equal(existsSync(join(path, 'weir-data.json')), false);
  assert.deepEqual(openDataFolder(path), folder);
  assert.deepEqual(JSON.parse(readFileSync(join(path, 'weir-data.json'), 'utf8')), { version: 1 });
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
