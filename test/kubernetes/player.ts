/** Plays scheduler, controllers and kubelet against a real API server, with the times that they would write. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { KubeServer } from '../servers/kube.ts';

export const NAMESPACE = 'shop';
const MERGE = 'application/strategic-merge-patch+json';

export interface Ref {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface PodSpec {
  readonly owner?: Ref;
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly hostNetwork?: boolean;
  readonly graceS?: number;
}

/** As the API writes it: whole seconds, cut. */
const iso = (atMs: number = Date.now()): string => new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');

export class Player {
  readonly #server: KubeServer;

  constructor(server: KubeServer) {
    this.#server = server;
  }

  /** Fails on any status but 2xx. */
  async make(path: string, body: object): Promise<Ref> {
    const { status, body: made } = await this.#server.call('POST', path, body);
    assert.ok(status >= 200 && status < 300, `POST ${path}: ${status} ${JSON.stringify(made)}`);
    const metadata = made['metadata'] as { name: string; uid: string };
    return {
      apiVersion: String(made['apiVersion']),
      kind: String(made['kind']),
      name: metadata.name,
      uid: metadata.uid,
    };
  }

  async patch(path: string, body: object): Promise<void> {
    const { status, body: said } = await this.#server.call('PATCH', path, body, MERGE);
    assert.equal(status, 200, `PATCH ${path}: ${JSON.stringify(said)}`);
  }

  async namespace(): Promise<void> {
    await this.make('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  }

  async node(name: string, address: string, podCIDR: string): Promise<void> {
    const labels = { 'topology.kubernetes.io/region': 'r1', 'topology.kubernetes.io/zone': 'r1a' };
    await this.make('/api/v1/nodes', { metadata: { name, labels }, spec: { podCIDR } });
    await this.patch(`/api/v1/nodes/${name}/status`, { status: { addresses: [{ type: 'InternalIP', address }] } });
  }

  /** Of apps/v1: Deployment, ReplicaSet, StatefulSet, DaemonSet. */
  async app(kind: string, name: string, owner?: Ref): Promise<Ref> {
    const labels = { app: name };
    const spec = {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'image' }] } },
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
    };
    const body = { metadata: { name, ...owned(owner) }, spec };
    return this.make(`/apis/apps/v1/namespaces/${NAMESPACE}/${kind.toLowerCase()}s`, body);
  }

  async cronJob(name: string): Promise<Ref> {
    const jobTemplate = { spec: jobSpec() };
    const body = { metadata: { name }, spec: { schedule: '0 3 * * *', jobTemplate } };
    return this.make(`/apis/batch/v1/namespaces/${NAMESPACE}/cronjobs`, body);
  }

  async job(name: string, owner?: Ref): Promise<Ref> {
    const body = { metadata: { name, ...owned(owner) }, spec: jobSpec() };
    return this.make(`/apis/batch/v1/namespaces/${NAMESPACE}/jobs`, body);
  }

  async pod(
    name: string,
    { owner, node = 'node-a', labels = {}, hostNetwork = false, graceS = 30 }: PodSpec,
  ): Promise<Ref> {
    const spec = {
      nodeName: node,
      hostNetwork,
      terminationGracePeriodSeconds: graceS,
      containers: [{ name: 'main', image: 'image' }],
    };
    const made = await this.make(`/api/v1/namespaces/${NAMESPACE}/pods`, {
      metadata: { name, labels, ...owned(owner) },
      spec,
    });
    return { ...made, apiVersion: 'v1', kind: 'Pod' };
  }

  /** The kubelet has given it an address and started its container. */
  async run(name: string, address: string): Promise<void> {
    const now = iso();
    const ready = { type: 'PodReadyToStartContainers', status: 'True', lastTransitionTime: now };
    await this.#status(name, {
      phase: 'Running',
      startTime: now,
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [ready],
      containerStatuses: [container({ running: { startedAt: now } })],
    });
  }

  /** Its container has ended; the pod stays. */
  async finish(name: string, phase: 'Succeeded' | 'Failed'): Promise<void> {
    const exitCode = phase === 'Succeeded' ? 0 : 1;
    const terminated = { exitCode, reason: 'Completed', startedAt: iso(), finishedAt: iso() };
    await this.#status(name, { phase, containerStatuses: [container({ terminated })] });
  }

  /** kubectl delete: the pod terminates, and is there until the kubelet says that it is gone. */
  async askToEnd(name: string): Promise<void> {
    await this.#delete(`/api/v1/namespaces/${NAMESPACE}/pods/${name}`);
  }

  /** The kubelet: its containers have ended, it is gone. */
  async end(name: string): Promise<void> {
    await this.finish(name, 'Succeeded');
    await this.remove(name);
  }

  /** Gone from the API at once, whatever runs. */
  async remove(name: string): Promise<void> {
    await this.#delete(`/api/v1/namespaces/${NAMESPACE}/pods/${name}?gracePeriodSeconds=0`);
  }

  async service(name: string, spec: object, ingress: readonly string[] = []): Promise<Ref> {
    const path = `/api/v1/namespaces/${NAMESPACE}/services`;
    const made = await this.make(path, { metadata: { name }, spec });
    const status = { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } };
    if (ingress.length > 0) await this.patch(`${path}/${name}/status`, { status });
    return made;
  }

  async clusterIp(name: string): Promise<string> {
    const { body } = await this.#server.call('GET', `/api/v1/namespaces/${NAMESPACE}/services/${name}`);
    return (body['spec'] as { clusterIP: string }).clusterIP;
  }

  /** A kind of its own, and one of it. */
  async custom(kind: string, name: string): Promise<Ref> {
    const plural = `${kind.toLowerCase()}s`;
    const group = 'weir.test';
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    await this.make('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural, singular: kind.toLowerCase(), kind },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    const path = `/apis/${group}/v1/namespaces/${NAMESPACE}/${plural}`;
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await this.#server.call('GET', path)).status === 200) break;
      await pause(100);
    }
    return this.make(path, { apiVersion: `${group}/v1`, kind, metadata: { name } });
  }

  async #status(name: string, status: object): Promise<void> {
    await this.patch(`/api/v1/namespaces/${NAMESPACE}/pods/${name}/status`, { status });
  }

  async #delete(path: string): Promise<void> {
    const { status } = await this.#server.call('DELETE', path);
    assert.equal(status, 200, `DELETE ${path}`);
  }
}

const owned = (owner: Ref | undefined): object =>
  owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] };

const jobSpec = (): object => ({
  template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'image' }] } },
});

const container = (state: object): object => ({
  name: 'main',
  image: 'image',
  imageID: '',
  ready: true,
  restartCount: 0,
  state,
});
