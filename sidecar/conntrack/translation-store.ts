/** The entries of a TranslationTable: where they lie, how they are found, which goes when there is no room. */
import { mix } from '../address-table.ts';
import { grownFloat64, grownInt32, grownUint8 } from '../../schemas/columns.ts';
import { CONNTRACK_RECORD, TUPLE } from './record.ts';

/** One with the same addresses was let go of too early: what flow is whose cannot be told. */
export const SHAKY = 1;
/** It was there in a list: when it began is not known. */
export const SEEN = 2;
/** The kernel has let go of it. */
export const DEAD = 4;
/** It waits to be let go of. */
const OVER = 8;

/** What a flow's socket saw. Callers keep one and overwrite it. */
export interface FlowQuestion {
  /** Words of the addresses, and the index of the first: own end, other end. */
  readonly local: Int32Array;
  readonly remote: Int32Array;
  at: number;
  localPort: number;
  remotePort: number;
  /** It may have been opened by this end; else by the other. */
  asClient: boolean;
  /** When it was opened, us; -1: before it was known, and then `sinceUs` counts. */
  openedUs: number;
  sinceUs: number;
  endUs: number;
  /** It never came to be: its SYN may have been dropped before it was translated, so no translation is its own for sure. */
  failed: boolean;
}

const NONE = -1;
const ENTRIES_MIN = 1024;

/** Two lists in one pair of columns, each oldest first. */
interface Ends {
  head: number;
  tail: number;
}

export class TranslationStore {
  size = 0;
  tuples: Int32Array = new Int32Array(TUPLE.words * ENTRIES_MIN);
  ids: Int32Array = new Int32Array(ENTRIES_MIN);
  flags: Uint8Array = new Uint8Array(ENTRIES_MIN);
  /** Earliest and latest time of the beginning and of the end, us; an end of Infinity: it is there. */
  born: Float64Array = new Float64Array(2 * ENTRIES_MIN);
  died: Float64Array = new Float64Array(2 * ENTRIES_MIN);
  /** Entries that began before this are in doubt: one that began as late was let go of, and may have had their addresses. */
  doubtUntilUs: number = Number.NEGATIVE_INFINITY;
  readonly #max: number;
  #zones: Int32Array = new Int32Array(ENTRIES_MIN);
  #overUs: Float64Array = new Float64Array(ENTRIES_MIN);
  #capacity = ENTRIES_MIN;
  /** Entries ever used; those let go of are in `#free`. */
  #made = 0;
  #free: number[] = [];
  /** By hash of the tuple as the client sees it, as the server does. */
  #heads = [new Int32Array(ENTRIES_MIN).fill(NONE), new Int32Array(ENTRIES_MIN).fill(NONE)] as const;
  #chains = [new Int32Array(ENTRIES_MIN), new Int32Array(ENTRIES_MIN)] as const;
  #before: Int32Array = new Int32Array(ENTRIES_MIN);
  #after: Int32Array = new Int32Array(ENTRIES_MIN);
  readonly #live: Ends = { head: NONE, tail: NONE };
  readonly #over: Ends = { head: NONE, tail: NONE };

  constructor(max: number) {
    this.#max = Math.max(max, ENTRIES_MIN);
  }

  clear(): void {
    for (const heads of this.#heads) heads.fill(NONE);
    this.#live.head = this.#live.tail = this.#over.head = this.#over.tail = NONE;
    this.#made = 0;
    this.#free = [];
    this.doubtUntilUs = Number.NEGATIVE_INFINITY;
    this.size = 0;
  }

  /** The first entry whose tuple is the flow's. */
  first(flow: FlowQuestion): number {
    const ports = portsWord(flow.localPort, flow.remotePort);
    const hash = endsHash(flow.local, flow.at, flow.remote, flow.at, ports);
    return this.#matching(flow, this.#heads[flow.asClient ? 0 : 1]![hash & (this.#capacity - 1)]!);
  }

  following(flow: FlowQuestion, entry: number): number {
    return this.#matching(flow, this.#chains[flow.asClient ? 0 : 1]![entry]!);
  }

  /** The first entry with the client's tuple and the zone of a record, whose tuple begins at `at`. */
  firstOf(words: Int32Array, at: number): number {
    const hash = endsHash(words, at + TUPLE.origSrc, words, at + TUPLE.origDst, words[at + TUPLE.origPorts]!);
    return this.#matchingRecord(words, at, this.#heads[0][hash & (this.#capacity - 1)]!);
  }

  nextOf(words: Int32Array, recordAt: number, entry: number): number {
    return this.#matchingRecord(words, recordAt + CONNTRACK_RECORD.tuple, this.#chains[0][entry]!);
  }

  /** Whether two entries translate to the same. */
  isSame(a: number, b: number): boolean {
    const p = TUPLE.words * a;
    const q = TUPLE.words * b;
    for (let i = 0; i < TUPLE.words; i += 1) if (this.tuples[p + i] !== this.tuples[q + i]) return false;
    return true;
  }

  /** A new entry from the record at `at`. Where there is no room, the oldest that is over goes, or the least used. */
  add(words: Int32Array, at: number): number {
    const entry = this.#place();
    const to = TUPLE.words * entry;
    const from = at + CONNTRACK_RECORD.tuple;
    for (let i = 0; i < TUPLE.words; i += 1) this.tuples[to + i] = words[from + i]!;
    this.ids[entry] = words[at + CONNTRACK_RECORD.id]!;
    this.#zones[entry] = words[at + CONNTRACK_RECORD.head]! >>> 16;
    this.flags[entry] = 0;
    this.died[2 * entry] = this.died[2 * entry + 1] = Number.POSITIVE_INFINITY;
    this.#hang(entry);
    this.#append(this.#live, entry);
    this.size += 1;
    return entry;
  }

  /** It was used: it goes later. */
  touch(entry: number): void {
    if ((this.flags[entry]! & OVER) !== 0) return;
    this.#unlink(this.#live, entry);
    this.#append(this.#live, entry);
  }

  /** It is of no more use after a while from `nowUs` on. */
  finish(entry: number, nowUs: number): void {
    if ((this.flags[entry]! & OVER) !== 0) return;
    this.flags[entry]! |= OVER;
    this.#overUs[entry] = nowUs;
    this.#unlink(this.#live, entry);
    this.#append(this.#over, entry);
  }

  /** Let go of what has been over since before `untilUs`. */
  sweep(untilUs: number): void {
    while (this.#over.head !== NONE && this.#overUs[this.#over.head]! < untilUs) this.#release(this.#over.head);
  }

  #matching(flow: FlowQuestion, from: number): number {
    const { tuples } = this;
    const { local, remote, at } = flow;
    const src = flow.asClient ? TUPLE.origSrc : TUPLE.replySrc;
    const dst = flow.asClient ? TUPLE.origDst : TUPLE.replyDst;
    const portsAt = flow.asClient ? TUPLE.origPorts : TUPLE.replyPorts;
    const ports = portsWord(flow.localPort, flow.remotePort);
    const chain = this.#chains[flow.asClient ? 0 : 1]!;
    for (let e = from; e !== NONE; e = chain[e]!) {
      const t = TUPLE.words * e;
      if (tuples[t + portsAt] !== ports) continue;
      if (isAddress(tuples, t + src, local, at) && isAddress(tuples, t + dst, remote, at)) return e;
    }
    return NONE;
  }

  #matchingRecord(words: Int32Array, at: number, from: number): number {
    const { tuples } = this;
    const zone = words[at - CONNTRACK_RECORD.tuple + CONNTRACK_RECORD.head]! >>> 16;
    for (let e = from; e !== NONE; e = this.#chains[0][e]!) {
      const t = TUPLE.words * e;
      if (tuples[t + TUPLE.origPorts] !== words[at + TUPLE.origPorts] || this.#zones[e] !== zone) continue;
      if (!isAddress(tuples, t + TUPLE.origSrc, words, at + TUPLE.origSrc)) continue;
      if (isAddress(tuples, t + TUPLE.origDst, words, at + TUPLE.origDst)) return e;
    }
    return NONE;
  }

  #place(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made === this.#capacity && this.#capacity < this.#max) this.#grow();
    if (this.#made < this.#capacity) return this.#made++;
    const victim = this.#over.head === NONE ? this.#live.head : this.#over.head;
    this.#doubtOthersOf(victim);
    this.doubtUntilUs = Math.max(this.doubtUntilUs, this.born[2 * victim + 1]!);
    this.#release(victim);
    return this.#free.pop()!;
  }

  /** Flows of the one that goes could be taken for another's with the same addresses. */
  #doubtOthersOf(entry: number): void {
    for (const side of [0, 1] as const) {
      const [src, dst, ports] =
        side === 0
          ? [TUPLE.origSrc, TUPLE.origDst, TUPLE.origPorts]
          : [TUPLE.replySrc, TUPLE.replyDst, TUPLE.replyPorts];
      const t = TUPLE.words * entry;
      for (let e = this.#heads[side][this.#slot(side, entry)]!; e !== NONE; e = this.#chains[side][e]!) {
        const o = TUPLE.words * e;
        if (e === entry || this.tuples[o + ports] !== this.tuples[t + ports]) continue;
        const isSame =
          isAddress(this.tuples, o + src, this.tuples, t + src) &&
          isAddress(this.tuples, o + dst, this.tuples, t + dst);
        if (isSame) this.flags[e]! |= SHAKY;
      }
    }
  }

  #release(entry: number): void {
    this.#unhang(0, entry);
    this.#unhang(1, entry);
    this.#unlink((this.flags[entry]! & OVER) === 0 ? this.#live : this.#over, entry);
    this.#free.push(entry);
    this.size -= 1;
  }

  #slot(side: 0 | 1, entry: number): number {
    const t = TUPLE.words * entry;
    const hash =
      side === 0
        ? endsHash(this.tuples, t + TUPLE.origSrc, this.tuples, t + TUPLE.origDst, this.tuples[t + TUPLE.origPorts]!)
        : endsHash(
            this.tuples,
            t + TUPLE.replySrc,
            this.tuples,
            t + TUPLE.replyDst,
            this.tuples[t + TUPLE.replyPorts]!,
          );
    return hash & (this.#capacity - 1);
  }

  #hang(entry: number): void {
    for (const side of [0, 1] as const) {
      const slot = this.#slot(side, entry);
      this.#chains[side][entry] = this.#heads[side][slot]!;
      this.#heads[side][slot] = entry;
    }
  }

  #unhang(side: 0 | 1, entry: number): void {
    const heads = this.#heads[side];
    const chain = this.#chains[side];
    const slot = this.#slot(side, entry);
    if (heads[slot] === entry) {
      heads[slot] = chain[entry]!;
      return;
    }
    let e = heads[slot]!;
    while (chain[e] !== entry) e = chain[e]!;
    chain[e] = chain[entry]!;
  }

  #append(ends: Ends, entry: number): void {
    this.#before[entry] = ends.tail;
    this.#after[entry] = NONE;
    if (ends.tail === NONE) ends.head = entry;
    else this.#after[ends.tail] = entry;
    ends.tail = entry;
  }

  #unlink(ends: Ends, entry: number): void {
    const before = this.#before[entry]!;
    const after = this.#after[entry]!;
    if (before === NONE) ends.head = after;
    else this.#after[before] = after;
    if (after === NONE) ends.tail = before;
    else this.#before[after] = before;
  }

  #grow(): void {
    const capacity = 2 * this.#capacity;
    this.tuples = grownInt32(this.tuples, TUPLE.words * capacity);
    this.ids = grownInt32(this.ids, capacity);
    this.flags = grownUint8(this.flags, capacity);
    this.born = grownFloat64(this.born, 2 * capacity);
    this.died = grownFloat64(this.died, 2 * capacity);
    this.#zones = grownInt32(this.#zones, capacity);
    this.#overUs = grownFloat64(this.#overUs, capacity);
    this.#before = grownInt32(this.#before, capacity);
    this.#after = grownInt32(this.#after, capacity);
    this.#chains = [new Int32Array(capacity), new Int32Array(capacity)];
    this.#heads = [new Int32Array(capacity).fill(NONE), new Int32Array(capacity).fill(NONE)];
    this.#capacity = capacity;
    // It grows only when every place is taken.
    for (let entry = 0; entry < this.#made; entry += 1) this.#hang(entry);
  }
}

function isAddress(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  return a[i + 3] === b[j + 3] && a[i + 2] === b[j + 2] && a[i + 1] === b[j + 1] && a[i] === b[j];
}

/** The same for a flow's question and for a record. */
function endsHash(a: Int32Array, aAt: number, b: Int32Array, bAt: number, ports: number): number {
  const first = mix(a[aAt]!, a[aAt + 1]!, a[aAt + 2]!, a[aAt + 3]! ^ ports);
  return Math.imul(first, 31) ^ mix(b[bAt]!, b[bAt + 1]!, b[bAt + 2]!, b[bAt + 3]!);
}

/** Own port in the low half. */
const portsWord = (own: number, other: number): number => (own & 0xffff) | ((other & 0xffff) << 16);
