const DELAYED = 'kafka delayed';

/** Faults that were delivered, by kind and stage; counted where they were seen to happen. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();

  add(kind: string, stage: string, count = 1): void {
    const stages = this.#counts.get(kind) ?? new Map<string, number>();
    this.#counts.set(kind, stages.set(stage, (stages.get(stage) ?? 0) + count));
  }

  /** All but frames that were only delayed. */
  get delivered(): number {
    return [...this.#counts].reduce((sum, [kind]) => sum + (kind === DELAYED ? 0 : this.#of(kind)), 0);
  }

  get delayed(): number {
    return this.#of(DELAYED);
  }

  #of(kind: string): number {
    return [...(this.#counts.get(kind)?.values() ?? [])].reduce((all, each) => all + each, 0);
  }

  /** kind -> stage -> how often. */
  toJSON(): Record<string, Record<string, number>> {
    const sorted = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted.map(([kind, stages]) => [kind, Object.fromEntries(stages)]));
  }
}
