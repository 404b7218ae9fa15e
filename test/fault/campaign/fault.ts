/** What a fault of a campaign is, and what they share. */
import { setTimeout as pause } from 'node:timers/promises';
import type { StageChild, StageKind } from './children.ts';
import type { World } from './world.ts';

export interface Fault {
  readonly name: string;
  /** How often among the others. */
  readonly weight: number;
  /** Reasons for which it makes flows be lost, to be told. */
  readonly loses?: readonly string[];
  /**
   * A stream ends for good: if retention takes its last batches before they are in the lake, no later one tells of them
   * (verify does). So not in a round in which batches are lost.
   */
  readonly endsStream?: true;
  /** Only where there are so many brokers. */
  readonly brokers?: 1 | 3;
  run(world: World): Promise<void>;
}
/** How long a request is waited for that shall be stopped on its way. */
export const HOLD_MS = 4000;

export const between = (world: World, from: number, to: number): number => from + world.random.below(to - from);

/** With a free child of that kind; nothing happens where there is none. */
export async function withOne(
  world: World,
  kind: StageKind,
  work: (child: StageChild) => Promise<void>,
): Promise<void> {
  const child = world.take(kind);
  if (child === null) return;
  try {
    await work(child);
  } finally {
    child.isTaken = false;
  }
}

export async function killed(world: World, child: StageChild, how: string): Promise<void> {
  if (await child.kill()) world.tally.add(how, child.kind);
  await pause(world.random.below(1200));
  child.start();
}
