/** Flows against every instant of a cluster's life get the right owner, or none; the streams become a fixture. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { workload } from '../fixtures/enricher-messages.ts';
import { ask, CLUSTER, NETWORK } from '../fixtures/kube/owner-question.ts';
import { ADMIN_TOKEN, KubeServer } from '../servers/kube.ts';
import { Player, type Ref } from './player.ts';
import { Watched } from './watched.ts';

/** Longer than the API's seconds: what lies this far apart in time it can tell apart. */
const SECONDS_MS = 2_100;

let server: KubeServer;
let player: Player;
let watched: Watched;

before(async () => {
  server = await KubeServer.start();
  player = new Player(server);
  await player.namespace();
  await player.node('node-a', '192.0.2.1', '10.1.0.0/24');
  await player.node('node-b', '192.0.2.2', '10.1.1.0/24');
  watched = await Watched.start(server, ADMIN_TOKEN);
  await watched.settled();
});

after(async () => {
  await watched.close('attribution');
  await server.close();
});

/** A pod with an address, from when it is used on; noted as the address's owner. */
async function running(name: string, owner: Ref, address: string, says: string): Promise<void> {
  await player.pod(name, { owner, labels: { app: 'web' } });
  await player.run(name, address);
  await pause(100);
  watched.note(`${name} has just begun`, address, 80, `${says} ${name}`, { method: 'address', namespace: 'shop' });
}

test('a rolling update: each address is the pod that had it then, of the Deployment above its ReplicaSet', async () => {
  const web = await player.app('Deployment', 'web');
  const old = await player.app('ReplicaSet', 'web-1', web);
  await running('web-1-a', old, '10.1.0.10', 'Deployment web');
  await running('web-1-b', old, '10.1.0.11', 'Deployment web');
  await pause(SECONDS_MS);
  const next = await player.app('ReplicaSet', 'web-2', web);
  await running('web-2-c', next, '10.1.0.12', 'Deployment web');
  await player.askToEnd('web-1-a');
  await pause(SECONDS_MS);
  watched.note('web-1-a drains', '10.1.0.10', 80, 'Deployment web web-1-a');
  await player.end('web-1-a');
  await pause(SECONDS_MS);
  watched.note('nobody has it', '10.1.0.10', 80, null);
  await pause(SECONDS_MS);
  await running('web-2-d', next, '10.1.0.10', 'Deployment web');
  await watched.holdAll();
  const answer = ask(watched.history(), '10.1.0.10', 80, watched.asOfMs() - 1);
  assert.equal(answer.workload?.availabilityZone, 'r1a');
  assert.equal(answer.workload?.labels, '{"app":"web"}');
});

test('an address that is taken from a pod by force is the next one’s from then on', async () => {
  const api = await player.app('StatefulSet', 'api');
  watched.note('before it is taken', '10.1.0.11', 80, 'Deployment web web-1-b');
  await player.remove('web-1-b');
  await pause(SECONDS_MS);
  await running('api-0', api, '10.1.0.11', 'StatefulSet api');
  await watched.holdAll();
});

test('a Job that completed holds its address no longer, though its pod is still there', async () => {
  const nightly = await player.cronJob('nightly');
  const job = await player.job('nightly-1', nightly);
  await running('nightly-1-x', job, '10.1.0.20', 'CronJob nightly');
  await pause(SECONDS_MS);
  watched.note('the Job works', '10.1.0.20', 80, 'CronJob nightly nightly-1-x');
  await pause(SECONDS_MS);
  await player.finish('nightly-1-x', 'Succeeded');
  await pause(SECONDS_MS);
  watched.note('the Job is done', '10.1.0.20', 80, null);
  await pause(SECONDS_MS);
  const alone = await player.job('once');
  await running('once-y', alone, '10.1.0.20', 'Job once');
  await watched.holdAll();
});

test('a pod of the host network claims no address of the node, and its UID has its name', async () => {
  const agent = await player.app('DaemonSet', 'agent');
  const pod = await player.pod('agent-a', { owner: agent, hostNetwork: true });
  await player.run('agent-a', '192.0.2.1');
  watched.note('the node', '192.0.2.1', 4240, 'Node node-a node-a', { method: 'node' });
  await watched.holdAll();
  const bare = workload(pod.uid, {
    cluster: CLUSTER,
    network: NETWORK,
    kind: 'Pod',
    instance: pod.uid,
    instanceUid: pod.uid,
  });
  const { client } = ask(watched.history(), '10.1.0.12', 80, watched.asOfMs() - 1, bare);
  assert.deepEqual([client.kind, client.name, client.instance], ['DaemonSet', 'agent', 'agent-a']);
});

test('what a custom resource owns is the custom resource, by way of ReplicaSet or StatefulSet', async () => {
  const rollout = await player.custom('Rollout', 'canary');
  const set = await player.app('ReplicaSet', 'canary-1', rollout);
  await running('canary-1-a', set, '10.1.0.30', 'CustomResource canary');
  const stateful = await player.app('StatefulSet', 'store', rollout);
  await running('store-0', stateful, '10.1.0.31', 'CustomResource canary');
  await player.pod('lonely', {});
  await player.run('lonely', '10.1.0.32');
  await pause(100);
  watched.note('a pod of its own', '10.1.0.32', 80, 'Pod lonely lonely');
  await watched.holdAll();
});

test('Services are known by their own address, by the nodes’ ports, and by an outer address only at their ports', async () => {
  const ports = [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30_080 }];
  const service = { type: 'LoadBalancer', selector: { app: 'web' }, ports, externalIPs: ['198.51.100.7'] };
  await player.service('front', service, ['203.0.113.5']);
  const bare = { metadata: { name: 'outside' }, spec: { ports: [{ name: 'sql', port: 5432 }] } };
  await player.make('/api/v1/namespaces/shop/services', bare);
  await player.make('/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices', {
    metadata: { name: 'outside-1', labels: { 'kubernetes.io/service-name': 'outside' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['198.51.100.99'] }],
    ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
  });
  await pause(200);
  const front = { owner: 'Service front front', method: 'service', namespace: 'shop' };
  watched.note('its own address', await player.clusterIp('front'), 80, front.owner, front);
  watched.note('a node’s port', '192.0.2.2', 30_080, front.owner, front);
  watched.note('another port of that node', '192.0.2.2', 22, 'Node node-b node-b', { method: 'node' });
  watched.note('the load balancer', '203.0.113.5', 80, front.owner, front);
  watched.note('an external address', '198.51.100.7', 80, front.owner, front);
  watched.note('another port of the load balancer', '203.0.113.5', 81, null);
  watched.note('an endpoint outside', '198.51.100.99', 5432, 'Service outside outside', { method: 'service' });
  await watched.holdAll();
  const answer = ask(watched.history(), '192.0.2.2', 30_080, watched.asOfMs() - 1);
  assert.equal(answer.service, 'front');
});

test('a second watcher beside the first, and the end of the first, change no answer', async () => {
  await watched.startWatcher('watcher-2');
  await watched.settled();
  watched.note('two watchers', '10.1.0.12', 80, 'Deployment web web-2-c');
  await watched.holdAll();
  await watched.stopWatcher('watcher');
  watched.note('the second alone', '10.1.0.12', 80, 'Deployment web web-2-c');
  await watched.holdAll();
  assert.deepEqual(
    watched.log.filter(({ event }) => event === 'watch_failed'),
    [],
  );
});
