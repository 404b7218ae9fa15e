/** Rules of exactly once, each left out by an edit of the source, with the rounds within which a campaign must be red. */
import type { SourceEdit } from './edits.ts';

export interface Plant {
  readonly name: string;
  /** The rule that is left out, as the architecture says it. */
  readonly rule: string;
  readonly edits: readonly SourceEdit[];
  /** Red at the latest in this round. */
  readonly rounds: number;
  /** The faults of each round, by name; all kinds by their weights where it is absent. */
  readonly faults?: readonly string[];
}

export const PLANTS: readonly Plant[] = [];
