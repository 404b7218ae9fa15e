import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CgroupTree } from '../../../../sidecar/host/cgroup-tree.ts';

const mount = mkdtempSync(join(tmpdir(), 'weir-cgroup-'));
after(() => rmSync(mount, { recursive: true }));

function cgroup(path: string, pids: readonly number[]): number {
  mkdirSync(join(mount, path), { recursive: true });
  writeFileSync(join(mount, path, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''));
  return statSync(join(mount, path)).ino;
}

const root = cgroup('/', [1]);
const checkout = cgroup('/demo/node-a/checkout', [10, 0, 11]);
const other = cgroup('/demo/node-b/db', [20]);

test('the watched subtree is walked with its processes, by the folder’s inode', () => {
  const tree = new CgroupTree(mount, `${mount}/demo/node-a`);
  assert.equal(tree.wholeMachine, false);
  const folders = [...tree.walk()];
  assert.deepEqual(
    folders.map(({ path, pids }) => [path, pids]),
    [
      ['/demo/node-a', []],
      ['/demo/node-a/checkout', [10, 11]],
    ],
  );
  assert.equal(tree.pathOf(checkout), '/demo/node-a/checkout');
  assert.equal(tree.pathOf(other), undefined);
});

test('paths outside the subtree are learned when asked for, and the root is /', () => {
  const tree = new CgroupTree(mount, `${mount}/demo/node-a`);
  tree.learnAll();
  assert.equal(tree.pathOf(other), '/demo/node-b/db');
  assert.equal(tree.pathOf(root), '/');
});

test('a path is learned from a process only when it is that cgroup’s', () => {
  const tree = new CgroupTree(mount, mount);
  assert.equal(tree.wholeMachine, true);
  assert.equal(tree.learn(other, '/demo/node-a/checkout'), false);
  assert.equal(tree.learn(other, '/demo/none'), false);
  assert.equal(tree.learn(other, '/demo/node-b/db'), true);
  assert.equal(tree.pathOf(other), '/demo/node-b/db');
});

test('the path of a cgroup that is gone is kept for its last flows', () => {
  const tree = new CgroupTree(mount, mount);
  const gone = cgroup('/batch', [30]);
  assert.equal([...tree.walk()].length, 7);
  rmSync(join(mount, 'batch'), { recursive: true });
  assert.equal([...tree.walk()].length, 6);
  assert.equal(tree.pathOf(gone), '/batch');
});
