/**
 * What is held and there, as ownership messages. Pure but for its counters.
 *
 * A full list must fit one message. Where a cluster has more than that the watcher speaks as several reporters, each
 * with a share of the objects by UID, so that every one of them can say its whole list again and again.
 */
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import { OwnershipKind, type Pod, ReporterKind, type Workload } from '../schemas/generated/common.ts';
import { ClaimColumns, encodeOwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import type { Claim } from './claims.ts';
import type { Changes } from './cluster.ts';

export interface Reporter {
  readonly cluster: string;
  readonly network: string;
  readonly reporter: string;
  /** A life of this reporter: a new one each time it starts. */
  readonly epoch: string;
  readonly intervalMs: number;
}

export interface Part {
  readonly kind: OwnershipKind;
  readonly bytes: Uint8Array;
}

/** Of columns; strings of workloads come besides. */
const CLAIM_BYTES = 76;
const POD_BYTES = 25;
/** Lengths of a workload's strings. */
const WORKLOAD_BYTES = 14 * 2;
/** Header strings and framing. */
const SPARE_BYTES = 4096;

/** More than its encoding will have. */
export function bytesOf({ claims, pods }: Changes): number {
  const known = new Set<Workload>();
  let bytes = SPARE_BYTES;
  for (const { workload } of claims) bytes += CLAIM_BYTES + (workload === null ? 0 : workloadBytes(workload, known));
  for (const { workload } of pods) bytes += POD_BYTES + workloadBytes(workload, known);
  return bytes;
}

/** Claims and pods in groups that surely fit a message; at least one group. */
export function groupsOf({ claims, pods }: Changes, bytesMax: number = OWNERSHIP_MESSAGE_BYTES_MAX): Changes[] {
  const groups: { claims: Claim[]; pods: Changes['pods'][number][] }[] = [];
  let known = new Set<Workload>();
  let bytes = Number.POSITIVE_INFINITY;
  const room = (own: number, workload: Workload | null): (typeof groups)[number] => {
    const more = own + (workload === null ? 0 : workloadBytes(workload, known));
    if (bytes + more <= bytesMax) bytes += more;
    else {
      groups.push({ claims: [], pods: [] });
      known = new Set();
      bytes = SPARE_BYTES + own + (workload === null ? 0 : workloadBytes(workload, known));
    }
    return groups.at(-1)!;
  };
  for (const pod of pods) room(POD_BYTES, pod.workload).pods.push(pod);
  for (const claim of claims) room(CLAIM_BYTES, claim.workload).claims.push(claim);
  return groups.length === 0 ? [{ claims: [], pods: [] }] : groups;
}

/** What a workload adds: nothing where the message names it already. */
function workloadBytes(workload: Workload, known: Set<Workload>): number {
  if (known.has(workload)) return 0;
  known.add(workload);
  const texts = Object.values(workload) as string[];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), WORKLOAD_BYTES);
}

export class ReporterMessages {
  readonly #reporter: Reporter;
  #seq = 0;

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  encode(kind: OwnershipKind, { claims, pods }: Changes, asOfUs: number): Part {
    const workloads = new Workloads();
    const columns = new ClaimColumns(claims.length);
    claims.forEach((claim, row) => {
      columns.addr.set(claim.addr, 16 * row);
      columns.prefixLength[row] = claim.prefixLength;
      columns.port[row] = claim.port;
      columns.workload[row] = claim.workload === null ? -1 : workloads.index(claim.workload);
      columns.method[row] = claim.method;
      columns.earliestUs[row] = claim.earliestUs;
      columns.fromUs[row] = claim.fromUs;
      columns.toUs[row] = claim.toUs;
      columns.latestUs[row] = claim.latestUs;
    });
    columns.length = claims.length;
    const stated = pods.map(
      ({ workload, fromUs, toUs }): Pod => ({ workload: workloads.index(workload), fromUs, toUs }),
    );
    const message = { ...this.#reporter, reporterKind: ReporterKind.watcher, seq: this.#seq, kind, asOfUs };
    const bytes = encodeOwnershipMessage({ ...message, workloads: workloads.list, pods: stated, claims: columns });
    this.#seq += 1;
    return { kind, bytes };
  }

  /** A list or a change in as many messages as it takes. Only the last may say that all up to `asOfUs` is said. */
  encodeAll(first: OwnershipKind, changes: Changes, asOfUs: number, previousAsOfUs: number): Part[] {
    const groups = groupsOf(changes);
    return groups.map((group, i) =>
      this.encode(i === 0 ? first : OwnershipKind.delta, group, i === groups.length - 1 ? asOfUs : previousAsOfUs),
    );
  }
}

/** The dictionary of one message. */
class Workloads {
  readonly list: Workload[] = [];
  readonly #byObject = new Map<Workload, number>();
  readonly #byText = new Map<string, number>();

  index(workload: Workload): number {
    const seen = this.#byObject.get(workload);
    if (seen !== undefined) return seen;
    const text = JSON.stringify(workload);
    const known = this.#byText.get(text) ?? this.list.push(workload) - 1;
    this.#byText.set(text, known);
    this.#byObject.set(workload, known);
    return known;
  }
}
