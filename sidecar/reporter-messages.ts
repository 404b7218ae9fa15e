/** Claims as ownership messages of one reporter, numbered from 0. Pure but for its counter. */
import { type OwnershipKind, ReporterKind, type Workload } from '../schemas/generated/common.ts';
import { ClaimColumns, encodeOwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import type { Claim } from './claims.ts';

export interface Reporter {
  readonly cluster: string;
  readonly network: string;
  readonly reporter: string;
  /** A life of this reporter: a new one each time it starts. */
  readonly epoch: string;
  readonly intervalMs: number;
}

export interface OwnershipPart {
  readonly reporter: string;
  readonly kind: OwnershipKind;
  readonly bytes: Uint8Array;
}

/** A claim's columns take at most this (ClaimColumns), its workload its strings besides. */
const CLAIM_BYTES_MAX = 76;
/** Header strings and framing. */
const MESSAGE_BYTES_SPARE = 4096;

/** Claims in groups that surely fit a message; none of none. */
export function groupsOf(claims: readonly Claim[], bytesMax: number): Claim[][] {
  const groups: Claim[][] = [];
  let group: Claim[] = [];
  let bytes = MESSAGE_BYTES_SPARE;
  const known = new Set<string>();
  for (const claim of claims) {
    const text = claim.workload === null ? '' : JSON.stringify(claim.workload);
    let more = CLAIM_BYTES_MAX + (known.has(text) ? 0 : Buffer.byteLength(text));
    if (group.length > 0 && bytes + more > bytesMax) {
      groups.push(group);
      group = [];
      bytes = MESSAGE_BYTES_SPARE;
      known.clear();
      more = CLAIM_BYTES_MAX + Buffer.byteLength(text);
    }
    known.add(text);
    group.push(claim);
    bytes += more;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

export class ReporterMessages {
  readonly #reporter: Reporter;
  #seq = 0;

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  encode(kind: OwnershipKind, list: readonly Claim[], asOfUs: number): OwnershipPart {
    const { workloads, claims } = columnsOf(list);
    const seq = this.#seq++;
    const header = { ...this.#reporter, reporterKind: ReporterKind.sidecar, seq, kind, asOfUs };
    const bytes = encodeOwnershipMessage({ ...header, workloads, pods: [], claims });
    return { reporter: this.#reporter.reporter, kind, bytes };
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
