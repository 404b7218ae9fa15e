/**
 * The ownership messages on their way to the workers: one writer, a ring of bytes in shared memory, each worker with a
 * cursor of its own. A worker applies them to its own history, so nothing that is read is ever half written.
 *
 *   control (BigInt64)  | tail | safe | cursor 0 | cursor 1 | ...      bytes ever written, topic offset, bytes ever read
 *   signals (Int32)     | readers | grown | read |                     `grown` wakes readers, `read` wakes the writer
 *   ring                | length u32, 0 u32 | offset f64 | append ms f64 | bytes, padded to 8 | ...
 *
 * A record never wraps: where it does not fit before the ring's end, a length of 2^32 - 1 says go on at the start.
 * `safe`: idle workers may apply messages below this offset, and no further, because every task still to begin is
 * joined at it or later.
 */
import { WeirError } from '../contract/errors.ts';

const HEADER_BYTES = 24;
const WRAP = 0xffff_ffff;
const TAIL = 0;
const SAFE = 1;
const CURSORS = 2;
const READERS = 0;
const GROWN = 1;
const READ = 2;
const MESSAGE_BYTES_MIN = 65_536;
/** The writer looks again at least this often. */
const WAIT_MS = 50;

/** What the workers are given. */
export interface UpdateLogMemory {
  readonly control: SharedArrayBuffer;
  readonly signals: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  readonly readers: number;
}

export function updateLogMemory(readers: number, ringBytes: number): UpdateLogMemory {
  const control = new SharedArrayBuffer(8 * (CURSORS + readers));
  return { control, signals: new SharedArrayBuffer(16), ring: new SharedArrayBuffer(ringBytes), readers };
}

export class UpdateLogWriter {
  readonly #control: BigInt64Array;
  readonly #signals: Int32Array;
  readonly #ring: Uint8Array;
  readonly #view: DataView;
  readonly #readers: number;
  #tail = 0;

  constructor(memory: UpdateLogMemory) {
    this.#control = new BigInt64Array(memory.control);
    this.#signals = new Int32Array(memory.signals);
    this.#ring = new Uint8Array(memory.ring);
    this.#view = new DataView(memory.ring);
    this.#readers = memory.readers;
  }

  /** The largest message: half the ring, so that there is always a place where it fits. */
  get bytesMax(): number {
    return (this.#ring.length >> 1) - HEADER_BYTES;
  }

  /**
   * Append one message; waits while a worker lags a whole ring behind. One call at a time.
   * @throws WEIR_TRANSPORT_MESSAGE_TOO_LARGE past `bytesMax`; nothing was written
   */
  async append(offset: number, appendMs: number, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (bytes.byteLength > this.bytesMax) {
      const message = `ownership message ${offset} has ${bytes.byteLength} bytes, at most ${this.bytesMax} fit`;
      throw new WeirError('WEIR_TRANSPORT_MESSAGE_TOO_LARGE', message, { offset });
    }
    const need = HEADER_BYTES + padded(bytes.byteLength);
    const rest = this.#ring.length - (this.#tail % this.#ring.length);
    const skipped = need > rest ? rest : 0;
    while (this.#tail + skipped + need - this.#slowest() > this.#ring.length) {
      if (signal?.aborted === true) return;
      const seen = Atomics.load(this.#signals, READ);
      if (this.#tail + skipped + need - this.#slowest() <= this.#ring.length) break;
      await this.#read(seen);
    }
    if (skipped > 0) {
      this.#view.setUint32(this.#tail % this.#ring.length, WRAP, true);
      this.#tail += skipped;
    }
    const at = this.#tail % this.#ring.length;
    this.#view.setUint32(at, bytes.byteLength, true);
    this.#view.setFloat64(at + 8, offset, true);
    this.#view.setFloat64(at + 16, appendMs, true);
    this.#ring.set(bytes, at + HEADER_BYTES);
    this.#tail += need;
    Atomics.store(this.#control, TAIL, BigInt(this.#tail));
  }

  /** Resolves when a worker has read on since `seen`, or after a while. */
  async #read(seen: number): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.#signals, READ, seen, WAIT_MS);
    if (!async) return;
    // Such a wait does not keep the process alive, and at a start there may be nothing else that does.
    const alive = setInterval(() => undefined, WAIT_MS);
    await value;
    clearInterval(alive);
  }

  /** Let idle workers apply what lies below this topic offset. Never lower than before. */
  allow(offset: number): void {
    Atomics.store(this.#control, SAFE, BigInt(offset));
    Atomics.add(this.#signals, GROWN, 1);
    Atomics.notify(this.#signals, GROWN);
  }

  #slowest(): number {
    let least = this.#tail;
    for (let reader = 0; reader < this.#readers; reader += 1) {
      least = Math.min(least, Number(Atomics.load(this.#control, CURSORS + reader)));
    }
    return least;
  }
}

/** Apply one message; the bytes are the receiver's until it returns. */
export type ApplyUpdate = (offset: number, appendMs: number, bytes: Uint8Array) => void;

export class UpdateLogReader {
  readonly #control: BigInt64Array;
  readonly #signals: Int32Array;
  readonly #ring: Uint8Array;
  readonly #view: DataView;
  readonly #cursorAt: number;
  /** A message at a time, in memory that nobody else can write; one for all, because garbage of this kind stays long. */
  #message = new Uint8Array(MESSAGE_BYTES_MIN);
  #cursor = 0;

  /** @throws WEIR_INTERNAL when there are more readers than cursors: a worker that was replaced has lost its history */
  constructor(memory: UpdateLogMemory) {
    this.#control = new BigInt64Array(memory.control);
    this.#signals = new Int32Array(memory.signals);
    this.#ring = new Uint8Array(memory.ring);
    this.#view = new DataView(memory.ring);
    const reader = Atomics.add(this.#signals, READERS, 1);
    if (reader >= memory.readers) {
      throw new WeirError('WEIR_INTERNAL', 'an enricher worker died, and its history with it; restart the enricher');
    }
    this.#cursorAt = CURSORS + reader;
  }

  /** Apply the messages below topic offset `limit`, and none at or above it. */
  applyBelow(limit: number, apply: ApplyUpdate): void {
    const tail = Number(Atomics.load(this.#control, TAIL));
    const before = this.#cursor;
    while (this.#cursor < tail) {
      const at = this.#cursor % this.#ring.length;
      const length = this.#view.getUint32(at, true);
      if (length === WRAP) {
        this.#cursor += this.#ring.length - at;
        continue;
      }
      const offset = this.#view.getFloat64(at + 8, true);
      if (offset >= limit) break;
      const from = at + HEADER_BYTES;
      if (length > this.#message.length) this.#message = new Uint8Array(2 * length);
      const bytes = this.#message.subarray(0, length);
      bytes.set(this.#ring.subarray(from, from + length));
      this.#cursor += HEADER_BYTES + padded(length);
      apply(offset, this.#view.getFloat64(at + 16, true), bytes);
      // Free as it goes: the writer may be waiting for the room.
      if (this.#cursor - before > this.#ring.length >> 3) this.#publish();
    }
    this.#publish();
  }

  /** Apply what idle workers may. */
  applyAllowed(apply: ApplyUpdate): void {
    this.applyBelow(Number(Atomics.load(this.#control, SAFE)), apply);
  }

  /** Resolves when `allow` was called since `seen` was taken from `ticket`. */
  async grown(seen: number): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.#signals, GROWN, seen);
    if (async) await value;
  }

  ticket(): number {
    return Atomics.load(this.#signals, GROWN);
  }

  #publish(): void {
    const cursor = BigInt(this.#cursor);
    if (Atomics.load(this.#control, this.#cursorAt) === cursor) return;
    Atomics.store(this.#control, this.#cursorAt, cursor);
    Atomics.add(this.#signals, READ, 1);
    Atomics.notify(this.#signals, READ);
  }
}

const padded = (bytes: number): number => (bytes + 7) & ~7;
