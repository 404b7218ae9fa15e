/**
 * What most tools do instead of a history: the newest owner of an address, whenever the flow was. Used beside the real
 * attribution to show what it would get wrong; never to attribute.
 */
import { Method, type Workload } from '../schemas/generated/common.ts';
import { decodeOwnershipMessage, type OwnershipMessage } from '../schemas/generated/ownership-v1.ts';

interface Newest {
  readonly fromUs: number;
  readonly workload: Workload;
}

export class CurrentOwners {
  readonly #byEnd = new Map<string, Newest>();

  /** The claim that began last wins; that it may have ended since is not asked. */
  apply(message: OwnershipMessage): void {
    const { claims, workloads, network } = message;
    for (let i = 0; i < claims.length; i += 1) {
      const workload = workloads[claims.workload[i] ?? -1];
      if (workload === undefined || claims.prefixLength[i] !== 128 || claims.method[i] === Method.service) continue;
      const key = endKey(network, claims.addr.subarray(16 * i, 16 * i + 16), claims.port[i] ?? 0);
      const fromUs = claims.fromUs[i] ?? 0;
      const known = this.#byEnd.get(key);
      if (known === undefined || known.fromUs <= fromUs) this.#byEnd.set(key, { fromUs, workload });
    }
  }

  /** By listening port where one was ever claimed, else by address; port 0: by address alone. */
  ownerOf(network: string, addr: Uint8Array, port: number): Workload | null {
    const byPort = port > 0 ? this.#byEnd.get(endKey(network, addr, port)) : undefined;
    return (byPort ?? this.#byEnd.get(endKey(network, addr, 0)))?.workload ?? null;
  }
}

/** The look-up over values of the ownership topic, as far as a tool would have read it. */
export function currentOwners(values: Iterable<Uint8Array>): CurrentOwners {
  const owners = new CurrentOwners();
  for (const value of values) owners.apply(decodeOwnershipMessage(value));
  return owners;
}

const endKey = (network: string, addr: Uint8Array, port: number): string =>
  `${network} ${Buffer.from(addr).toString('hex')} ${port}`;
