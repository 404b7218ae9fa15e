/** Batches that are sealed and not yet acknowledged, oldest first, and the plan that a next process needs of them. */
import type { Loss } from '../schemas/generated/common.ts';
import type { Plan } from './plan.ts';

export interface SentBatch {
  readonly seq: number;
  readonly first: number;
  readonly next: number;
  /** Of the ring: the batch covers what lies between these two positions. */
  readonly begin: number;
  readonly end: number;
  readonly rows: number;
  readonly losses: readonly Loss[];
  /** Kernel drops that were told before it. */
  readonly toldBefore: number;
  readonly oldestUs: number;
  readonly bytes: number;
  /** The ring still has its records; a batch that has not is in memory only. */
  readonly inRing: boolean;
}

/** What comes after the last batch. */
export type StreamEnd = Omit<Plan, 'batches'>;

export class Unacknowledged {
  #batches: SentBatch[] = [];
  #bytes = 0;
  /** Batches at the front whose records are no longer in the ring. */
  #memoryOnly = 0;

  get length(): number {
    return this.#batches.length;
  }

  /** Of the messages. */
  get bytes(): number {
    return this.#bytes;
  }

  get oldestUs(): number | null {
    return this.#batches[0]?.oldestUs ?? null;
  }

  /** Batches that the ring still has. */
  get inRing(): number {
    return this.#batches.length - this.#memoryOnly;
  }

  push(batch: SentBatch): void {
    this.#batches.push(batch);
    this.#bytes += batch.bytes;
    if (!batch.inRing) this.#memoryOnly = this.#batches.length;
  }

  /** The oldest `count` are durable. */
  take(count: number): readonly SentBatch[] {
    const taken = this.#batches.splice(0, count);
    for (const { bytes } of taken) this.#bytes -= bytes;
    this.#memoryOnly = Math.max(0, this.#memoryOnly - taken.length);
    return taken;
  }

  /** The ring may have the room of the oldest batch that it still holds. */
  letGo(): void {
    this.#memoryOnly = Math.min(this.#memoryOnly + 1, this.#batches.length);
  }

  /** What a next process needs: it sends again what the ring still has, and goes on from `end`. */
  plan(end: StreamEnd): Plan {
    const held = this.#batches.slice(this.#memoryOnly);
    const batches = held.map(({ end: position, first, next, losses }) => ({
      end: position,
      rows: next - first - losses.reduce((sum, { flows }) => sum + flows, 0),
      losses,
    }));
    const oldest = held[0];
    if (oldest === undefined) return { ...end, batches };
    const { seq, first, begin, toldBefore } = oldest;
    return { ...end, seq, next: first, position: begin, told: toldBefore, batches };
  }
}
