/** Services at the ports of every node: each pair of a Service and a node is claimed, or, where they are too many, none. Pure. */
import { type End, nodePortClaims } from './claims.ts';
import type { Holdings } from './holdings.ts';
import type { NodeFacts, ServiceFacts } from './objects.ts';
import { type Scope, serviceWorkload } from './workloads.ts';

/** Addresses of nodes times node ports. */
export const NODE_PORT_CLAIMS_MAX = 16_384;

export class NodePorts {
  readonly #scope: Scope;
  readonly #holdings: Holdings;
  /** Those with node ports. */
  readonly #services = new Map<string, ServiceFacts>();
  readonly #nodes = new Map<string, NodeFacts>();
  #addresses = 0;
  #ports = 0;
  #tooMany = false;

  constructor(scope: Scope, holdings: Holdings) {
    this.#scope = scope;
    this.#holdings = holdings;
  }

  /** Claims that are left out because they are too many. */
  get leftOut(): number {
    return this.#tooMany ? this.#addresses * this.#ports : 0;
  }

  /** A Service as it is now, null when it is gone. */
  service(uid: string, service: ServiceFacts | null, now: End): void {
    const before = this.#services.get(uid);
    const has = service !== null && service.nodePorts.length > 0;
    if (before === undefined && !has) return;
    this.#ports += (has ? service.nodePorts.length : 0) - (before?.nodePorts.length ?? 0);
    if (has) this.#services.set(uid, service);
    else this.#services.delete(uid);
    this.#turn(now);
    for (const node of this.#nodes.keys()) this.#pair(uid, node, now);
  }

  /** A node as it is now, null when it is gone. */
  node(uid: string, node: NodeFacts | null, now: End): void {
    const before = this.#nodes.get(uid);
    this.#addresses += (node?.addresses.length ?? 0) - (before?.addresses.length ?? 0);
    if (node === null) this.#nodes.delete(uid);
    else this.#nodes.set(uid, node);
    this.#turn(now);
    if (before?.addresses.join() === node?.addresses.join()) return;
    for (const service of this.#services.keys()) this.#pair(service, uid, now);
  }

  /** When there are too many now, and were not, or the other way, every pair changes. */
  #turn(now: End): void {
    const tooMany = this.#addresses * this.#ports > NODE_PORT_CLAIMS_MAX;
    if (tooMany === this.#tooMany) return;
    this.#tooMany = tooMany;
    for (const service of this.#services.keys()) {
      for (const node of this.#nodes.keys()) this.#pair(service, node, now);
    }
  }

  #pair(serviceUid: string, nodeUid: string, now: End): void {
    const service = this.#services.get(serviceUid);
    const node = this.#nodes.get(nodeUid);
    const isClaimed = service !== undefined && node !== undefined && !this.#tooMany;
    const wanted = isClaimed ? nodePortClaims(service, serviceWorkload(this.#scope, service), node, now.latestUs) : [];
    this.#holdings.want(`${serviceUid}/${nodeUid}`, wanted, now);
  }
}
