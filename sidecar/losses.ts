/** Drops, from cumulative counters to the loss entries of a batch. */
import type { Loss } from '../schemas/generated/common.ts';
import type { SourceCounters } from './flow-source.ts';

interface Entry {
  readonly stage: string;
  readonly reason: string;
  flows: number;
  startUs: number;
  endUs: number;
}

export class LossLedger {
  readonly #told = new Map<string, number>();
  readonly #entries = new Map<string, Entry>();
  #observedUs: number;

  /** `told`: drops of the kernel that an earlier process has told. */
  constructor(nowUs: number, told = 0) {
    this.#observedUs = nowUs;
    this.#told.set('ring_full', told);
  }

  /** Flow numbers that wait to be told. */
  get flows(): number {
    let sum = 0;
    for (const entry of this.#entries.values()) sum += entry.flows;
    return sum;
  }

  /** Of those, the flows for which there was no room: nobody counts them but this process. */
  get overload(): number {
    return this.#entries.get('sidecar/overload')?.flows ?? 0;
  }

  /** Take the kernel's counters at a moment. Returns how many flows were newly lost. */
  observe(counters: SourceCounters, nowUs: number): number {
    let lost = 0;
    for (const [reason, total] of Object.entries(counters.dropped)) {
      const more = total - (this.#told.get(reason) ?? 0);
      if (more <= 0) continue;
      this.#told.set(reason, total);
      this.#add('kernel', reason, more, nowUs);
      lost += more;
    }
    this.#observedUs = nowUs;
    return lost;
  }

  /** Flows for which there was no room in memory. */
  addOverload(flows: number, nowUs: number): void {
    if (flows > 0) this.#add('sidecar', 'overload', flows, nowUs);
  }

  /** What waits to be told. It stays until `clear`. */
  entries(): readonly Loss[] {
    return [...this.#entries.values()].map(({ stage, reason, flows, startUs, endUs }) => ({
      stage,
      reason,
      flows,
      intervalStartUs: startUs,
      intervalEndUs: endUs,
      intentional: false,
    }));
  }

  clear(): void {
    this.#entries.clear();
  }

  #add(stage: string, reason: string, flows: number, nowUs: number): void {
    const key = `${stage}/${reason}`;
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { stage, reason, flows, startUs: Math.min(this.#observedUs, nowUs), endUs: nowUs });
    } else {
      entry.flows += flows;
      entry.endUs = nowUs;
    }
  }
}

/** The losses with so many more refused records. */
export function withInvalid(losses: readonly Loss[], flows: number, nowUs: number): readonly Loss[] {
  if (flows === 0) return losses;
  const isInvalid = ({ reason }: Loss): boolean => reason === 'record_invalid';
  const interval = { intervalStartUs: nowUs, intervalEndUs: nowUs };
  const none: Loss = { stage: 'sidecar', reason: 'record_invalid', flows: 0, ...interval, intentional: false };
  const known = losses.find(isInvalid) ?? none;
  return [...losses.filter((entry) => !isInvalid(entry)), { ...known, flows: known.flows + flows }];
}
