import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Meta, OwnerRef } from '../../../watcher/objects.ts';
import { OwnerTable } from '../../../watcher/owners.ts';

const ref = (apiVersion: string, kind: string, name: string): OwnerRef => ({
  apiVersion,
  kind,
  name,
  uid: `uid-${name}`,
});
const pod = (controller: OwnerRef | null): Meta => ({
  ...{ uid: 'uid-pod', name: 'web-1-a', namespace: 'shop', createdUs: 0, labels: {} },
  controller,
});
const deployment = ref('apps/v1', 'Deployment', 'web');
const set = ref('apps/v1', 'ReplicaSet', 'web-1');

test('the chain is asked for owner by owner, up to its top', () => {
  const owners = new OwnerTable();
  assert.deepEqual(owners.chainOf(pod(set)), { missing: set, namespace: 'shop' });
  owners.learn(set.uid, deployment);
  assert.deepEqual(owners.chainOf(pod(set)), { missing: deployment, namespace: 'shop' });
  owners.learn(deployment.uid, null);
  assert.deepEqual(owners.chainOf(pod(set)), { owner: { name: 'web', kind: 'Deployment' } });
  owners.learn(deployment.uid, ref('example.com/v1', 'App', 'shop'));
  owners.learn('uid-shop', null);
  assert.deepEqual(owners.chainOf(pod(set)), { owner: { name: 'shop', kind: 'CustomResource' } });
});

test('a kind is only what its group says: somebody else’s Deployment is a custom resource', () => {
  const owners = new OwnerTable();
  const other = ref('example.com/v1', 'Deployment', 'web');
  owners.learn(other.uid, null);
  assert.deepEqual(owners.chainOf(pod(other)), { owner: { name: 'web', kind: 'CustomResource' } });
  const controller = ref('v1', 'ReplicationController', 'rc');
  owners.learn(controller.uid, null);
  assert.deepEqual(owners.chainOf(pod(controller)), { owner: { name: 'rc', kind: 'ReplicaSet' } });
});

test('a pod without a controller, or of its node, is its own', () => {
  const owners = new OwnerTable();
  assert.deepEqual(owners.chainOf(pod(null)), { owner: { name: 'web-1-a', kind: 'Pod' } });
  assert.deepEqual(owners.chainOf(pod(ref('v1', 'Node', 'n1'))), { owner: { name: 'web-1-a', kind: 'Pod' } });
});

test('owners that own each other in a circle come to an end', () => {
  const owners = new OwnerTable();
  owners.learn(set.uid, deployment);
  owners.learn(deployment.uid, set);
  assert.ok('owner' in owners.chainOf(pod(set)));
});
