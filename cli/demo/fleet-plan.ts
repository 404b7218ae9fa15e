/** The demo's fleet: which workloads there are, on which node, with which addresses. Pure. */

export type NodeName = 'node-a' | 'node-b' | 'outside';

/** Nodes that a sidecar watches; `outside` is the rest of the world. */
export const WATCHED_NODES: readonly NodeName[] = ['node-a', 'node-b'];

export interface WorkloadPlan {
  readonly name: string;
  readonly node: NodeName;
  /** Of the network namespace; two workloads of one name share it, as two containers of a pod do. */
  readonly namespace: string;
  readonly v4: string;
  readonly v6: string;
  /** Its own service. */
  readonly port: number;
  /** First of its source ports. */
  readonly sourcePort: number;
  /** A process for each connection instead of a thread. */
  readonly forks: boolean;
}

const PREFIX_4 = '10.77';
const PREFIX_6 = 'fd77::';
const FIRST_SOURCE_PORT = 20_000;
/** Source ports of one workload: more than it makes calls, so that no tuple comes twice. */
export const SOURCE_PORTS = 20_000;

const inside = (name: string, node: NodeName, host: string, port: number, more: Partial<WorkloadPlan> = {}) => ({
  name,
  node,
  namespace: name,
  v4: `${PREFIX_4}.${host}`,
  v6: `${PREFIX_6}${host.replace('.', ':')}`,
  port,
  sourcePort: FIRST_SOURCE_PORT,
  forks: false,
  ...more,
});

const outside = (name: string, v4: string, v6: string, port: number): WorkloadPlan => ({
  ...inside(name, 'outside', '0.0', port),
  v4,
  v6,
});

export const WORKLOADS: readonly WorkloadPlan[] = [
  inside('web', 'node-a', '1.10', 80),
  inside('checkout', 'node-a', '1.11', 8443),
  inside('cache-blue', 'node-a', '1.12', 6379),
  inside('batch', 'node-a', '1.13', 9999),
  inside('catalog', 'node-b', '2.10', 8080, { namespace: 'shop' }),
  inside('payments', 'node-b', '2.10', 9090, { namespace: 'shop', sourcePort: FIRST_SOURCE_PORT + SOURCE_PORTS }),
  inside('db', 'node-b', '2.12', 5432),
  inside('cache-green', 'node-b', '2.13', 6379),
  inside('reports', 'node-b', '2.14', 7000, { forks: true }),
  outside('client', '198.51.100.20', '2001:db8:1::20', 9998),
  outside('internet', '203.0.113.10', '2001:db8:2::10', 443),
];

/** Lives in cache-blue's namespace, and in mid-run moves to cache-green's on the other node. */
export const MOVED_ADDRESS: string = `${PREFIX_4}.0.77`;
export const MOVED_FROM = 'cache-blue';
export const MOVED_TO = 'cache-green';
export const MOVED_PORT = 6379;

/** Nobody has these: nothing answers ARP for the one; frames to the other go to a MAC that nobody has. */
export const UNREACHABLE_4: string = `${PREFIX_4}.9.10`;
export const UNREACHABLE_6: string = `${PREFIX_6}9:10`;
export const SILENT_4: string = `${PREFIX_4}.9.20`;
export const SILENT_MAC = '02:00:00:00:de:ad';
/** Who calls them. */
export const CALLER_OF_NOBODY = 'batch';
/** Whose link is slow, and how slow. */
export const SLOW_WORKLOAD = 'batch';
export const SLOW_LINK = 'rate 20mbit burst 16kb latency 400ms';

export const SUBNETS: { readonly v4: string; readonly v6: string } = { v4: `${PREFIX_4}.0.0/16`, v6: `${PREFIX_6}/64` };
export const OUTSIDE_SUBNETS: readonly string[] = ['198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'];

export function workloadNamed(name: string): WorkloadPlan {
  const found = WORKLOADS.find((workload) => workload.name === name);
  if (found === undefined) throw new RangeError(`the fleet has no workload ${name}`);
  return found;
}

/** Of a demo: names of nodes tell demos apart in one lake. */
export const nodeName = (id: string, node: NodeName): string => `demo-${id}-${node}`;
