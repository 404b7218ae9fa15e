/**
 * Claims as messages of the ownership topic. Pure but for its counters.
 *
 * Messages of an epoch are numbered from 0; the first is a full list. A list that does not fit one message goes out in
 * parts of the same `as_of`: at the start as a full list of what fits and deltas with the rest, which a reader takes
 * as what they are; later as deltas only, and the periodic full list, which must be whole, is left out.
 */
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import { OwnershipKind, ReporterKind, type Workload } from '../schemas/generated/common.ts';
import { ClaimColumns, encodeOwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import type { Claim } from './claims.ts';

export interface Reporter {
  readonly cluster: string;
  readonly network: string;
  readonly node: string;
  /** A life of this reporter: a new one each time it starts. */
  readonly epoch: string;
  readonly heartbeatMs: number;
}

export interface OwnershipPart {
  readonly kind: OwnershipKind;
  readonly bytes: Uint8Array;
}

/** A claim's columns take at most this (ClaimColumns), its workload its strings besides. */
const CLAIM_BYTES_MAX = 76;
/** Header strings and framing. */
const MESSAGE_BYTES_SPARE = 4096;

export class OwnershipMessages {
  readonly #reporter: Reporter;
  readonly #bytesMax: number;
  #seq = 0;
  #fullsRefused = 0;

  constructor(reporter: Reporter, bytesMax: number = OWNERSHIP_MESSAGE_BYTES_MAX) {
    this.#reporter = reporter;
    this.#bytesMax = bytesMax;
  }

  /** Periodic full lists that were too large to be sent whole. */
  get fullsRefused(): number {
    return this.#fullsRefused;
  }

  /** The first message of the epoch, and what follows it where the list is too long for one. */
  first(claims: readonly Claim[], asOfUs: number): readonly OwnershipPart[] {
    const [head = [], ...rest] = this.#parts(claims);
    return [
      this.#encode(OwnershipKind.full, head, asOfUs),
      ...rest.map((part) => this.#encode(OwnershipKind.delta, part, asOfUs)),
    ];
  }

  /** The open claims, whole; an `as_of` where they do not fit. */
  full(claims: readonly Claim[], asOfUs: number): readonly OwnershipPart[] {
    const parts = this.#parts(claims);
    if (parts.length <= 1) return [this.#encode(OwnershipKind.full, claims, asOfUs)];
    this.#fullsRefused++;
    return [this.#encode(OwnershipKind.asOf, [], asOfUs)];
  }

  /** What began and ended. Only the last part may say that everything up to `asOfUs` has been said. */
  delta(claims: readonly Claim[], asOfUs: number, previousAsOfUs: number): readonly OwnershipPart[] {
    const parts = this.#parts(claims);
    return parts.map((part, i) =>
      this.#encode(OwnershipKind.delta, part, i === parts.length - 1 ? asOfUs : previousAsOfUs),
    );
  }

  asOf(asOfUs: number): OwnershipPart {
    return this.#encode(OwnershipKind.asOf, [], asOfUs);
  }

  goodbye(asOfUs: number): OwnershipPart {
    return this.#encode(OwnershipKind.goodbye, [], asOfUs);
  }

  /** Claims in groups that surely fit a message. */
  #parts(claims: readonly Claim[]): Claim[][] {
    const parts: Claim[][] = [];
    let part: Claim[] = [];
    let bytes = MESSAGE_BYTES_SPARE;
    const known = new Set<string>();
    for (const claim of claims) {
      const text = claim.workload === null ? '' : JSON.stringify(claim.workload);
      const more = CLAIM_BYTES_MAX + (known.has(text) ? 0 : Buffer.byteLength(text));
      if (part.length > 0 && bytes + more > this.#bytesMax) {
        parts.push(part);
        part = [];
        bytes = MESSAGE_BYTES_SPARE;
        known.clear();
      }
      known.add(text);
      part.push(claim);
      bytes += more;
    }
    if (part.length > 0) parts.push(part);
    return parts;
  }

  #encode(kind: OwnershipKind, list: readonly Claim[], asOfUs: number): OwnershipPart {
    const { cluster, network, node, epoch, heartbeatMs } = this.#reporter;
    const { workloads, claims } = columnsOf(list);
    const bytes = encodeOwnershipMessage({
      cluster,
      network,
      reporter: node,
      reporterKind: ReporterKind.sidecar,
      epoch,
      seq: this.#seq++,
      kind,
      asOfUs,
      intervalMs: heartbeatMs,
      workloads,
      pods: [],
      claims,
    });
    return { kind, bytes };
  }
}

function columnsOf(list: readonly Claim[]): { workloads: Workload[]; claims: ClaimColumns } {
  const claims = new ClaimColumns(list.length);
  const workloads: Workload[] = [];
  const index = new Map<string, number>();
  list.forEach((claim, row) => {
    claims.addr.set(claim.addr, 16 * row);
    claims.prefixLength[row] = claim.prefixLength;
    claims.port[row] = claim.port;
    claims.workload[row] = claim.workload === null ? -1 : indexOf(claim.workload, workloads, index);
    claims.method[row] = claim.method;
    claims.earliestUs[row] = claim.earliestUs;
    claims.fromUs[row] = claim.fromUs;
    claims.toUs[row] = claim.toUs;
    claims.latestUs[row] = claim.latestUs;
  });
  claims.length = list.length;
  return { workloads, claims };
}

function indexOf(workload: Workload, workloads: Workload[], index: Map<string, number>): number {
  const key = JSON.stringify(workload);
  const known = index.get(key);
  if (known !== undefined) return known;
  index.set(key, workloads.length);
  return workloads.push(workload) - 1;
}
