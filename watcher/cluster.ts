/**
 * The cluster as its API server tells it: objects in, claims and pods out. Pure: no clock, no I/O; the caller says when
 * each thing was seen, in us.
 */
import type { Workload } from '../schemas/generated/common.ts';
import { type Claim, closed, type End, nodeClaims, podClaims, podEnd, serviceClaims, sliceClaims } from './claims.ts';
import { Holdings, isSame } from './holdings.ts';
import {
  type Json,
  metaOf,
  type NodeFacts,
  nodeOf,
  type OwnerRef,
  type PodFacts,
  podOf,
  type ServiceFacts,
  serviceOf,
  type SliceFacts,
  sliceOf,
} from './objects.ts';
import { NodePorts } from './node-ports.ts';
import { type Owner, OwnerTable } from './owners.ts';
import { nodeWorkload, podWorkload, type Scope, serviceWorkload } from './workloads.ts';

export type Kind = 'pods' | 'services' | 'endpointslices' | 'nodes' | 'replicasets' | 'jobs';

/** Which pod a UID is, as a message states it. */
export interface PodStatement {
  readonly workload: Workload;
  readonly fromUs: number;
  /** -1: it is there. */
  readonly toUs: number;
}

export interface Changes {
  readonly claims: readonly Claim[];
  readonly pods: readonly PodStatement[];
}

/** An owner of which the API server must be asked. */
export interface MissingOwner {
  readonly ref: OwnerRef;
  readonly namespace: string;
}

interface PodState {
  facts: PodFacts;
  /** It was not there yet; its first sight is later, and may be much later after an outage. */
  readonly absentUs: number;
  /** Its last sight, and the first of each of its addresses. */
  lastUs: number;
  readonly addressSeenUs: Map<string, number>;
  /** Its claims have ended, though it is still there. */
  ended: boolean;
  /** By the controller that it was found for. */
  owner: { readonly uid: string; readonly owner: Owner } | null;
  stated: PodStatement | null;
}

/** Ended pods that are first seen this long after are not spoken of. */
const ENDED_US_MAX = 3_600_000_000;

export class Cluster {
  readonly #scope: Scope;
  readonly #owners = new OwnerTable();
  readonly #holdings = new Holdings();
  readonly #nodePorts: NodePorts;
  readonly #pods = new Map<string, PodState>();
  readonly #services = new Map<string, ServiceFacts>();
  readonly #slices = new Map<string, SliceFacts>();
  readonly #nodes = new Map<string, NodeFacts>();
  readonly #nodesByName = new Map<string, NodeFacts>();
  readonly #owned = new Set<string>();
  readonly #podsByAddress = new Map<string, number>();
  /** Pods whose owner must be asked for, by the owner's UID. */
  readonly #waiting = new Map<string, Set<string>>();
  #missing: MissingOwner[] = [];
  #statements: PodStatement[] = [];

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#nodePorts = new NodePorts(scope, this.#holdings);
  }

  /** Node ports that are not claimed because there are too many. */
  get nodePortsLeftOut(): number {
    return this.#nodePorts.leftOut;
  }

  /** How many objects of a kind there are. */
  count(kind: Kind): number {
    return this.#known(kind).size;
  }

  /** UIDs of a kind that were seen and are not gone. */
  uids(kind: Kind): string[] {
    return [...this.#known(kind).keys()];
  }

  /** An object as it is now. `aliveUs`: until then it was surely as it was seen last. */
  see(kind: Kind, object: Json, seenUs: number, aliveUs: number): void {
    const now: End = { toUs: Math.min(aliveUs, seenUs), latestUs: seenUs };
    switch (kind) {
      case 'pods':
        return this.#seePod(podOf(object), now);
      case 'services':
        return this.#seeService(serviceOf(object), now);
      case 'endpointslices':
        return this.#seeSlice(sliceOf(object), now);
      case 'nodes':
        return this.#seeNode(nodeOf(object), now);
      case 'replicasets':
      case 'jobs': {
        const meta = metaOf(object);
        if (meta === null) return;
        this.#owned.add(`${kind}/${meta.uid}`);
        this.learnOwner(meta.uid, meta.controller);
      }
    }
  }

  /** An object that is gone: it was surely there at `aliveUs`, and was not at `seenUs`. */
  gone(kind: Kind, uid: string, aliveUs: number, seenUs: number): void {
    const end: End = { toUs: aliveUs, latestUs: seenUs };
    switch (kind) {
      case 'pods':
        return this.#gonePod(uid, aliveUs, seenUs);
      case 'services':
        this.#services.delete(uid);
        this.#holdings.drop(uid, end);
        return this.#nodePorts.service(uid, null, end);
      case 'endpointslices':
        this.#slices.delete(uid);
        return this.#holdings.drop(uid, end);
      case 'nodes':
        this.#goneNode(uid);
        this.#holdings.drop(uid, end);
        return this.#nodePorts.node(uid, null, end);
      case 'replicasets':
      case 'jobs':
        this.#owned.delete(`${kind}/${uid}`);
    }
  }

  /** The same, with its last look, which says how it ended. */
  goneAs(kind: Kind, object: Json, aliveUs: number, seenUs: number): void {
    const meta = metaOf(object);
    if (meta === null) return;
    const state = kind === 'pods' ? this.#pods.get(meta.uid) : undefined;
    if (state !== undefined) state.facts = podOf(object) ?? state.facts;
    this.gone(kind, meta.uid, aliveUs, seenUs);
  }

  /** The controller of an owner, null for none. */
  learnOwner(uid: string, controller: OwnerRef | null): void {
    this.#owners.learn(uid, controller);
    const waiting = this.#waiting.get(uid);
    if (waiting === undefined) return;
    this.#waiting.delete(uid);
    for (const pod of waiting) {
      const state = this.#pods.get(pod);
      if (state !== undefined) this.#claimPod(state, { toUs: state.lastUs, latestUs: state.lastUs });
    }
  }

  /** Owners to ask for; each is named once. */
  takeMissing(): MissingOwner[] {
    const missing = this.#missing;
    this.#missing = [];
    return missing;
  }

  /** Up to when nothing is untold because a pod's owner is not known yet, Infinity when none waits. */
  waitingSinceUs(): number {
    let since = Number.POSITIVE_INFINITY;
    for (const pods of this.#waiting.values()) {
      for (const uid of pods) since = Math.min(since, this.#pods.get(uid)?.absentUs ?? since);
    }
    return since;
  }

  takeChanges(): Changes {
    const pods = this.#statements;
    this.#statements = [];
    return { claims: this.#holdings.takeChanges(), pods };
  }

  /** All that is held and there. */
  open(): Changes {
    const pods = [...this.#pods.values()].flatMap(({ stated }) => (stated === null ? [] : [stated]));
    return { claims: [...this.#holdings.open()], pods };
  }

  #known(kind: Kind): ReadonlyMap<string, unknown> {
    if (kind === 'pods') return this.#pods;
    if (kind === 'services') return this.#services;
    if (kind === 'endpointslices') return this.#slices;
    if (kind === 'nodes') return this.#nodes;
    const prefix = `${kind}/`;
    const owned = [...this.#owned].filter((key) => key.startsWith(prefix));
    return new Map(owned.map((key) => [key.slice(prefix.length), null]));
  }

  #seePod(facts: PodFacts | null, now: End): void {
    if (facts === null) return;
    const seenUs = now.latestUs;
    let state = this.#pods.get(facts.uid);
    if (state === undefined) {
      const addressSeenUs = new Map<string, number>();
      const times = { absentUs: now.toUs, lastUs: seenUs, addressSeenUs };
      state = { facts, ...times, ended: false, owner: null, stated: null };
      this.#pods.set(facts.uid, state);
    }
    state.facts = facts;
    for (const address of facts.addresses) {
      if (state.addressSeenUs.has(address)) continue;
      state.addressSeenUs.set(address, seenUs);
      this.#countAddress(address, 1);
    }
    for (const address of state.addressSeenUs.keys()) {
      if (facts.ended || facts.addresses.includes(address)) continue;
      state.addressSeenUs.delete(address);
      this.#countAddress(address, -1);
    }
    this.#claimPod(state, { ...now, toUs: Math.max(now.toUs, state.lastUs) });
    state.lastUs = seenUs;
  }

  #countAddress(address: string, change: 1 | -1): void {
    const count = (this.#podsByAddress.get(address) ?? 0) + change;
    if (count === 0) this.#podsByAddress.delete(address);
    else this.#podsByAddress.set(address, count);
  }

  #claimPod(state: PodState, now: End): void {
    const { facts } = state;
    const seenUs = now.latestUs;
    const owner = this.#ownerOf(state);
    // Nothing of it can connect before it is on a node.
    if (owner === null || facts.node === '') return;
    const built = podWorkload(this.#scope, facts, owner, this.#nodesByName.get(facts.node) ?? null);
    if (state.stated === null || !isSame(state.stated.workload, built)) {
      state.stated = { workload: built, fromUs: Math.max(0, facts.createdUs), toUs: -1 };
      this.#statements.push(state.stated);
    }
    const { workload } = state.stated;
    const wanted = podClaims(facts, workload, (address) => state.addressSeenUs.get(address) ?? seenUs);
    if (!facts.ended) return this.#holdings.want(facts.uid, wanted, now);
    if (state.ended) return;
    state.ended = true;
    const end = podEnd(facts, now.toUs, seenUs);
    if (this.#holdings.holds(facts.uid)) return this.#holdings.drop(facts.uid, end);
    if (end.toUs <= seenUs - ENDED_US_MAX) return;
    for (const claim of wanted) this.#holdings.tell(closed(claim, end));
  }

  #gonePod(uid: string, aliveUs: number, seenUs: number): void {
    const state = this.#pods.get(uid);
    if (state === undefined) return;
    this.#pods.delete(uid);
    for (const address of state.addressSeenUs.keys()) this.#countAddress(address, -1);
    this.#holdings.drop(uid, podEnd(state.facts, aliveUs, seenUs));
    if (state.stated !== null) this.#statements.push({ ...state.stated, toUs: seenUs });
  }

  /** Null while it must be asked for. One that was found stays: its objects may be gone by the next look. */
  #ownerOf(state: PodState): Owner | null {
    const { facts } = state;
    const uid = facts.controller?.uid ?? '';
    if (state.owner?.uid === uid) return state.owner.owner;
    const chain = this.#owners.chainOf(facts);
    if ('owner' in chain) {
      state.owner = { uid, owner: chain.owner };
      return chain.owner;
    }
    const { missing: ref, namespace } = chain;
    const waiting = this.#waiting.get(ref.uid);
    if (waiting === undefined) this.#missing.push({ ref, namespace });
    this.#waiting.set(ref.uid, (waiting ?? new Set()).add(facts.uid));
    return null;
  }

  #seeService(service: ServiceFacts | null, now: End): void {
    if (service === null) return;
    this.#services.set(service.uid, service);
    const workload = serviceWorkload(this.#scope, service);
    this.#holdings.want(service.uid, serviceClaims(service, workload, now.latestUs), now);
    this.#nodePorts.service(service.uid, service, now);
  }

  #seeSlice(slice: SliceFacts | null, now: End): void {
    if (slice === null) return;
    this.#slices.set(slice.uid, slice);
    // Its Service may come later: without a UID the name is what makes it the same.
    const service = { uid: '', name: slice.service, namespace: slice.namespace, labels: {} };
    const workload = serviceWorkload(this.#scope, service);
    const isPods = (address: string): boolean => this.#podsByAddress.has(address);
    const wanted = slice.service === '' ? [] : sliceClaims(slice, workload, isPods, now.latestUs);
    this.#holdings.want(slice.uid, wanted, now);
  }

  #seeNode(node: NodeFacts | null, now: End): void {
    if (node === null) return;
    const before = this.#nodes.get(node.uid);
    this.#nodes.set(node.uid, node);
    this.#nodesByName.set(node.name, node);
    this.#holdings.want(node.uid, nodeClaims(node, nodeWorkload(this.#scope, node), now.latestUs), now);
    this.#nodePorts.node(node.uid, node, now);
    if (before?.region === node.region && before.zone === node.zone) return;
    for (const state of this.#pods.values()) if (state.facts.node === node.name) this.#claimPod(state, now);
  }

  /** A node of the same name may have come meanwhile. */
  #goneNode(uid: string): void {
    const node = this.#nodes.get(uid);
    this.#nodes.delete(uid);
    if (node !== undefined && this.#nodesByName.get(node.name)?.uid === uid) this.#nodesByName.delete(node.name);
  }
}
