/** Facts -> the workload that rows name. Pure. */
import type { Workload } from '../schemas/generated/common.ts';
import type { NodeFacts, PodFacts, ServiceFacts } from './objects.ts';
import type { Owner } from './owners.ts';

export interface Scope {
  readonly cluster: string;
  readonly network: string;
  /** Keys of labels that may leave the cluster. */
  readonly labels: readonly string[];
}

export function podWorkload(scope: Scope, pod: PodFacts, owner: Owner, node: NodeFacts | null): Workload {
  return {
    ...empty(scope),
    namespace: pod.namespace,
    name: owner.name,
    kind: owner.kind,
    instance: pod.name,
    instanceUid: pod.instanceUid,
    node: pod.node,
    region: node?.region ?? '',
    availabilityZone: node?.zone ?? '',
    labels: allowed(scope, pod.labels),
  };
}

export function serviceWorkload(
  scope: Scope,
  service: Pick<ServiceFacts, 'uid' | 'name' | 'namespace' | 'labels'>,
): Workload {
  const { uid, name, namespace, labels } = service;
  const named = { namespace, name, kind: 'Service', instance: name, instanceUid: uid };
  return { ...empty(scope), ...named, labels: allowed(scope, labels) };
}

export function nodeWorkload(scope: Scope, node: NodeFacts): Workload {
  const { uid, name, region, zone } = node;
  const named = { name, kind: 'Node', instance: name, instanceUid: uid, node: name };
  return { ...empty(scope), ...named, region, availabilityZone: zone, labels: allowed(scope, node.labels) };
}

const empty = ({ cluster, network }: Scope): Workload => ({
  network,
  cluster,
  namespace: '',
  name: '',
  kind: '',
  instance: '',
  instanceUid: '',
  node: '',
  region: '',
  availabilityZone: '',
  accountId: '',
  vpcId: '',
  subnetId: '',
  labels: '',
});

/** As a JSON object in the order of the allow-list; empty where none is set. */
function allowed({ labels: keys }: Scope, labels: Readonly<Record<string, string>>): string {
  const found = keys.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]]]));
  return found.length === 0 ? '' : JSON.stringify(Object.fromEntries(found));
}
