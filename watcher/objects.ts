/**
 * Kubernetes objects as the API server sends them -> what Weir needs of them. Pure. Whatever is missing or has another
 * shape is taken as not said; the API server has validated what it sends.
 * Times: the API's are whole seconds, cut; here unix us, -1 where there is none.
 */
export type Json = Readonly<Record<string, unknown>>;

/** The controlling owner of an object (`ownerReferences` with `controller: true`). */
export interface OwnerRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface Meta {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly createdUs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly controller: OwnerRef | null;
}

export interface PodFacts extends Meta {
  /** What its cgroups are called by: its UID, but for a static pod the hash of its manifest. */
  readonly instanceUid: string;
  readonly node: string;
  /** Of the node, not the pod's own: nothing of it is claimed. */
  readonly hostNetwork: boolean;
  readonly addresses: readonly string[];
  /** Succeeded or Failed: its containers have ended for good. */
  readonly ended: boolean;
  /** When the kubelet took it: it had no address before. */
  readonly startedUs: number;
  /** Since when it surely had its addresses by what its status tells, the second rounded up. */
  readonly readyUs: number;
  /** When its deletion was asked for. */
  readonly deletionAskedUs: number;
  /** When the last container ended, once none runs. */
  readonly finishedUs: number;
}

export interface ServiceFacts extends Meta {
  readonly clusterIps: readonly string[];
  /** Of load balancers, and external addresses: shared with others, so only the ports are the Service's. */
  readonly outerIps: readonly string[];
  readonly ports: readonly number[];
  readonly nodePorts: readonly number[];
}

/** Endpoints of a Service that are no pods: addresses outside, or a control plane's. */
export interface SliceFacts extends Meta {
  readonly service: string;
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}

export interface NodeFacts extends Meta {
  readonly addresses: readonly string[];
  readonly podPrefixes: readonly string[];
  readonly region: string;
  readonly zone: string;
}

const SECOND_US = 1_000_000;
const REGION = 'topology.kubernetes.io/region';
const ZONE = 'topology.kubernetes.io/zone';
const MIRROR = 'kubernetes.io/config.mirror';
const SERVICE_OF_SLICE = 'kubernetes.io/service-name';

/** Null for what has no UID: it is no object. */
export function metaOf(object: Json): Meta | null {
  const metadata = record(object['metadata']);
  const uid = text(metadata['uid']);
  if (uid === '') return null;
  const controller = records(metadata['ownerReferences']).find((owner) => owner['controller'] === true);
  return {
    uid,
    name: text(metadata['name']),
    namespace: text(metadata['namespace']),
    createdUs: timeUs(metadata['creationTimestamp']),
    labels: texts(metadata['labels']),
    controller: controller === undefined ? null : ownerOf(controller),
  };
}

function ownerOf(owner: Json): OwnerRef {
  return {
    apiVersion: text(owner['apiVersion']),
    kind: text(owner['kind']),
    name: text(owner['name']),
    uid: text(owner['uid']),
  };
}

export function podOf(object: Json): PodFacts | null {
  const meta = metaOf(object);
  if (meta === null) return null;
  const spec = record(object['spec']);
  const status = record(object['status']);
  const metadata = record(object['metadata']);
  const deletedUs = timeUs(metadata['deletionTimestamp']);
  const graceS = Number(metadata['deletionGracePeriodSeconds'] ?? 0);
  const phase = text(status['phase']);
  return {
    ...meta,
    instanceUid: text(record(metadata['annotations'])[MIRROR]) || meta.uid,
    node: text(spec['nodeName']),
    hostNetwork: spec['hostNetwork'] === true,
    addresses: distinct([text(status['podIP']), ...records(status['podIPs']).map((entry) => text(entry['ip']))]),
    ended: phase === 'Succeeded' || phase === 'Failed',
    startedUs: timeUs(status['startTime']),
    readyUs: readyUs(status),
    deletionAskedUs: deletedUs < 0 ? -1 : deletedUs - graceS * SECOND_US,
    finishedUs: finishedUs(status),
  };
}

/** The sandbox has its network, or a container runs: both come after the address. */
function readyUs(status: Json): number {
  const times = records(status['conditions'])
    .filter((condition) => condition['type'] === 'PodReadyToStartContainers' && condition['status'] === 'True')
    .map((condition) => timeUs(condition['lastTransitionTime']));
  for (const container of containers(status)) {
    const state = record(container['state']);
    times.push(timeUs(record(state['running'])['startedAt']), timeUs(record(state['terminated'])['startedAt']));
  }
  const known = times.filter((time) => time >= 0);
  return known.length === 0 ? -1 : Math.min(...known) + SECOND_US;
}

function finishedUs(status: Json): number {
  let latest = -1;
  for (const container of containers(status)) {
    const state = record(container['state']);
    if ('running' in state) return -1;
    latest = Math.max(latest, timeUs(record(state['terminated'])['finishedAt']));
  }
  return latest;
}

/** Init containers ended before the others began, but for side cars, which end after. */
const containers = (status: Json): Json[] => [
  ...records(status['initContainerStatuses']),
  ...records(status['containerStatuses']),
];

export function serviceOf(object: Json): ServiceFacts | null {
  const meta = metaOf(object);
  if (meta === null) return null;
  const spec = record(object['spec']);
  const ports = records(spec['ports']).filter(isTcp);
  const ingress = records(record(record(object['status'])['loadBalancer'])['ingress']);
  // In mode Proxy the address is the proxy's; traffic does not come by it (KEP-1860).
  const balancers = ingress.filter((entry) => text(entry['ipMode']) !== 'Proxy').map((entry) => text(entry['ip']));
  return {
    ...meta,
    clusterIps: distinct([text(spec['clusterIP']), ...list(spec['clusterIPs'])]).filter((ip) => ip !== 'None'),
    outerIps: distinct([...list(spec['externalIPs']), ...balancers]),
    ports: ports.map((port) => Number(port['port'])).filter(isPort),
    nodePorts: ports.map((port) => Number(port['nodePort'])).filter(isPort),
  };
}

export function sliceOf(object: Json): SliceFacts | null {
  const meta = metaOf(object);
  if (meta === null || object['addressType'] === 'FQDN') return null;
  const outside = records(object['endpoints']).filter(
    (endpoint) =>
      text(record(endpoint['targetRef'])['kind']) !== 'Pod' && record(endpoint['conditions'])['ready'] !== false,
  );
  return {
    ...meta,
    service: meta.labels[SERVICE_OF_SLICE] ?? '',
    addresses: distinct(outside.flatMap((endpoint) => list(endpoint['addresses']))),
    ports: records(object['ports'])
      .filter(isTcp)
      .map((port) => Number(port['port']))
      .filter(isPort),
  };
}

export function nodeOf(object: Json): NodeFacts | null {
  const meta = metaOf(object);
  if (meta === null) return null;
  const spec = record(object['spec']);
  const addresses = records(record(object['status'])['addresses']).filter(
    ({ type }) => type === 'InternalIP' || type === 'ExternalIP',
  );
  return {
    ...meta,
    addresses: distinct(addresses.map((entry) => text(entry['address']))),
    podPrefixes: distinct([text(spec['podCIDR']), ...list(spec['podCIDRs'])]),
    region: meta.labels[REGION] ?? '',
    zone: meta.labels[ZONE] ?? '',
  };
}

/** `2026-11-24T23:51:47Z`, possibly with a fraction, as us; -1 where there is none. */
export function timeUs(value: unknown): number {
  if (typeof value !== 'string') return -1;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? -1 : ms * 1000;
}

const record = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const records = (value: unknown): Json[] => (Array.isArray(value) ? value.map(record) : []);
/** A string, empty for anything else. */
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);
const texts = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(record(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
const distinct = (values: readonly string[]): string[] => [...new Set(values)].filter((value) => value !== '');
const isTcp = (port: Json): boolean => (text(port['protocol']) || 'TCP') === 'TCP';
const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65_536;
