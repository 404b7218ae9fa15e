/** The runs of the partitions that a member was given: started, drained, and never two of one partition at once. */
import type { Assignment } from '../log.ts';
import type { Clock } from '../../contract/clock.ts';

export type Run = (assignment: Assignment) => Promise<void>;

interface Running {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
  /** Monotonic, ms. */
  readonly startedMs: number;
  /** Reads under way. */
  readsCount: number;
  askedMs: number;
  deliveredMs: number;
  /** The last read that succeeded began at the end of the partition. */
  isCaughtUp: boolean;
}

export class Runs {
  readonly #run: Run;
  readonly #failed: (error: unknown) => void;
  readonly #running = new Map<number, Running>();
  /** Runs that did not end in time: the next one of the partition waits for them. */
  readonly #late = new Map<number, Promise<void>>();

  constructor(run: Run, failed: (error: unknown) => void) {
    this.#run = run;
    this.#failed = failed;
  }

  /** Also those whose run has returned: they are ours until they are taken away. */
  get partitions(): readonly number[] {
    return [...this.#running.keys()];
  }

  has(partition: number): boolean {
    return this.#running.has(partition);
  }

  /** Of some partition that is ours still the run was told to end. */
  get hasAborted(): boolean {
    return this.partitions.some((partition) => this.isAborted(partition));
  }

  /** Its run was told to end, and the partition is ours still. */
  isAborted(partition: number): boolean {
    return this.#running.get(partition)?.abort.signal.aborted === true;
  }

  start(assignment: Omit<Assignment, 'signal'>): void {
    const { partition } = assignment;
    const abort = new AbortController();
    const before = this.#late.get(partition) ?? Promise.resolve();
    const nowMs = performance.now();
    this.#running.set(partition, {
      abort,
      ended: before.then(() => this.#one({ ...assignment, signal: abort.signal })),
      startedMs: nowMs,
      readsCount: 0,
      askedMs: nowMs,
      deliveredMs: nowMs,
      isCaughtUp: false,
    });
  }

  /** Runs are told to end; they are ours still. */
  abort(partitions: readonly number[] = this.partitions): void {
    for (const partition of partitions) this.#running.get(partition)?.abort.abort();
  }

  /** Ours no more; where it is given to us again, the next run waits for this one. */
  letGo(partition: number): void {
    const running = this.#running.get(partition);
    if (running === undefined) return;
    this.#running.delete(partition);
    const late = running.ended.then(() => {
      if (this.#late.get(partition) === late) this.#late.delete(partition);
    });
    this.#late.set(partition, late);
  }

  /** Abort, wait for at most `withinMs`, and let go. False when some had not ended. */
  async drain(partitions: readonly number[], withinMs: number, clock: Clock): Promise<boolean> {
    this.abort(partitions);
    const ending = partitions.flatMap((partition) => this.#running.get(partition)?.ended ?? []);
    const timer = new AbortController();
    const inTime = await Promise.race([
      Promise.all(ending).then(() => true),
      clock.sleep(withinMs, timer.signal).then(() => false),
    ]);
    timer.abort();
    for (const partition of partitions) this.letGo(partition);
    return inTime;
  }

  /** When all have ended, however long that takes. */
  async ended(): Promise<void> {
    await Promise.all([...[...this.#running.values()].map(({ ended }) => ended), ...this.#late.values()]);
  }

  asked(partition: number): void {
    const running = this.#running.get(partition);
    if (running === undefined) return;
    running.readsCount++;
    running.askedMs = performance.now();
  }

  /** `messages` null: the read failed. */
  answered(partition: number, messages: number | null, isCaughtUp: boolean): void {
    const running = this.#running.get(partition);
    if (running === undefined) return;
    running.readsCount = Math.max(0, running.readsCount - 1);
    if (messages === null) return;
    running.isCaughtUp = isCaughtUp;
    if (messages > 0 || isCaughtUp) running.deliveredMs = performance.now();
  }

  /** A partition whose run asks for messages, is not at the end, and got none for `stallMs`. */
  stalled(stallMs: number): number | null {
    const nowMs = performance.now();
    for (const [partition, { abort, readsCount, askedMs, deliveredMs, isCaughtUp }] of this.#running) {
      const isAsking = readsCount > 0 || nowMs - askedMs < stallMs / 2;
      if (!abort.signal.aborted && isAsking && !isCaughtUp && nowMs - deliveredMs > stallMs) return partition;
    }
    return null;
  }

  async #one(assignment: Assignment): Promise<void> {
    if (assignment.signal.aborted) return;
    try {
      await this.#run(assignment);
    } catch (error) {
      this.#failed(error);
    }
  }
}
