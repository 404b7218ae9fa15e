/**
 * Connections to one broker that wait for messages. A broker works at one request a connection, so each waiting read
 * has its own; beyond `lanesMax` reads take turns in order.
 */
import type { Lane } from './lane.ts';

export class FetchLanes {
  readonly #open: () => Promise<Lane>;
  readonly #lanesMax: number;
  readonly #lanes = new Set<Lane>();
  readonly #idle: Lane[] = [];
  readonly #waiters: (() => void)[] = [];
  #takenCount = 0;
  #isClosed = false;

  constructor(open: () => Promise<Lane>, lanesMax: number) {
    this.#open = open;
    this.#lanesMax = lanesMax;
  }

  /** Reads that wait for a lane. */
  get waitersCount(): number {
    return this.#waiters.length;
  }

  /** Give a lane to `use` alone. A lane that `use` closed is forgotten. */
  async with<T>(use: (lane: Lane) => Promise<T>): Promise<T> {
    if (this.#takenCount >= this.#lanesMax) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    else this.#takenCount++;
    let lane: Lane | null = null;
    try {
      lane = this.#idleLane() ?? (await this.#openLane());
      return await use(lane);
    } finally {
      this.#giveBack(lane);
      // The place goes to who waits, or is free again.
      const next = this.#waiters.shift();
      if (next === undefined) this.#takenCount--;
      else next();
    }
  }

  /** What is under way fails. */
  close(): void {
    this.#isClosed = true;
    for (const lane of this.#lanes) lane.close();
    this.#lanes.clear();
  }

  async #openLane(): Promise<Lane> {
    const lane = await this.#open();
    if (this.#isClosed) lane.close();
    else this.#lanes.add(lane);
    return lane;
  }

  #giveBack(lane: Lane | null): void {
    if (lane === null) return;
    if (lane.isOpen && !this.#isClosed) this.#idle.push(lane);
    else this.#drop(lane);
  }

  #drop(lane: Lane): void {
    lane.close();
    this.#lanes.delete(lane);
  }

  #idleLane(): Lane | null {
    for (let lane = this.#idle.pop(); lane !== undefined; lane = this.#idle.pop()) {
      if (lane.isOpen) return lane;
      this.#drop(lane);
    }
    return null;
  }
}
