import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readConfigFile } from '../../../cli/config-file.ts';
import { WeirError } from '../../../contract/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-config-file-'));
after(() => rmSync(folder, { recursive: true }));

const refused = async (text: string | null, words: RegExp): Promise<void> => {
  const path = join(folder, text === null ? 'gone.yaml' : 'weir.yaml');
  if (text !== null) writeFileSync(path, text);
  await assert.rejects(readConfigFile(path), (error) => {
    assert.ok(error instanceof WeirError && error.code === 'WEIR_CONFIG_UNREADABLE');
    assert.match(error.message, words);
    return true;
  });
};

test('YAML is read as plain values', async () => {
  const path = join(folder, 'good.yaml');
  writeFileSync(path, 'cluster: east\nlake:\n  flushAge: 5s\n  flushRows: 10\n');
  const { document } = await readConfigFile(path);
  assert.deepEqual(document, { cluster: 'east', lake: { flushAge: '5s', flushRows: 10 } });
});

test('a file that is missing, no YAML, or explodes by aliases is unreadable, with its line', async () => {
  await refused(null, /gone\.yaml cannot be read: ENOENT/);
  await refused('cluster: a\nlake: [1, 2\n', /weir\.yaml:\d+: not YAML/);
  await refused('cluster: a\ncluster: b\n', /weir\.yaml:2: not YAML .*unique/);
  const level = (name: string, of: string): string => `${name}: &${name} [${Array(9).fill(`*${of}`).join(',')}]`;
  const bomb = ['a: &a [x,x,x]', level('b', 'a'), level('c', 'b'), level('d', 'c'), level('e', 'd')];
  await refused(bomb.join('\n'), /alias/);
});
