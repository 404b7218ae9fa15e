import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateAll } from '../../../../schemas/generate/files.ts';
import { ROOT } from '../../../fixtures/golden/codecs.ts';

const files = generateAll(ROOT);

test('everything generated is what the sources generate now', () => {
  for (const [path, text] of files) {
    assert.equal(readFileSync(join(ROOT, path), 'utf8'), text, `${path} is stale: run npm run generate`);
  }
});

test('nothing lies in schemas/generated that is not generated', () => {
  const found = readdirSync(join(ROOT, 'schemas/generated'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
  assert.deepEqual(
    found.filter((path) => !files.has(path)),
    [],
  );
});
