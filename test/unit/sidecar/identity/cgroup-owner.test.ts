import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ownerOfCgroup, type CgroupOwner } from '../../../../sidecar/identity/cgroup-owner.ts';

interface Fixture {
  readonly what: string;
  readonly path: string;
  readonly owner: CgroupOwner;
}

const url = new URL('../../../fixtures/cgroup-paths.json', import.meta.url);
const fixtures = JSON.parse(readFileSync(url, 'utf8')) as Fixture[];

for (const { what, path, owner } of fixtures) {
  test(`the cgroup path of ${what}`, () => {
    assert.deepEqual(ownerOfCgroup(path), owner);
  });
}

test('an empty path is the root cgroup', () => {
  assert.deepEqual(ownerOfCgroup(''), { kind: 'Process' });
});

test('a directory that only looks like a pod is not one', () => {
  assert.deepEqual(ownerOfCgroup('/batch/pod7b6f2c1e-9a3d-4c58-8f0e-2d1a5b6c7d8e'), {
    kind: 'Cgroup',
    name: 'pod7b6f2c1e-9a3d-4c58-8f0e-2d1a5b6c7d8e',
  });
});
