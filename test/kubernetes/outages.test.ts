/** Whatever becomes of the API server, nothing is said to be gone that is there, and nothing is vouched for unseen. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { KubeServer, WATCHER_TOKEN } from '../servers/kube.ts';
import { Player, type Ref } from './player.ts';
import { until, Watched } from './watched.ts';

const RESOURCES = ['pods', 'nodes', 'services', 'endpointslices', 'replicasets'];
const ROLE = '/apis/rbac.authorization.k8s.io/v1/clusterroles';

let server: KubeServer;
let player: Player;
let watched: Watched;
let web: Ref;

const rules = (resources: readonly string[]): object[] =>
  resources.length === 0
    ? []
    : [{ apiGroups: ['', 'apps', 'batch', 'discovery.k8s.io'], resources, verbs: ['get', 'list', 'watch'] }];

async function grant(resources: readonly string[]): Promise<void> {
  const { status, body } = await server.call('PUT', `${ROLE}/weir`, {
    metadata: { name: 'weir' },
    rules: rules(resources),
  });
  assert.equal(status, 200, JSON.stringify(body));
}

before(async () => {
  server = await KubeServer.start();
  player = new Player(server);
  await player.namespace();
  await player.node('node-a', '192.0.2.1', '10.1.0.0/24');
  await player.make(ROLE, { metadata: { name: 'weir' }, rules: rules(RESOURCES) });
  await player.make('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'weir' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'weir' },
    subjects: [{ kind: 'User', name: 'watcher', apiGroup: 'rbac.authorization.k8s.io' }],
  });
  web = await player.app('Deployment', 'web');
  await player.pod('web-a', { owner: web });
  await player.run('web-a', '10.1.0.10');
  watched = await Watched.start(server, WATCHER_TOKEN);
});

after(async () => {
  await watched.close('outages');
  await server.close();
});

test('while a resource is forbidden nothing is published, and the log names it; once it is granted, all is', async () => {
  const isForbidden = (): boolean =>
    watched.log.some(({ fields }) => fields['code'] === 'WEIR_WATCHER_FORBIDDEN' && fields['resource'] === 'jobs');
  await until(isForbidden, 10_000, () => 'no refusal was told');
  await pause(1000);
  assert.deepEqual(watched.messages(), []);
  await grant([...RESOURCES, 'jobs', 'deployments']);
  await watched.settled();
  assert.equal(watched.ownerNow('10.1.0.10'), 'Deployment web web-a');
});

test('an account that loses its rights for a while: nothing ends, nothing is vouched for, and then it goes on', async () => {
  await grant([]);
  await pause(4_000);
  const asOfMs = watched.asOfMs();
  await pause(3_000);
  assert.equal(watched.asOfMs(), asOfMs);
  assert.equal(watched.endings(), 0);
  await grant([...RESOURCES, 'jobs', 'deployments']);
  watched.note('after the rights came back', '10.1.0.10', 80, 'Deployment web web-a');
  await watched.holdAll();
});

test('an API server that holds its connections and says nothing: nothing is vouched for', async () => {
  server.freezeApiServer();
  await pause(4_000);
  const asOfMs = watched.asOfMs();
  await pause(4_000);
  assert.equal(watched.asOfMs(), asOfMs);
  server.thawApiServer();
  watched.note('after the thaw', '10.1.0.10', 80, 'Deployment web web-a');
  await watched.holdAll();
  assert.equal(watched.endings(), 0);
});

test('an API server that is killed and started again: no address is said to be gone, flows of the outage have owners', async () => {
  await server.killApiServer();
  await pause(1_000);
  watched.note('in the outage', '10.1.0.10', 80, 'Deployment web web-a');
  const asOfMs = watched.asOfMs();
  await pause(2_000);
  assert.ok(watched.asOfMs() <= asOfMs + 1000, 'it vouched for what it could not see');
  await server.startApiServer();
  await watched.holdAll();
  assert.equal(watched.endings(), 0);
});

test('a watch that was compacted away: who went unseen ends when it was last vouched for, and the next owner begins', async () => {
  await player.pod('web-b', { owner: web });
  await player.run('web-b', '10.1.0.11');
  await watched.settled();
  const vouchedMs = watched.asOfMs();
  watched.proxy.cut();
  await pause(1_000);
  await player.remove('web-b');
  await server.compact();
  const other = await player.app('StatefulSet', 'other');
  await player.pod('other-0', { owner: other });
  await pause(2_100);
  await player.run('other-0', '10.1.0.11');
  await pause(2_100);
  await server.killApiServer();
  await server.startApiServer();
  watched.proxy.mend();
  watched.note('the next owner', '10.1.0.11', 80, 'StatefulSet other other-0');
  watched.truths.push({
    ...watched.truths.at(-1)!,
    what: 'the last one',
    atMs: vouchedMs - 1,
    owner: 'Deployment web web-b',
  });
  await watched.holdAll();
  assert.equal(watched.endings(), 1);
  assert.ok(
    watched.log.some(({ event }) => event === 'watch_expired'),
    'no watch was too old: the test does not test what it says',
  );
  assert.equal(watched.ownerNow('10.1.0.10'), 'Deployment web web-a');
});

test('a watcher that stops says goodbye, and its successor continues what it held', async () => {
  await watched.stopWatcher('watcher');
  const between = Date.now();
  await watched.startWatcher('watcher');
  await watched.settled();
  watched.truths.push({
    what: 'between two watchers',
    address: '10.1.0.10',
    port: 80,
    atMs: between,
    owner: 'Deployment web web-a',
  });
  await watched.holdAll();
});
