import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cgroupName,
  idOfCgroup,
  idOfNamespace,
  isDemoAlive,
  namespaceName,
  ownDemoId,
} from '../../../../cli/demo/demo-id.ts';

test('names tell the demo that they belong to, and nothing else is taken for one', () => {
  const id = ownDemoId();
  assert.equal(idOfCgroup(cgroupName(id)), id);
  assert.equal(idOfNamespace(namespaceName(id, 'cache-blue')), id);
  for (const name of ['weir-demo', 'weir-demo-1', 'user.slice', 'weir-demo-1-2-3'])
    assert.equal(idOfCgroup(name), null);
  for (const name of ['weir-1-web', 'weir-1-2', 'cni-1-2-web', 'weir-x-2-web']) assert.equal(idOfNamespace(name), null);
});

test('a demo lives as long as its process, and another one under the same pid is not it', () => {
  assert.equal(isDemoAlive(ownDemoId()), true);
  assert.equal(isDemoAlive(`${process.pid}-1`), false);
  assert.equal(
    isDemoAlive('77-500', () => '500'),
    true,
  );
  assert.equal(
    isDemoAlive('77-500', () => '501'),
    false,
  );
  assert.equal(
    isDemoAlive('77-500', () => null),
    false,
  );
});
