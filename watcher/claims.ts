/**
 * What objects claim, and until when. Pure.
 *
 * The API's times are whole seconds of other machines' clocks: they bound a claim from outside (`earliest`, `latest`),
 * and what a status tells of something that came after the address bounds it from inside (`from`). What was seen here
 * is exact.
 */
import { Method, type Workload } from '../schemas/generated/common.ts';
import { parseAddress, parsePrefix } from './address.ts';
import type { NodeFacts, PodFacts, ServiceFacts, SliceFacts } from './objects.ts';

export interface Wanted {
  readonly addr: Uint8Array;
  readonly prefixLength: number;
  readonly port: number;
  readonly method: Method;
  /** Null: the prefix is only known. */
  readonly workload: Workload | null;
  readonly earliestUs: number;
  readonly fromUs: number;
}

export interface Claim extends Wanted {
  /** -1 while held, both. */
  readonly toUs: number;
  readonly latestUs: number;
}

/** When something ended: certainly there until `toUs`, and no longer at `latestUs`. */
export interface End {
  readonly toUs: number;
  readonly latestUs: number;
}

const SECOND_US = 1_000_000;

/** Two claims with the same key of one object are the same claim. */
export function claimKey({ addr, prefixLength, port, method }: Wanted): string {
  return `${Buffer.from(addr).toString('hex')}/${prefixLength}/${port}/${method}`;
}

/** `seenUs` tells when each address was first seen. Nothing where the pod has ended, or the node's address is its own. */
export function podClaims(pod: PodFacts, workload: Workload, seenUs: (address: string) => number): Wanted[] {
  if (pod.hostNetwork) return [];
  return pod.addresses.flatMap((address) => {
    const seen = seenUs(address);
    const fromUs = pod.readyUs < 0 ? seen : Math.min(seen, pod.readyUs);
    const startedUs = pod.startedUs < 0 ? pod.createdUs : pod.startedUs;
    return whole(address, Method.address, workload, Math.min(fromUs, Math.max(0, startedUs)), fromUs);
  });
}

/**
 * When a pod's addresses were free, which is before the API says so: once its containers had ended, or at some time
 * after its deletion was asked for. `aliveUs`: it was surely there then, where neither is known.
 */
export function podEnd(pod: PodFacts, aliveUs: number, seenUs: number): End {
  if (pod.finishedUs >= 0) return { toUs: pod.finishedUs, latestUs: Math.min(seenUs, pod.finishedUs + SECOND_US) };
  const toUs = pod.deletionAskedUs >= 0 ? Math.min(aliveUs, pod.deletionAskedUs) : aliveUs;
  return { toUs: Math.min(toUs, seenUs), latestUs: seenUs };
}

/** A claim as closed: it is held for no negative time. */
export function closed(claim: Wanted, end: End): Claim {
  const toUs = Math.max(claim.earliestUs, end.toUs);
  // Shorter than the API's seconds tell: certain at one instant, possible around it.
  const fromUs = Math.min(claim.fromUs, toUs);
  return { ...claim, fromUs, toUs, latestUs: Math.max(toUs, end.latestUs) };
}

/** The cluster's own addresses are the Service's whole; an outer one may be shared, so only its ports are. */
export function serviceClaims(service: ServiceFacts, workload: Workload, seenUs: number): Wanted[] {
  const createdUs = Math.max(0, service.createdUs);
  const fromUs = Math.min(seenUs, createdUs + SECOND_US);
  const earliestUs = Math.min(createdUs, fromUs);
  return [
    ...service.clusterIps.flatMap((address) => whole(address, Method.service, workload, earliestUs, fromUs)),
    ...portClaims(service.outerIps, service.ports, workload, Math.min(createdUs, seenUs), seenUs),
  ];
}

/** The Service's ports at a node. */
export function nodePortClaims(service: ServiceFacts, workload: Workload, node: NodeFacts, seenUs: number): Wanted[] {
  return portClaims(
    node.addresses,
    service.nodePorts,
    workload,
    Math.min(Math.max(0, service.createdUs), seenUs),
    seenUs,
  );
}

/** Endpoints that are no pods: who is behind them is not known, but which Service they serve is. */
export function sliceClaims(
  slice: SliceFacts,
  workload: Workload,
  isPods: (address: string) => boolean,
  seenUs: number,
): Wanted[] {
  const addresses = slice.addresses.filter((address) => !isPods(address));
  return portClaims(addresses, slice.ports, workload, Math.min(Math.max(0, slice.createdUs), seenUs), seenUs);
}

/** A node's addresses, and the prefixes that its pods' addresses are from. */
export function nodeClaims(node: NodeFacts, workload: Workload, seenUs: number): Wanted[] {
  const earliestUs = Math.min(Math.max(0, node.createdUs), seenUs);
  const prefixes = node.podPrefixes.flatMap((text) => {
    const prefix = parsePrefix(text);
    if (prefix === null) return [];
    return [{ ...prefix, port: 0, method: Method.prefix, workload: null, earliestUs, fromUs: seenUs }];
  });
  return [
    ...node.addresses.flatMap((address) => whole(address, Method.node, workload, earliestUs, seenUs)),
    ...prefixes,
  ];
}

function portClaims(
  addresses: readonly string[],
  ports: readonly number[],
  workload: Workload,
  earliestUs: number,
  fromUs: number,
): Wanted[] {
  return addresses.flatMap((address) =>
    whole(address, Method.service, workload, earliestUs, fromUs).flatMap((claim) =>
      ports.map((port) => ({ ...claim, port })),
    ),
  );
}

/** Nothing for what is no address. */
function whole(address: string, method: Method, workload: Workload, earliestUs: number, fromUs: number): Wanted[] {
  const addr = parseAddress(address);
  return addr === null ? [] : [{ addr, prefixLength: 128, port: 0, method, workload, earliestUs, fromUs }];
}
