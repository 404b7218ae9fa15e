/**
 * Ring records that cannot be (WEIR_SIDECAR_RECORD_INVALID), by their place in the ring: the batch that covers the place
 * tells of them, so that a process which reads the stretch again tells the same.
 */
import type { Loss } from '../schemas/generated/common.ts';

interface Refused {
  readonly end: number;
  readonly readMs: number;
}

export class RefusedRecords {
  #records: Refused[] = [];

  /** Not yet told. */
  get length(): number {
    return this.#records.length;
  }

  /** When the oldest was read; Infinity when there is none. */
  get sinceMs(): number {
    return this.#records[0]?.readMs ?? Infinity;
  }

  /** The wall clock was set by so much. */
  clockSet(byMs: number): void {
    this.#records = this.#records.map(({ end, readMs }) => ({ end, readMs: readMs + byMs }));
  }

  /** `ends`: positions after them, in ring order. */
  add(ends: readonly number[], readMs: number): void {
    for (const end of ends) this.#records.push({ end, readMs });
  }

  /** The loss entry of the stretch up to `end`, or none. */
  lossesUpTo(end: number): readonly Loss[] {
    const flows = this.countUpTo(end);
    if (flows === 0) return [];
    return [
      {
        stage: 'sidecar',
        reason: 'record_invalid',
        flows,
        intervalStartUs: this.#records[0]!.readMs * 1000,
        intervalEndUs: this.#records[flows - 1]!.readMs * 1000,
        intentional: false,
      },
    ];
  }

  /** They were told. */
  dropUpTo(end: number): number {
    const told = this.countUpTo(end);
    this.#records = this.#records.slice(told);
    return told;
  }

  countUpTo(end: number): number {
    const beyond = this.#records.findIndex((record) => record.end > end);
    return beyond < 0 ? this.#records.length : beyond;
  }
}
