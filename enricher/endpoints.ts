/**
 * The distinct ends of one batch: who held (address, port) is looked up once here, however many flows name it.
 *
 * A slot is (address, port, owner): `owner` is -1 where the history is asked who it was, else the batch's own number of
 * the workload that the capture saw, and the history only tells since when. Port 0: the address alone. What is read
 * together lies together.
 *
 *   ints  | a0 a1 a2 a3 | port | owner | whole | of port | workload | method, reason, flags | service | dictionary index |
 *         | placement | place | unused |
 *   times | end | lo | hi | since |
 */
const SLOTS_MIN = 256;

export const SLOT_INTS = 16;
export const SLOT_PORT = 4;
export const SLOT_OWNER = 5;
/** Its entries in the history: `HistoryTables`. */
export const SLOT_WHOLE = 6;
export const SLOT_OF_PORT = 7;
/** The verdict on flows within [lo, hi]: the history's workload, -1: none. */
export const SLOT_WORKLOAD = 8;
/** `packVerdict`. */
export const SLOT_VERDICT = 9;
/** The history's workload that is the Service at this address, -1: none. */
export const SLOT_SERVICE = 10;
/** Of the workload in the batch's dictionary, -1: not there yet. */
export const SLOT_INDEX = 11;
/** Number of what tables say of where the address is (`Placements`), -1: nothing. */
export const SLOT_PLACEMENT = 12;
/** Number of its country and system (`GeoTable`), -1: not known. */
export const SLOT_PLACE = 13;

export const SLOT_TIMES = 4;
/** The latest end of its flows, us. */
export const SLOT_END = 0;
/** Within this stretch the verdict holds; none: each flow is judged by itself. */
export const SLOT_LO = 1;
export const SLOT_HI = 2;
export const SLOT_SINCE = 3;

/** The other end's own sidecar reports too. */
export const REPORTED = 256;
export const packVerdict = (method: number, reason: number, reported: boolean): number =>
  method | (reason << 4) | (reported ? REPORTED : 0);
export const verdictMethod = (verdict: number): number => verdict & 0xf;
export const verdictReason = (verdict: number): number => (verdict >>> 4) & 0xf;

export class EndpointDictionary {
  /** Slots in use. */
  length = 0;
  ints: Int32Array = new Int32Array(SLOT_INTS * SLOTS_MIN);
  times: Float64Array = new Float64Array(SLOT_TIMES * SLOTS_MIN);
  /** 1: nothing that is still to come can change the answer up to the slot's end. */
  ready: Uint8Array = new Uint8Array(SLOTS_MIN);
  #index = new Int32Array(2 * SLOTS_MIN);

  reset(): void {
    this.length = 0;
    this.#index.fill(0);
  }

  /** The slot of an end, made when there is none. Allocates only to grow. */
  slot(words: Int32Array, at: number, port: number, owner: number, endUs: number): number {
    const a0 = words[at]!;
    const a1 = words[at + 1]!;
    const a2 = words[at + 2]!;
    const a3 = words[at + 3]!;
    const index = this.#index;
    const mask = index.length - 1;
    const keys = this.ints;
    let place = hashEnd(a0, a1, a2, a3, port, owner) & mask;
    for (; ; place = (place + 1) & mask) {
      const slot = index[place]! - 1;
      if (slot < 0) break;
      const k = SLOT_INTS * slot;
      if (keys[k + 3] !== a3 || keys[k + SLOT_PORT] !== port || keys[k + SLOT_OWNER] !== owner) continue;
      if (keys[k] !== a0 || keys[k + 1] !== a1 || keys[k + 2] !== a2) continue;
      if (endUs > this.times[SLOT_TIMES * slot]!) this.times[SLOT_TIMES * slot] = endUs;
      return slot;
    }
    const slot = this.length;
    index[place] = slot + 1;
    this.length += 1;
    const k = SLOT_INTS * slot;
    keys[k] = a0;
    keys[k + 1] = a1;
    keys[k + 2] = a2;
    keys[k + 3] = a3;
    keys[k + SLOT_PORT] = port;
    keys[k + SLOT_OWNER] = owner;
    this.times[SLOT_TIMES * slot] = endUs;
    if (2 * (this.length + 1) > index.length) this.#grow();
    return slot;
  }

  #grow(): void {
    const capacity = this.#index.length;
    const { ints, times } = this;
    this.ints = new Int32Array(SLOT_INTS * capacity);
    this.ints.set(ints);
    this.times = new Float64Array(SLOT_TIMES * capacity);
    this.times.set(times);
    this.ready = new Uint8Array(capacity);
    this.#index = new Int32Array(2 * capacity);
    const mask = this.#index.length - 1;
    for (let slot = 0; slot < this.length; slot += 1) {
      const k = SLOT_INTS * slot;
      const w = this.ints;
      let place = hashEnd(w[k]!, w[k + 1]!, w[k + 2]!, w[k + 3]!, w[k + SLOT_PORT]!, w[k + SLOT_OWNER]!) & mask;
      while (this.#index[place] !== 0) place = (place + 1) & mask;
      this.#index[place] = slot + 1;
    }
  }
}

function hashEnd(a0: number, a1: number, a2: number, a3: number, port: number, owner: number): number {
  const address = Math.imul(a3, 0x85ebca6b) ^ Math.imul(a2, 0xc2b2ae35) ^ Math.imul(a1, 0x27d4eb2f);
  let h = address ^ Math.imul(a0, 0x165667b1) ^ Math.imul(port, 0x9e3779b1) ^ Math.imul(owner, 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return h ^ (h >>> 13);
}
