/**
 * The enricher's workers: each has a replica of the ownership history and joins one task at a time.
 *
 * Tasks are given in the order of their ownership positions, and a worker applies exactly the messages below its task's,
 * so what a task sees does not depend on which worker takes it, or when.
 */
import { extname } from 'node:path';
import { Piscina } from 'piscina';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import { RAW_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import type { Message, Offset } from '../transport/log.ts';
import type { EnrichResult, Provenance } from './enrich.ts';
import type { GeoMemory } from './geo/geo-table.ts';
import { HISTORY_DEFAULTS, type HistoryOptions } from './ownership/history.ts';
import type { ExternalAddresses } from './privacy.ts';
import type { Need } from './ready.ts';
import {
  type ClaimCounts,
  SLOT_BYTES,
  type SlotMessage,
  type Task,
  type TaskResult,
  type WorkerSetup,
} from './task.ts';
import { updateLogMemory, UpdateLogWriter } from './update-log.ts';

/** Of ownership messages on their way to the workers; the writer waits when a worker is a whole ring behind. */
const UPDATE_RING_BYTES: number = 4 * 1024 * 1024;
/** A task begins while another runs, so that no worker waits for the copying. */
const SLOTS_PER_WORKER = 2;

/**
 * A worker's heap. What a batch leaves is short-lived, and more room for it is never given back. The rest is some 40 MB a
 * million addresses: far from the bound, which V8 derives from how much garbage it lets lie (half, and not three times,
 * of what is in use).
 */
const HEAP = { maxYoungGenerationSizeMb: 6, maxOldGenerationSizeMb: 1024 } as const;

export interface PoolOptions {
  readonly workers: number;
  readonly history?: HistoryOptions;
  readonly externalAddresses?: ExternalAddresses;
}

export type Origin = Omit<Provenance, 'ownershipNext'>;

/** Raw messages of one partition in offset order; `force` where the hold has ended. */
export interface PoolInput {
  readonly message: Message;
  readonly force: boolean;
}

export class EnricherPool {
  readonly #pool: Piscina<Task, TaskResult>;
  readonly #updates: UpdateLogWriter;
  readonly #slots: Uint8Array;
  readonly #freeSlots: number[];
  readonly #slotWaiters: ((slot: number) => void)[] = [];
  /** Positions of the tasks under way, in the order given: never falling. */
  readonly #positions: number[] = [];
  /** The table of places for the tasks from here on. */
  geo: GeoMemory | null = null;
  #next = 0;
  #claims: ClaimCounts = { applied: 0, refused: 0, fault: '', next: -1 };

  constructor({ workers, history = HISTORY_DEFAULTS, externalAddresses = 'keep' }: PoolOptions) {
    const updates = updateLogMemory(workers, UPDATE_RING_BYTES);
    const slots = new SharedArrayBuffer(SLOTS_PER_WORKER * workers * SLOT_BYTES);
    const workerData: WorkerSetup = { updates, slots, history, externalAddresses };
    this.#updates = new UpdateLogWriter(updates);
    this.#slots = new Uint8Array(slots);
    this.#freeSlots = Array.from({ length: SLOTS_PER_WORKER * workers }, (_, slot) => slot);
    this.#pool = new Piscina<Task, TaskResult>({
      // Run from source or from dist: the worker lies beside this file, with the same extension.
      filename: new URL(`./worker${extname(new URL(import.meta.url).pathname)}`, import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      idleTimeout: Number.POSITIVE_INFINITY,
      // An idle worker must see the update log grow, which it cannot while it blocks for a task.
      atomics: 'disabled',
      stricterFIFO: true,
      resourceLimits: HEAP,
      workerData,
    });
  }

  /** The ownership topic is here below this offset: the position of the next task. */
  get position(): number {
    return this.#next;
  }

  /** What the furthest worker's history has refused. */
  get claims(): ClaimCounts {
    return this.#claims;
  }

  /**
   * Give the workers an ownership message; `next` is the offset after it. One call at a time, in log order.
   * @throws WEIR_TRANSPORT_MESSAGE_TOO_LARGE; it is left out, and the position moves on
   */
  async update(message: Message, signal?: AbortSignal): Promise<void> {
    try {
      await this.#updates.append(message.offset, message.appendMs, message.value, signal);
    } finally {
      this.#next = message.offset + 1;
      this.#allow();
    }
  }

  /** The topic was read up to here, holes included. */
  reached(next: Offset): void {
    if (next <= this.#next) return;
    this.#next = next;
    this.#allow();
  }

  /** Join messages at the current position. They must fit a slot together. */
  async enrich(
    inputs: readonly PoolInput[],
    origin: Origin,
  ): Promise<EnrichResult & { readonly ownershipNext: number }> {
    const slot = await this.#takeSlot();
    try {
      const messages = this.#fill(slot, inputs);
      for (;;) {
        const provenance = { ...origin, ownershipNext: this.#next };
        const { result } = await this.#run({ kind: 'enrich', provenance, slot, geo: this.geo, messages }, this.#next);
        if (result !== null) return { ...result, ownershipNext: provenance.ownershipNext };
      }
    } finally {
      this.#giveSlot(slot);
    }
  }

  /** Whether what a batch waited for has come. */
  async look(needs: readonly Need[]): Promise<boolean> {
    const { changed, stale } = await this.#run({ kind: 'look', ownershipNext: this.#next, needs }, this.#next);
    return changed || stale;
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #run(task: Task, position: number): Promise<TaskResult> {
    this.#positions.push(position);
    try {
      const result = await this.#pool.run(task);
      if (result.claims.next > this.#claims.next) this.#claims = result.claims;
      return result;
    } catch (cause) {
      throw fromUnknown(cause, 'WEIR_INTERNAL', 'an enricher worker failed');
    } finally {
      this.#positions.splice(this.#positions.indexOf(position), 1);
      this.#allow();
    }
  }

  /** Every task still to end has a position of at least this. */
  #allow(): void {
    this.#updates.allow(this.#positions[0] ?? this.#next);
  }

  #fill(slot: number, inputs: readonly PoolInput[]): SlotMessage[] {
    let from = 0;
    return inputs.map(({ message, force }) => {
      const { offset, appendMs, headers, value } = message;
      const oversize = isOversize(message);
      const bytes = oversize ? 0 : value.byteLength;
      if (from + bytes > SLOT_BYTES) throw new WeirError('WEIR_INTERNAL', 'the messages do not fit a slot');
      if (!oversize) this.#slots.set(value, slot * SLOT_BYTES + from);
      const placed = { offset, appendMs, headers, force, oversize, from, bytes };
      from += bytes;
      return placed;
    });
  }

  async #takeSlot(): Promise<number> {
    const slot = this.#freeSlots.pop();
    return slot ?? new Promise((resolve) => this.#slotWaiters.push(resolve));
  }

  #giveSlot(slot: number): void {
    const waiter = this.#slotWaiters.shift();
    if (waiter === undefined) this.#freeSlots.push(slot);
    else waiter(slot);
  }
}

/** Larger than a raw message may be: it is refused without being looked at. */
export const isOversize = ({ value }: Message): boolean => value.byteLength > RAW_MESSAGE_BYTES_MAX;
