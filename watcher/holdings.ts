/** The claims of each object as they stand, and what changed since it was last asked. Pure. */
import type { Workload } from '../schemas/generated/common.ts';
import { type Claim, claimKey, closed, type End, type Wanted } from './claims.ts';

export class Holdings {
  /** By object, then by claim. */
  readonly #held = new Map<string, Map<string, Claim>>();
  #changes: Claim[] = [];

  /** Let an object hold exactly these; what it held besides ends. A claim that it holds already keeps its times. */
  want(object: string, wanted: readonly Wanted[], end: End): void {
    const held = this.#held.get(object) ?? new Map<string, Claim>();
    const left = new Set(held.keys());
    for (const claim of wanted) {
      const key = claimKey(claim);
      left.delete(key);
      const known = held.get(key);
      if (known !== undefined && isSame(known.workload, claim.workload)) continue;
      const open = known === undefined ? { ...claim, toUs: -1, latestUs: -1 } : { ...known, workload: claim.workload };
      held.set(key, open);
      this.#changes.push(open);
    }
    for (const key of left) {
      this.#changes.push(closed(held.get(key)!, end));
      held.delete(key);
    }
    if (held.size > 0) this.#held.set(object, held);
    else this.#held.delete(object);
  }

  drop(object: string, end: End): void {
    if (this.#held.has(object)) this.want(object, [], end);
  }

  /** A claim that had ended before it was seen. */
  tell(claim: Claim): void {
    this.#changes.push(claim);
  }

  holds(object: string): boolean {
    return this.#held.has(object);
  }

  /** What began, ended or got another workload since the last call. */
  takeChanges(): Claim[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  *open(): Iterable<Claim> {
    for (const held of this.#held.values()) yield* held.values();
  }
}

export const isSame = (a: Workload | null, b: Workload | null): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);
