/**
 * A fleet that benchmarks share: nodes with workloads and addresses, who held which address when, and batches of flows
 * between them. Seeded: the same on every machine.
 */
import {
  LocalOutcome,
  Method,
  OwnershipKind,
  type Process,
  Report,
  ReporterKind,
  Role,
  RoleMethod,
  type Workload,
} from '../schemas/generated/common.ts';
import { type RawBatch, RawFlowColumns } from '../schemas/generated/flows-raw-v1.ts';
import { ClaimColumns, type OwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import { Random, Zipf } from './harness.ts';

/** 2026-11-22T00:00:00Z, us since 1970. */
export const BEGIN_US = 1_795_305_600_000_000;
/** The fleet has been running for an hour when the flows happen. */
export const FLOWS_US: number = BEGIN_US + 3_600_000_000;
/** Flows fall into these ten seconds; every reporter has spoken after them. */
export const SPAN_US = 10_000_000;
export const AS_OF_US: number = FLOWS_US + 2 * SPAN_US;

export const NETWORK = 'bench';
/** Addresses of one node. */
const NODE_ADDRESSES = 50;
/** One address in this many had another owner before. */
const HANDED_OVER_EVERY = 8;
/** And one in this many another one before that. */
const FIRST_OWNER_EVERY = 2 * HANDED_OVER_EVERY;
/** One flow in this many began before its remote address was handed over, where it was. */
const OLD_FLOW_EVERY = 16;
const PORT = 8080;
const PODS_PER_MESSAGE = 3000;
/** Of every ownership message. */
const HEADER = { cluster: 'bench', network: NETWORK, epoch: 'e1', asOfUs: AS_OF_US, intervalMs: 5000 } as const;

export interface FleetOptions {
  /** Claimed addresses, in pods of 10.0.0.0/8. */
  readonly addresses: number;
  /** How remote ends are drawn. */
  readonly skew: 'zipf' | 'uniform';
}

export interface Fleet extends FleetOptions {
  readonly nodes: number;
  readonly workloads: readonly Workload[];
}

export function fleetOf({ addresses, skew }: FleetOptions): Fleet {
  const nodes = Math.ceil(addresses / NODE_ADDRESSES);
  // Two lives of an address have two workloads.
  const workloads = Array.from({ length: 2 * addresses }, (_, i): Workload => {
    const name = `service-${(i * 7) % 997}`;
    return {
      network: NETWORK,
      cluster: 'bench',
      namespace: `team-${i % 40}`,
      name,
      kind: 'Deployment',
      instance: `${name}-6d9f7c5b4-${i.toString(36).padStart(5, '0')}`,
      instanceUid: `8c5e1a52-0000-4000-8000-${i.toString(16).padStart(12, '0')}`,
      node: nodeName(nodeOf(i % addresses)),
      region: 'eu-central-1',
      availabilityZone: `eu-central-1${'abc'[nodeOf(i % addresses) % 3]}`,
      accountId: '123456789012',
      vpcId: 'vpc-0a1b2c3d',
      subnetId: `subnet-${nodeOf(i % addresses) % 12}`,
      labels: '',
    };
  });
  return { addresses, skew, nodes, workloads };
}

const nodeName = (node: number): string => `node-${node}`;
const nodeOf = (address: number): number => Math.floor(address / NODE_ADDRESSES);
export const wasHandedOver = (address: number): boolean => address % HANDED_OVER_EVERY === 0;
/** When an address that had two owners changed hands: in the middle of the hour, with a second in which nobody held it. */
export const HANDED_OVER_US: number = BEGIN_US + 1_800_000_000;

/** 10.0.0.0/8 in the order of the addresses, IPv4 mapped. */
export function putAddress(into: Uint8Array, at: number, address: number): void {
  into.fill(0, at, at + 16);
  into[at + 10] = 0xff;
  into[at + 11] = 0xff;
  into[at + 12] = 10;
  into[at + 13] = (address >> 16) & 0xff;
  into[at + 14] = (address >> 8) & 0xff;
  into[at + 15] = address & 0xff;
}

/** What each node's reporter says: all it holds, what it held before, and the prefix. */
export function ownershipOf(fleet: Fleet): readonly OwnershipMessage[] {
  return Array.from({ length: fleet.nodes }, (_, node) => nodeMessage(fleet, node));
}

function nodeMessage(fleet: Fleet, node: number): OwnershipMessage {
  const claims = new ClaimColumns(3 * NODE_ADDRESSES + 1);
  const workloads: Workload[] = [];
  const add = (address: number, workload: number, port: number, fromUs: number, toUs: number): void => {
    const i = claims.length;
    claims.ensure(i + 1);
    claims.length = i + 1;
    putAddress(claims.addr, 16 * i, address);
    claims.prefixLength[i] = 128;
    claims.port[i] = port;
    claims.workload[i] = workload;
    claims.method[i] = port > 0 ? Method.port : Method.address;
    claims.earliestUs[i] = fromUs;
    claims.fromUs[i] = fromUs;
    claims.toUs[i] = toUs;
    claims.latestUs[i] = toUs;
  };
  for (let k = 0; k < NODE_ADDRESSES && node * NODE_ADDRESSES + k < fleet.addresses; k++) {
    const address = node * NODE_ADDRESSES + k;
    const workload = workloads.push(fleet.workloads[address]!) - 1;
    const handed = wasHandedOver(address);
    if (handed) {
      const before = workloads.push(fleet.workloads[fleet.addresses + address]!) - 1;
      add(address, before, 0, BEGIN_US, HANDED_OVER_US);
      if (address % FIRST_OWNER_EVERY === 0) {
        // The number of a workload that no other address has: every second one is handed over at most.
        const first = workloads.push(fleet.workloads[fleet.addresses + address + 1] ?? fleet.workloads[0]!) - 1;
        add(address, first, 0, BEGIN_US - 1_800_000_000, BEGIN_US - 1_000_000);
      }
    }
    add(address, workload, 0, handed ? HANDED_OVER_US + 1_000_000 : BEGIN_US, -1);
    if (address % 2 === 0) add(address, workload, PORT, handed ? HANDED_OVER_US + 1_000_000 : BEGIN_US, -1);
  }
  if (node === 0) {
    add(0, -1, 0, BEGIN_US, -1);
    claims.prefixLength[claims.length - 1] = 96 + 8;
    claims.method[claims.length - 1] = Method.prefix;
  }
  return {
    ...HEADER,
    reporter: nodeName(node),
    reporterKind: ReporterKind.sidecar,
    seq: 0,
    kind: OwnershipKind.full,
    workloads,
    pods: [],
    claims,
  };
}

/** As sidecars in Kubernetes know the fleet: pods by their UID alone, whom a watcher names. */
export function asPods(fleet: Fleet): { readonly fleet: Fleet; readonly names: readonly OwnershipMessage[] } {
  const workloads = fleet.workloads.map((workload): Workload => {
    const { instanceUid: uid } = workload;
    return { ...workload, namespace: '', name: uid, kind: 'Pod', instance: uid };
  });
  const names: OwnershipMessage[] = [];
  for (let at = 0; at < fleet.workloads.length; at += PODS_PER_MESSAGE) {
    const some = fleet.workloads.slice(at, at + PODS_PER_MESSAGE);
    const pods = some.map((_, i) => ({ workload: i, fromUs: BEGIN_US, toUs: -1 }));
    const kind = at === 0 ? OwnershipKind.full : OwnershipKind.delta;
    const named = { reporter: 'watcher', reporterKind: ReporterKind.watcher, seq: names.length, kind };
    names.push({ ...HEADER, ...named, workloads: some, pods, claims: new ClaimColumns(0) });
  }
  return { fleet: { ...fleet, workloads }, names };
}

/** Batches of flows, each of another node: its own end known by the capture, the other one anywhere in the fleet. */
export function rawBatchesOf(fleet: Fleet, batches: number, flows: number, seed = 1): readonly RawBatch[] {
  const random = new Random(seed);
  const zipf = fleet.skew === 'zipf' ? new Zipf(fleet.addresses, random) : null;
  // The most frequent address is not the first node's.
  const scatter = (rank: number): number => (rank * 7919) % fleet.addresses;
  const remote = (): number => (zipf === null ? random.below(fleet.addresses) : scatter(zipf.next()));
  return Array.from({ length: batches }, (_, i) => rawBatch(fleet, i, flows, random, remote));
}

function rawBatch(fleet: Fleet, index: number, rows: number, random: Random, remote: () => number): RawBatch {
  const node = (index * 31) % fleet.nodes;
  const own = Math.min(NODE_ADDRESSES, fleet.addresses - node * NODE_ADDRESSES);
  const flows = new RawFlowColumns(rows);
  flows.length = rows;
  for (let i = 0; i < rows; i++) fillFlow(flows, i, node * NODE_ADDRESSES, own, random, remote());
  return {
    cluster: 'bench',
    network: NETWORK,
    node: nodeName(node),
    ring: `ring-${node}`,
    seq: index,
    first: index * rows,
    next: (index + 1) * rows,
    losses: [],
    workloads: Array.from({ length: own }, (_, k) => fleet.workloads[node * NODE_ADDRESSES + k]!),
    processes: Array.from({ length: own }, (_, k): Process => {
      return { name: `server-${k}`, pid: 1000 + k, userId: 1000, containerId: '' };
    }),
    natAddresses: [],
    translations: [],
    flows,
  };
}

function fillFlow(f: RawFlowColumns, i: number, base: number, own: number, random: Random, remote: number): void {
  const local = random.below(own);
  const isClient = random.below(2) === 0;
  const endUs = FLOWS_US + random.below(SPAN_US);
  const isOld = wasHandedOver(remote) && random.below(OLD_FLOW_EVERY) === 0;
  const tookUs = Math.floor(500 + 100_000 * random.unit() ** 4);
  const startUs = isOld ? BEGIN_US + 1_000_000 : endUs - tookUs;
  const bytes = Math.floor(100 * 1000 ** random.unit());
  f.numberOffset[i] = i;
  f.numbers[i] = 1;
  f.report[i] = Report.final;
  f.connectionCount[i] = 1;
  f.startUs[i] = startUs;
  f.endUs[i] = isOld ? startUs + tookUs : endUs;
  f.openedUs[i] = startUs;
  putAddress(f.localAddr, 16 * i, base + local);
  putAddress(f.remoteAddr, 16 * i, remote);
  f.localPort[i] = isClient ? 32_768 + random.below(28_000) : PORT;
  f.remotePort[i] = isClient ? PORT : 32_768 + random.below(28_000);
  f.role[i] = isClient ? Role.client : Role.server;
  f.roleMethod[i] = RoleMethod.handshake;
  f.outcome[i] = random.below(20) === 0 ? LocalOutcome.resetByRemote : LocalOutcome.closed;
  f.error[i] = f.outcome[i] === LocalOutcome.closed ? 0 : 104;
  f.localWorkload[i] = local;
  f.remoteWorkload[i] = -1;
  f.remoteMethod[i] = Method.none;
  f.process[i] = local;
  f.bytesSent[i] = bytes;
  f.bytesReceived[i] = 10 * bytes + random.below(1000);
  f.segmentsSent[i] = 4 + Math.ceil(bytes / 1448);
  f.segmentsReceived[i] = 4 + Math.ceil((10 * bytes) / 1448);
  const retransmitted = random.below(50) === 0 ? 1 + random.below(3) : 0;
  f.retransmittedSegments[i] = retransmitted;
  f.retransmittedBytes[i] = 1448 * retransmitted;
  f.rttUs[i] = 150 + random.below(2000);
  f.rttVarUs[i] = 20 + random.below(300);
  f.rttMinUs[i] = 100 + random.below(100);
  f.connectUs[i] = isClient ? 200 + random.below(2000) : -1;
  f.busyUs[i] = 4000 * random.below(4);
  f.connectionId[i] = 1_000_000 + 4096 * i + random.below(4096);
}
