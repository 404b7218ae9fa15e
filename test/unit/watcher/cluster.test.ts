import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Method } from '../../../schemas/generated/common.ts';
import { Cluster } from '../../../watcher/cluster.ts';
import { NODE_PORT_CLAIMS_MAX } from '../../../watcher/node-ports.ts';
import type { Json } from '../../../watcher/objects.ts';

const S = 1_000_000;
const T = Date.parse('2026-01-01T00:00:00Z') * 1000;
/** Seconds after T, as the API writes them. */
const iso = (s: number): string => new Date(T / 1000 + 1000 * s).toISOString().replace('.000Z', 'Z');
const us = (s: number): number => T + s * S;

const made = (): Cluster => new Cluster({ cluster: 'c', network: 'net', labels: ['app', 'tier'] });

interface PodParts {
  readonly metadata?: Json;
  readonly spec?: Json;
  readonly status?: Json;
}

function pod(name: string, { metadata = {}, spec = {}, status = {} }: PodParts = {}): Json {
  return {
    metadata: { uid: `uid-${name}`, name, namespace: 'shop', creationTimestamp: iso(0), ...metadata },
    spec: { nodeName: 'n1', ...spec },
    status: { phase: 'Running', podIP: '10.0.0.1', startTime: iso(1), ...status },
  };
}

const ran = (from: number, finished: number): Json => ({
  containerStatuses: [{ state: { terminated: { startedAt: iso(from), finishedAt: iso(finished) } } }],
});

/** Times in seconds after T. */
function claims(cluster: Cluster): string[] {
  const at = (time: number): string => (time < 0 ? '-' : String((time - T) / S));
  return cluster.takeChanges().claims.map(({ addr, port, method, workload, earliestUs, fromUs, toUs, latestUs }) => {
    const who = workload === null ? 'nobody' : `${workload.kind} ${workload.name}`;
    const times = [earliestUs, fromUs, toUs, latestUs].map(at).join(' ');
    return `${addr.subarray(12).join('.')}:${port} ${Object.keys(Method)[method]} ${who} ${times}`;
  });
}

test('a pod holds its address possibly from when the kubelet took it, and surely from when it was seen', () => {
  const cluster = made();
  cluster.see('pods', pod('a'), us(3.5), us(2));
  assert.deepEqual(claims(cluster), ['10.0.0.1:0 address Pod a 1 3.5 - -']);
});

test('a pod that is seen late held its address surely since its sandbox or a container was there', () => {
  const cluster = made();
  const conditions = [{ type: 'PodReadyToStartContainers', status: 'True', lastTransitionTime: iso(5) }];
  const containerStatuses = [{ state: { running: { startedAt: iso(7) } } }];
  cluster.see('pods', pod('a', { status: { conditions, containerStatuses } }), us(1000), -1);
  assert.deepEqual(claims(cluster), ['10.0.0.1:0 address Pod a 1 6 - -']);
});

test('all of its addresses, those of the node excepted', () => {
  const cluster = made();
  const podIPs = [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }];
  cluster.see('pods', pod('a', { status: { podIPs } }), us(3), us(2));
  cluster.see('pods', pod('host', { spec: { hostNetwork: true }, status: { podIP: '192.0.2.1' } }), us(3), us(2));
  const { claims: open, pods } = cluster.open();
  assert.deepEqual(
    open.map(({ addr }) => addr.at(-1)),
    [1, 2],
  );
  assert.deepEqual(
    pods.map(({ workload }) => workload.instance),
    ['a', 'host'],
  );
});

test('a pod that completed ends when its containers did, once, and is still there', () => {
  const cluster = made();
  cluster.see('pods', pod('a'), us(3), us(2));
  claims(cluster);
  const done = pod('a', { status: { phase: 'Succeeded', ...ran(2, 8) } });
  cluster.see('pods', done, us(20), us(19));
  assert.deepEqual(claims(cluster), ['10.0.0.1:0 address Pod a 1 3 8 9']);
  cluster.see('pods', done, us(30), us(29));
  cluster.goneAs('pods', done, us(39), us(40));
  assert.deepEqual(claims(cluster), []);
  assert.deepEqual(cluster.open().pods, []);
});

test('one that completed before it was ever seen is told as what it was; not one of long ago', () => {
  const cluster = made();
  cluster.see('pods', pod('a', { status: { phase: 'Failed', ...ran(2, 8) } }), us(20), -1);
  assert.deepEqual(claims(cluster), ['10.0.0.1:0 address Pod a 1 3 8 9']);
  cluster.see('pods', pod('b', { status: { phase: 'Failed', ...ran(2, 8) } }), us(5000), -1);
  assert.deepEqual(claims(cluster), []);
});

test('while it terminates it holds on; once gone it held surely until its end, or until its deletion was asked for', () => {
  const cluster = made();
  const metadata = { deletionTimestamp: iso(40), deletionGracePeriodSeconds: 30 };
  cluster.see('pods', pod('a'), us(3), us(2));
  cluster.see('pods', pod('a', { metadata }), us(10.2), us(9));
  assert.equal(claims(cluster).length, 1);
  cluster.goneAs('pods', pod('a', { metadata }), us(24), us(25));
  assert.deepEqual(claims(cluster), ['10.0.0.1:0 address Pod a 1 3 10 25']);

  cluster.see('pods', pod('b', { metadata: { uid: 'b' } }), us(3), us(2));
  claims(cluster);
  cluster.goneAs('pods', pod('b', { metadata: { uid: 'b', ...metadata }, status: ran(2, 22) }), us(24), us(25));
  assert.deepEqual(claims(cluster), ['10.0.0.1:0 address Pod b 1 3 22 23']);
});

test('one that vanished from a list was there at the last proof, and possibly until the list', () => {
  const cluster = made();
  cluster.see('pods', pod('a'), us(3), us(2));
  claims(cluster);
  cluster.gone('pods', 'uid-a', us(50), us(90));
  assert.deepEqual(claims(cluster), ['10.0.0.1:0 address Pod a 1 3 50 90']);
  cluster.gone('pods', 'uid-a', us(95), us(96));
  assert.deepEqual(claims(cluster), []);
});

test('another address ends the first when it was last seen, and an address that comes back begins anew', () => {
  const cluster = made();
  cluster.see('pods', pod('a'), us(3), us(2));
  cluster.see('pods', pod('a', { status: { podIP: '10.0.0.2' } }), us(10), us(7));
  assert.deepEqual(claims(cluster).slice(1), [
    '10.0.0.2:0 address Pod a 1 10 - -',
    '10.0.0.1:0 address Pod a 1 3 7 10',
  ]);
  cluster.see('pods', pod('a'), us(20), us(19));
  assert.deepEqual(claims(cluster)[0], '10.0.0.1:0 address Pod a 1 20 - -');
});

test('a pod waits for its owner, unseen from when it was surely absent, and keeps the owner that was found', () => {
  const cluster = made();
  const controller = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'set', controller: true };
  const owned = pod('a', { metadata: { ownerReferences: [controller] } });
  cluster.see('pods', owned, us(30), us(4));
  assert.deepEqual(claims(cluster), []);
  assert.equal(cluster.waitingSinceUs(), us(4));
  assert.deepEqual(
    cluster.takeMissing().map(({ ref }) => ref.name),
    ['web-1'],
  );
  cluster.learnOwner('set', { ...controller, kind: 'Deployment', name: 'web', uid: 'deployment' });
  assert.deepEqual(
    cluster.takeMissing().map(({ ref }) => ref.name),
    ['web'],
  );
  cluster.learnOwner('deployment', null);
  assert.equal(cluster.waitingSinceUs(), Number.POSITIVE_INFINITY);
  assert.deepEqual(claims(cluster), ['10.0.0.1:0 address Deployment web 1 30 - -']);
  // Its ReplicaSet is gone by now, and another look finds nothing of it.
  cluster.learnOwner('set', null);
  cluster.see('pods', owned, us(40), us(39));
  assert.equal(cluster.open().pods[0]?.workload.name, 'web');
});

test('a pod is named once it is on a node, by the hash of its manifest where it is a static one', () => {
  const cluster = made();
  cluster.see('pods', pod('a', { spec: { nodeName: '' }, status: { podIP: '' } }), us(1), us(0));
  assert.deepEqual(cluster.takeChanges().pods, []);
  const annotations = { 'kubernetes.io/config.mirror': '0123456789abcdef0123456789abcdef' };
  cluster.see('pods', pod('a', { metadata: { annotations } }), us(2), us(1));
  assert.equal(cluster.takeChanges().pods[0]?.workload.instanceUid, annotations['kubernetes.io/config.mirror']);
});

test('only labels of the allow-list, and the node’s region and zone, also when the node comes later', () => {
  const cluster = made();
  const labels = { app: 'web', secret: 'x' };
  cluster.see('pods', pod('a', { metadata: { labels } }), us(3), us(2));
  const zone = { 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': 'z' };
  cluster.see('nodes', { metadata: { uid: 'n', name: 'n1', labels: zone } }, us(4), us(3));
  const stated = cluster.takeChanges().pods.at(-1)?.workload;
  assert.deepEqual([stated?.labels, stated?.region, stated?.availabilityZone], ['{"app":"web"}', 'r', 'z']);
});

const service = (spec: Json, status: Json = {}): Json => ({
  metadata: { uid: 'svc', name: 'front', namespace: 'shop', creationTimestamp: iso(0) },
  spec: {
    clusterIP: '10.96.0.9',
    ports: [
      { port: 80, nodePort: 30080 },
      { port: 53, protocol: 'UDP' },
    ],
    ...spec,
  },
  status,
});
const node = (name: string, ...addresses: string[]): Json => ({
  metadata: { uid: name, name, creationTimestamp: iso(0) },
  spec: { podCIDRs: ['10.1.0.0/24'] },
  status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
});

test('a Service: its own address whole, outer ones and nodes by port, TCP alone; all ends with it', () => {
  const cluster = made();
  cluster.see('nodes', node('n1', '192.0.2.1'), us(5), us(4));
  claims(cluster);
  const ingress = [{ ip: '203.0.113.5' }, { ip: '203.0.113.6', ipMode: 'Proxy' }, { hostname: 'lb.example' }];
  cluster.see('services', service({ externalIPs: ['198.51.100.7'] }, { loadBalancer: { ingress } }), us(9), us(8));
  assert.deepEqual(claims(cluster), [
    '10.96.0.9:0 service Service front 0 1 - -',
    '198.51.100.7:80 service Service front 0 9 - -',
    '203.0.113.5:80 service Service front 0 9 - -',
    '192.0.2.1:30080 service Service front 0 9 - -',
  ]);
  cluster.see('nodes', node('n1', '192.0.2.2'), us(20), us(19));
  const moved = claims(cluster);
  assert.ok(moved.includes('192.0.2.2:30080 service Service front 0 20 - -'), String(moved));
  assert.ok(moved.includes('192.0.2.1:30080 service Service front 0 9 19 20'), String(moved));
  cluster.gone('services', 'svc', us(29), us(30));
  assert.equal(claims(cluster).length, 4);
  cluster.see('services', service({ clusterIP: 'None', ports: [] }), us(40), us(39));
  assert.deepEqual(claims(cluster), []);
});

test('a node claims its addresses, and that the addresses of its pods are the network’s', () => {
  const cluster = made();
  cluster.see('nodes', node('n1', '192.0.2.1', 'n1.example'), us(5), us(4));
  assert.deepEqual(claims(cluster), ['192.0.2.1:0 node Node n1 0 5 - -', '10.1.0.0:0 prefix nobody 0 5 - -']);
  cluster.gone('nodes', 'n1', us(8), us(9));
  assert.deepEqual(claims(cluster), ['192.0.2.1:0 node Node n1 0 5 8 9', '10.1.0.0:0 prefix nobody 0 5 8 9']);
});

test('more node ports than may be claimed are left out, and counted; when they are fewer again they are there', () => {
  const cluster = made();
  const ports = Array.from({ length: 128 }, (_, i) => ({ port: 1000 + i, nodePort: 30_000 + i }));
  const held = (): number => cluster.open().claims.filter(({ port }) => port > 0).length;
  for (let i = 0; i < 128; i += 1) cluster.see('nodes', node(`n${i}`, `192.0.2.${i}`), us(2), us(1));
  cluster.see('services', service({ ports }), us(3), us(2));
  assert.equal(held(), NODE_PORT_CLAIMS_MAX);
  cluster.see('nodes', node('one-more', '192.0.2.200'), us(4), us(3));
  assert.deepEqual([held(), cluster.nodePortsLeftOut], [0, 129 * 128]);
  cluster.gone('nodes', 'n0', us(5), us(6));
  assert.deepEqual([held(), cluster.nodePortsLeftOut], [NODE_PORT_CLAIMS_MAX, 0]);
  cluster.see('nodes', node('another', '192.0.2.201'), us(7), us(6));
  cluster.gone('services', 'svc', us(8), us(9));
  assert.deepEqual([held(), cluster.nodePortsLeftOut], [0, 0]);
});

test('endpoints that are no pods are their Service’s at its ports', () => {
  const cluster = made();
  cluster.see('pods', pod('a'), us(1), us(0));
  claims(cluster);
  const endpoints = [
    { addresses: ['10.0.0.9'], targetRef: { kind: 'Pod' } },
    { addresses: ['10.0.0.1', '198.51.100.9'] },
    { addresses: ['198.51.100.8'], conditions: { ready: false } },
  ];
  const labels = { 'kubernetes.io/service-name': 'outside' };
  const metadata = { uid: 'slice', name: 'outside-1', namespace: 'shop', labels, creationTimestamp: iso(0) };
  cluster.see('endpointslices', { metadata, addressType: 'IPv4', endpoints, ports: [{ port: 5432 }] }, us(5), us(4));
  assert.deepEqual(claims(cluster), ['198.51.100.9:5432 service Service outside 0 5 - -']);
});

test('objects of any shape are taken as saying nothing', () => {
  const cluster = made();
  const odd: Json[] = [{}, { metadata: null }, { metadata: { uid: 'x', name: 3, labels: [1] }, spec: 'x', status: [] }];
  for (const object of odd) {
    for (const kind of ['pods', 'services', 'endpointslices', 'nodes', 'replicasets', 'jobs'] as const) {
      cluster.see(kind, object, us(1), us(0));
      cluster.goneAs(kind, object, us(1), us(2));
    }
  }
  assert.deepEqual(claims(cluster), []);
});
