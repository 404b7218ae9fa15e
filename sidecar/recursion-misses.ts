/** Program runs that the kernel skipped, from its cumulative counts to the metric. */
import type { Meter } from '../contract/meter.ts';
import type { SourceCounters } from './flow-source.ts';

export class RecursionMisses {
  readonly #meter: Meter;
  readonly #told = new Map<string, number>();

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** A program without a miss is told as 0. */
  observe({ recursionMisses }: SourceCounters): void {
    for (const [program, total] of Object.entries(recursionMisses)) {
      const more = total - (this.#told.get(program) ?? 0);
      if (more < 0) continue;
      if (more > 0 || !this.#told.has(program)) {
        this.#meter.add('weir_sidecar_recursion_misses_total', more, { program });
      }
      this.#told.set(program, total);
    }
  }
}
