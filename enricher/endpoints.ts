/**
 * The distinct ends of one batch: who held (address, port) is looked up once here, however many flows name it.
 *
 * A slot is (address, port, owner): `owner` is -1 where the history is asked who it was, else the batch's own number of
 * the workload that the capture saw, and the history only tells since when. Port 0: the address alone.
 */
import { OwnerAt } from './ownership/owner-at.ts';
import type { Network } from './ownership/reporters.ts';
import type { HistoryTables } from './ownership/tables.ts';

const SLOTS_MIN = 256;

export class EndpointDictionary {
  /** Slots in use. */
  length = 0;
  /** Four words a slot. */
  words: Int32Array = new Int32Array(4 * SLOTS_MIN);
  port: Int32Array = new Int32Array(SLOTS_MIN);
  owner: Int32Array = new Int32Array(SLOTS_MIN);
  /** The latest end of its flows, us. */
  endUs: Float64Array = new Float64Array(SLOTS_MIN);
  /** Its entries in the history, -1: none. */
  whole: Int32Array = new Int32Array(SLOTS_MIN);
  ofPort: Int32Array = new Int32Array(SLOTS_MIN);
  /** 1: nothing that is still to come can change the answer up to `endUs`. */
  ready: Uint8Array = new Uint8Array(SLOTS_MIN);
  /** 1: `answers` holds one. */
  asked: Uint8Array = new Uint8Array(SLOTS_MIN);
  readonly answers: OwnerAt[] = [];
  #index = new Int32Array(2 * SLOTS_MIN);

  reset(): void {
    this.length = 0;
    this.#index.fill(0);
  }

  /** Find the entries of all slots. */
  locate(history: HistoryTables, network: Network): void {
    const { words } = this;
    for (let slot = 0; slot < this.length; slot += 1) {
      const whole = history.entryOf(network, words, 4 * slot);
      this.whole[slot] = whole;
      this.ofPort[slot] = history.portEntryOf(network, words, 4 * slot, this.port[slot]!, whole);
    }
  }

  /** The slot of an end, made when there is none. Allocates only to grow. */
  slot(words: Int32Array, at: number, port: number, owner: number, endUs: number): number {
    if (2 * (this.length + 1) > this.#index.length) this.#grow();
    const a0 = words[at]!;
    const a1 = words[at + 1]!;
    const a2 = words[at + 2]!;
    const a3 = words[at + 3]!;
    const index = this.#index;
    const mask = index.length - 1;
    const keys = this.words;
    for (let place = hashEnd(a0, a1, a2, a3, port, owner) & mask; ; place = (place + 1) & mask) {
      const slot = index[place]! - 1;
      if (slot < 0) {
        index[place] = this.length + 1;
        return this.#add(a0, a1, a2, a3, port, owner, endUs);
      }
      const k = 4 * slot;
      if (keys[k + 3] !== a3 || this.port[slot] !== port || this.owner[slot] !== owner) continue;
      if (keys[k] !== a0 || keys[k + 1] !== a1 || keys[k + 2] !== a2) continue;
      if (endUs > this.endUs[slot]!) this.endUs[slot] = endUs;
      return slot;
    }
  }

  #add(a0: number, a1: number, a2: number, a3: number, port: number, owner: number, endUs: number): number {
    const slot = this.length;
    this.length += 1;
    this.words[4 * slot] = a0;
    this.words[4 * slot + 1] = a1;
    this.words[4 * slot + 2] = a2;
    this.words[4 * slot + 3] = a3;
    this.port[slot] = port;
    this.owner[slot] = owner;
    this.endUs[slot] = endUs;
    this.ready[slot] = 0;
    this.asked[slot] = 0;
    if (slot === this.answers.length) this.answers.push(new OwnerAt());
    return slot;
  }

  #grow(): void {
    const capacity = this.#index.length;
    const grown = <T extends Int32Array | Float64Array | Uint8Array>(old: T, column: T): T => {
      column.set(old);
      return column;
    };
    this.words = grown(this.words, new Int32Array(4 * capacity));
    this.port = grown(this.port, new Int32Array(capacity));
    this.owner = grown(this.owner, new Int32Array(capacity));
    this.endUs = grown(this.endUs, new Float64Array(capacity));
    this.whole = grown(this.whole, new Int32Array(capacity));
    this.ofPort = grown(this.ofPort, new Int32Array(capacity));
    this.ready = grown(this.ready, new Uint8Array(capacity));
    this.asked = grown(this.asked, new Uint8Array(capacity));
    this.#index = new Int32Array(2 * capacity);
    const mask = this.#index.length - 1;
    for (let slot = 0; slot < this.length; slot += 1) {
      const k = 4 * slot;
      const w = this.words;
      let place = hashEnd(w[k]!, w[k + 1]!, w[k + 2]!, w[k + 3]!, this.port[slot]!, this.owner[slot]!) & mask;
      while (this.#index[place] !== 0) place = (place + 1) & mask;
      this.#index[place] = slot + 1;
    }
  }
}

function hashEnd(a0: number, a1: number, a2: number, a3: number, port: number, owner: number): number {
  let h = Math.imul(a3 ^ (a3 >>> 15), 0x85ebca6b) ^ Math.imul(port + 0x9e37, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13) ^ a2, 0x27d4eb2f) ^ Math.imul(owner, 0x165667b1);
  h = Math.imul(h ^ (h >>> 15) ^ a1, 0x9e3779b1) ^ a0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return h ^ (h >>> 13);
}
