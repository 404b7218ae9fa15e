/**
 * From successive looks at the machine to ownership claims. Pure: no clock, no I/O.
 *
 * Where all watched processes of a network namespace belong to one workload, its addresses are that workload's.
 * Otherwise (the host's namespace, containers that share one) nobody owns an address, and listening ports are claimed
 * by who listens. Interface subnets are claimed for nobody: they only say that the prefix belongs to this network.
 */
import { Method, type Workload } from '../schemas/generated/common.ts';
import { hexOf, masked } from './address.ts';
import type { ListenEvent } from './decode.ts';
import type { HostSnapshot, Listener, LocalIdentity, NetworkNamespace } from './host-view.ts';
import { addressesOf } from './listener-addresses.ts';
import { Sightings, together, type ScanTimes, type Span } from './sightings.ts';

export interface Claim {
  readonly addr: Uint8Array;
  readonly prefixLength: number;
  /** 0: the whole address. */
  readonly port: number;
  /** Null: a known prefix that nobody holds. */
  readonly workload: Workload | null;
  readonly method: Method;
  readonly earliestUs: number;
  readonly fromUs: number;
  /** -1 while held. */
  readonly toUs: number;
  /** -1 while held. */
  readonly latestUs: number;
}

export interface ClaimChanges {
  readonly began: readonly Claim[];
  readonly ended: readonly Claim[];
  /** Everything up to here is in the claims. */
  readonly asOfUs: number;
}

type Identify = (cgroupId: number, pid: number, comm: string) => LocalIdentity | null;

interface OpenClaim {
  readonly claim: Claim;
  readonly netns: number;
  /** Start of the last scan that saw it without doubt. */
  seenUs: number;
}

/** A guest in a namespace that had one owner: a debugger, a CNI plugin. It counts once a second scan still sees it. */
interface Doubt {
  readonly since: ScanTimes;
}

interface Residence {
  readonly owner: Workload;
  readonly doubt: Doubt | null;
}

interface Wanted {
  readonly claim: Claim;
  readonly netns: number;
  readonly doubt: Doubt | null;
}

export class ClaimBook {
  readonly #open = new Map<string, OpenClaim>();
  readonly #sightings = new Sightings();
  #residences = new Map<number, Residence>();
  #previous: ScanTimes | null = null;
  #listens: ListenEvent[] = [];

  /** What is held now, in the order of the keys. */
  open(): readonly Claim[] {
    return [...this.#open.entries()].sort(byKey).map(([, { claim }]) => claim);
  }

  /** Take a scan in, with the listen records that came since the last one. */
  observe(snapshot: HostSnapshot, listens: readonly ListenEvent[], identify: Identify): ClaimChanges {
    this.#listens = [...this.#listens, ...listens];
    const wanted = new Map<string, Wanted>();
    const listeners = Map.groupBy(snapshot.listeners, (listener) => listener.netns);
    const residences = new Map<number, Residence>();
    this.#sightings.begin();
    for (const namespace of snapshot.namespaces) {
      const residence = this.#residenceOf(namespace, snapshot, identify);
      if (residence !== null) residences.set(namespace.inode, residence);
      const here = listeners.get(namespace.inode) ?? [];
      for (const claim of this.#claimsOf(namespace, here, residence, snapshot, identify)) {
        const key = keyOf(claim);
        if (!wanted.has(key)) wanted.set(key, { claim, netns: namespace.inode, doubt: residence?.doubt ?? null });
      }
    }
    this.#sightings.end();
    const changes = this.#settle(wanted, snapshot);
    this.#residences = residences;
    this.#previous = { startedUs: snapshot.startedUs, finishedUs: snapshot.finishedUs };
    this.#listens = this.#listens.filter((event) => event.atUs >= snapshot.startedUs);
    return changes;
  }

  /** The one workload that lives in a namespace, or null. */
  #residenceOf(namespace: NetworkNamespace, scan: ScanTimes, identify: Identify): Residence | null {
    const owners = new Map<string, Workload>();
    let strangers = namespace.shared;
    for (const cgroupId of namespace.cgroupIds) {
      const identity = identify(cgroupId, 0, '');
      if (identity === null) strangers = true;
      else owners.set(uidOf(identity.workload), identity.workload);
    }
    const known = this.#residences.get(namespace.inode);
    if (!strangers && owners.size === 1) return { owner: [...owners.values()][0]!, doubt: null };
    if (known === undefined || known.doubt !== null || !owners.has(uidOf(known.owner))) return null;
    return { owner: known.owner, doubt: { since: scan } };
  }

  *#claimsOf(
    namespace: NetworkNamespace,
    listeners: readonly Listener[],
    residence: Residence | null,
    snapshot: HostSnapshot,
    identify: Identify,
  ): Generator<Claim> {
    const { inode } = namespace;
    const see = (key: string, exactUs: number | null = null): Span =>
      this.#sightings.see(`${inode}/${key}`, snapshot, this.#previous, exactUs);
    const spans = new Map(namespace.addresses.map(({ addr }) => [hexOf(addr), see(`addr/${hexOf(addr)}`)]));
    for (const { addr, prefixLength } of namespace.addresses) {
      if (prefixLength >= 128) continue;
      const prefix = masked(addr, prefixLength);
      yield held(prefix, prefixLength, 0, null, Method.prefix, spans.get(hexOf(addr))!);
    }
    if (residence !== null) {
      const resident = see(`resident/${uidOf(residence.owner)}`);
      for (const { addr } of namespace.addresses) {
        const span = together(resident, spans.get(hexOf(addr))!);
        yield held(addr, 128, 0, residence.owner, Method.address, span);
      }
    }
    for (const listener of listeners) {
      const identity = identify(listener.cgroupId, listener.pid, listener.comm);
      if (identity === null) continue;
      const uid = uidOf(identity.workload);
      const key = `listen/${hexOf(listener.addr)}/${listener.port}/${uid}`;
      const span = see(key, this.#listenedAt(listener, uid, identify));
      if (residence !== null) continue;
      for (const addr of addressesOf(listener, namespace, listeners)) {
        const both = together(span, spans.get(hexOf(addr))!);
        yield held(addr, 128, listener.port, identity.workload, Method.port, both);
      }
    }
  }

  /** The kernel's own word of when it began to listen, since the last scan; the last one where there are several. */
  #listenedAt(listener: Listener, uid: string, identify: Identify): number | null {
    let atUs: number | null = null;
    for (const event of this.#listens) {
      if (event.netns !== listener.netns || event.port !== listener.port) continue;
      if (this.#previous !== null && event.atUs < this.#previous.startedUs) continue;
      const identity = identify(event.cgroupId, event.pid, event.comm);
      if (identity !== null && uidOf(identity.workload) === uid) atUs = Math.max(atUs ?? 0, event.atUs);
    }
    return atUs;
  }

  #settle(wanted: ReadonlyMap<string, Wanted>, scan: ScanTimes): ClaimChanges {
    const began: Claim[] = [];
    const ended: Claim[] = [];
    let asOfUs = scan.startedUs;
    for (const [key, { claim, netns, seenUs }] of [...this.#open.entries()].sort(byKey)) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      ended.push({ ...claim, toUs: Math.max(seenUs, claim.fromUs), latestUs: this.#missedAt(claim, netns, scan) });
    }
    for (const [key, { claim, netns, doubt }] of [...wanted.entries()].sort(byKey)) {
      const known = this.#open.get(key);
      if (known === undefined) {
        this.#open.set(key, { claim, netns, seenUs: scan.startedUs });
        began.push(claim);
      } else if (doubt === null) known.seenUs = scan.startedUs;
      else if (claim.method === Method.address) asOfUs = Math.min(asOfUs, known.seenUs);
    }
    return { began, ended, asOfUs };
  }

  /** A claim that ends because a guest stayed was in doubt from the first scan that saw the guest. */
  #missedAt(claim: Claim, netns: number, scan: ScanTimes): number {
    const doubt = claim.method === Method.address ? this.#residences.get(netns)?.doubt : null;
    return doubt?.since.finishedUs ?? scan.finishedUs;
  }
}

function held(
  addr: Uint8Array,
  prefixLength: number,
  port: number,
  workload: Workload | null,
  method: Method,
  span: Span,
): Claim {
  return {
    addr,
    prefixLength,
    port,
    workload,
    method,
    earliestUs: span.earliestUs === -Infinity ? span.fromUs : span.earliestUs,
    fromUs: span.fromUs,
    toUs: -1,
    latestUs: -1,
  };
}

function uidOf(workload: Workload): string {
  return `${workload.kind}/${workload.name}/${workload.instanceUid}`;
}

function keyOf(claim: Claim): string {
  return `${hexOf(claim.addr)}/${claim.prefixLength}/${claim.port}/${claim.workload === null ? '' : uidOf(claim.workload)}`;
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
