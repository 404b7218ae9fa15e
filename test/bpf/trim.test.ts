import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const TRIM = join(import.meta.dirname, '..', 'fixtures', 'trim-once.ts');

function trimmed(...flags: readonly string[]): { readonly before: number; readonly after: number } {
  const text = execFileSync(process.execPath, [...flags, TRIM], { encoding: 'utf8', timeout: 60_000 });
  return JSON.parse(text) as { before: number; after: number };
}

test('memory that is given back is resident no more, and the program goes on as before', () => {
  const { before, after } = trimmed();
  assert.ok(after < before - 15e6, `${before} to ${after} bytes`);
});

test('text that Node has moved into anonymous huge pages is left alone', () => {
  const { before, after } = trimmed('--use-largepages=silent');
  assert.ok(after <= before, `${before} to ${after} bytes`);
});
