/**
 * What many workloads have in common, once: who they are (a Deployment has many pods) and where (a node holds many).
 * Counted by the workloads that have it.
 */
import type { Workload } from '../../schemas/generated/common.ts';
import { hashText } from './text-store.ts';

/** Six of a workload's texts. */
export type Part = readonly [string, string, string, string, string, string];
export type PartOf = (workload: Workload) => Part;

export const whoOf: PartOf = (w) => [w.network, w.cluster, w.namespace, w.name, w.kind, w.labels];
export const whereOf: PartOf = (w) => [w.node, w.region, w.availabilityZone, w.accountId, w.vpcId, w.subnetId];

export const isWho = (p: Part, w: Workload): boolean =>
  p[3] === w.name &&
  p[2] === w.namespace &&
  p[4] === w.kind &&
  p[5] === w.labels &&
  p[0] === w.network &&
  p[1] === w.cluster;
export const isWhere = (p: Part, w: Workload): boolean =>
  p[0] === w.node &&
  p[5] === w.subnetId &&
  p[2] === w.availabilityZone &&
  p[1] === w.region &&
  p[3] === w.accountId &&
  p[4] === w.vpcId;

/** Texts of parts that are kept once; forgotten whole when there are more, which only costs memory. */
const TEXTS_MAX = 1 << 16;

export class PartTable {
  readonly #texts = new Map<string, string>();
  readonly #parts: (Part | null)[] = [];
  readonly #references: number[] = [];
  readonly #byHash = new Map<number, number[]>();
  readonly #free: number[] = [];

  get(id: number): Part {
    return this.#parts[id]!;
  }

  /** The number of a part, with one reference more. */
  acquire(part: Part): number {
    const hash = hashPart(part);
    const candidates = this.#byHash.get(hash);
    for (const id of candidates ?? []) {
      if (!isEqual(this.#parts[id]!, part)) continue;
      this.#references[id]! += 1;
      return id;
    }
    const id = this.#free.pop() ?? this.#parts.length;
    this.#parts[id] = part.map((text) => this.#once(text)) as unknown as Part;
    this.#references[id] = 1;
    if (candidates === undefined) this.#byHash.set(hash, [id]);
    else candidates.push(id);
    return id;
  }

  /** The same object for equal texts: a name is decoded anew with every message. */
  #once(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= TEXTS_MAX) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }

  release(id: number): void {
    this.#references[id]! -= 1;
    if (this.#references[id]! > 0) return;
    const hash = hashPart(this.#parts[id]!);
    const rest = this.#byHash.get(hash)!.filter((other) => other !== id);
    if (rest.length === 0) this.#byHash.delete(hash);
    else this.#byHash.set(hash, rest);
    this.#parts[id] = null;
    this.#free.push(id);
  }
}

function hashPart(part: Part): number {
  let h = 0x811c9dc5 | 0;
  for (const text of part) h = Math.imul(hashText(text, h) ^ 0x1f, 0x01000193);
  return h;
}

function isEqual(a: Part, b: Part): boolean {
  for (let i = 0; i < 6; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
