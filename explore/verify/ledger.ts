/** What the losses consist of: who lost how many, and why. */
import type { LossEntry } from '../../schemas/objects.ts';

export interface LedgerSum {
  readonly stage: string;
  readonly reason: string;
  readonly intentional: boolean;
  readonly entries: number;
  /** Flow numbers. */
  readonly flows: number;
  /** Entries that do not know how many. */
  readonly unknown: number;
}

export const ledgerOf = (losses: readonly LossEntry[]): LedgerSum[] =>
  add(
    losses.map(({ stage, reason, intentional, flows }) => {
      return { stage, reason, intentional, entries: 1, flows: flows ?? 0, unknown: flows === null ? 1 : 0 };
    }),
  );

export const mergeLedgers = (ledgers: readonly (readonly LedgerSum[])[]): LedgerSum[] => add(ledgers.flat());

/** By stage, reason and intention, in the order of their names. */
function add(parts: readonly LedgerSum[]): LedgerSum[] {
  const sums = new Map<string, LedgerSum>();
  for (const part of parts) {
    const key = `${part.stage}\0${part.reason}\0${part.intentional}`;
    const sum = sums.get(key) ?? { ...part, entries: 0, flows: 0, unknown: 0 };
    const { entries, flows, unknown } = sum;
    sums.set(key, {
      ...sum,
      entries: entries + part.entries,
      flows: flows + part.flows,
      unknown: unknown + part.unknown,
    });
  }
  return [...sums.keys()].sort().map((key) => sums.get(key)!);
}
