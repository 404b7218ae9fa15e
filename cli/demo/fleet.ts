/**
 * The fleet on this machine: a network namespace and a cgroup for each workload, one bridge in a namespace of its own that
 * joins them. Nothing is made or changed in the host's own namespace.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '../../contract/errors.ts';
import { cgroupName, namespaceName } from './demo-id.ts';
import {
  CALLER_OF_NOBODY,
  MOVED_ADDRESS,
  MOVED_FROM,
  MOVED_TO,
  type NodeName,
  OUTSIDE_SUBNETS,
  SILENT_4,
  SILENT_MAC,
  SLOW_LINK,
  SLOW_WORKLOAD,
  SUBNETS,
  WORKLOADS,
  workloadNamed,
  type WorkloadPlan,
} from './fleet-plan.ts';
import { ipBatch, runProgram } from './machine.ts';

export interface Fleet {
  readonly id: string;
  /** The cgroup below which the workloads of a node live. */
  nodeCgroup(node: NodeName): string;
  workloadCgroup(workload: WorkloadPlan): string;
  namespaceOf(workload: WorkloadPlan): string;
}

const DEVICE = 'eth0';
const NETWORK = 'net';

export function describeFleet(id: string, cgroupMount: string): Fleet {
  const top = join(cgroupMount, cgroupName(id));
  return {
    id,
    nodeCgroup: (node) => join(top, node),
    workloadCgroup: ({ node, name }) => join(top, node, name),
    namespaceOf: ({ namespace }) => namespaceName(id, namespace),
  };
}

/** One plan for each namespace: workloads that share one have the same addresses. */
const namespacePlans = (): readonly WorkloadPlan[] =>
  WORKLOADS.filter(({ namespace }, i) => WORKLOADS.findIndex((other) => other.namespace === namespace) === i);

/**
 * Make it. WEIR_DEMO_FAILED names the step; the caller removes what was made (leftovers.ts). Resolves to why there is no
 * slow link, null where there is one: not every kernel has tbf.
 */
export async function buildFleet(fleet: Fleet): Promise<string | null> {
  for (const workload of WORKLOADS) mkdirSync(fleet.workloadCgroup(workload), { recursive: true });
  const bridge = namespaceName(fleet.id, NETWORK);
  const plans = namespacePlans();
  const names = [bridge, ...plans.map((plan) => fleet.namespaceOf(plan))];
  await runProgram('making the namespaces', 'ip', ['-batch', '-'], names.map((name) => `netns add ${name}\n`).join(''));
  await ipBatch('making the bridge', bridge, [
    'link add br0 type bridge forward_delay 0 mcast_snooping 0',
    ...plans.flatMap((plan, i) => [
      `link add port${i} type veth peer name ${DEVICE} netns ${fleet.namespaceOf(plan)}`,
      `link set port${i} master br0`,
      `link set port${i} addrgenmode none`,
      `link set port${i} up`,
    ]),
    'link set br0 addrgenmode none',
    'link set br0 up',
  ]);
  await Promise.all(plans.map((plan) => buildNamespace(fleet.namespaceOf(plan), plan)));
  return slowDown(fleet.namespaceOf(workloadNamed(SLOW_WORKLOAD)));
}

async function slowDown(name: string): Promise<string | null> {
  const tbf = ['-n', name, 'qdisc', 'add', 'dev', DEVICE, 'root', 'tbf', ...SLOW_LINK.split(' ')];
  try {
    await runProgram('making the slow link', 'tc', tbf);
    return null;
  } catch (error) {
    if (error instanceof WeirError) return error.message;
    throw error;
  }
}

async function buildNamespace(name: string, plan: WorkloadPlan): Promise<void> {
  const isInside = plan.node !== 'outside';
  const routes = [...OUTSIDE_SUBNETS, ...(isInside ? [] : [SUBNETS.v4, SUBNETS.v6])];
  await runProgram('setting the namespace up', 'ip', ['netns', 'exec', name, 'sh', '-c', SETTINGS]);
  await ipBatch('giving the addresses', name, [
    `link set lo up`,
    `link set ${DEVICE} addrgenmode none`,
    `link set ${DEVICE} up`,
    `addr add ${plan.v4}/${isInside ? 16 : 24} dev ${DEVICE}`,
    `addr add ${plan.v6}/${isInside ? 64 : 48} dev ${DEVICE} nodad`,
    ...routes.filter((subnet) => !contains(subnet, plan)).map((subnet) => `route add ${subnet} dev ${DEVICE}`),
    ...(plan.name === MOVED_FROM ? [`addr add ${MOVED_ADDRESS}/16 dev ${DEVICE}`] : []),
    ...(plan.name === CALLER_OF_NOBODY ? [`neigh add ${SILENT_4} lladdr ${SILENT_MAC} dev ${DEVICE}`] : []),
  ]);
}

/** A SYN is sent twice, a neighbour asked once. */
const SETTINGS = [
  'echo 1 > /proc/sys/net/ipv4/tcp_syn_retries',
  `echo 1 > /proc/sys/net/ipv4/neigh/${DEVICE}/mcast_solicit`,
  `echo 1 > /proc/sys/net/ipv6/neigh/${DEVICE}/mcast_solicit`,
].join(' && ');

/** The subnet of its own addresses is a route already. */
const contains = (subnet: string, { v4 }: WorkloadPlan): boolean =>
  subnet.startsWith(`${v4.slice(0, v4.lastIndexOf('.'))}.`);

/** Take the moved address from its holder. */
export const takeAddress = (fleet: Fleet): Promise<string> =>
  ipBatch('taking the address', fleet.namespaceOf(workloadNamed(MOVED_FROM)), [
    `addr del ${MOVED_ADDRESS}/16 dev ${DEVICE}`,
  ]);

/** Give it to the next one. */
export const giveAddress = (fleet: Fleet): Promise<string> =>
  ipBatch('giving the address', fleet.namespaceOf(workloadNamed(MOVED_TO)), [
    `addr add ${MOVED_ADDRESS}/16 dev ${DEVICE}`,
  ]);

/** Who still sends to the old holder's MAC asks again: what a gratuitous ARP does in a real network. */
export async function announceAddress(fleet: Fleet): Promise<void> {
  const callers = ['web', 'checkout'].map((name) => fleet.namespaceOf(workloadNamed(name)));
  await Promise.all(
    callers.map((name) => ipBatch('announcing the address', name, [`neigh flush to ${MOVED_ADDRESS}`])),
  );
}
