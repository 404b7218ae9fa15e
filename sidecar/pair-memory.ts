/**
 * What pairing remembers of rows that are gone: ends whose other end may still come, and the partners of open
 * connections. Bounded; the oldest goes, and its partner is then found by its address like any other.
 * Ends lie in typed arrays, chained by a hash that is the same for both ends of a connection: no string, no object a row.
 */
import { LRUCache } from 'lru-cache';
import { mix, wordsOf } from './address-table.ts';
import { NO_OWNER, type CapturedColumns } from './captured-columns.ts';

/** Ends on this machine that wait for their partner: half-closed and long-lived connections. A power of two. */
const ENDS_MAX = 16_384;
/** Ends of one tuple: a port that is used again at once. */
const ENDS_OF_TUPLE_MAX = 4;
const CONNECTIONS_MAX = 16_384;
const NONE = -1;

/** Every entry counts as one, and the cache grows with them; told its `max`, it would take all its room at once. */
const one = (): number => 1;

export class PairMemory {
  readonly #heads = new Int32Array(2 * ENDS_MAX).fill(NONE);
  readonly #chain = new Int32Array(ENDS_MAX).fill(NONE);
  readonly #slots = new Int32Array(ENDS_MAX);
  /** Own address, the other's, own port, the other's port: 10 words an end. */
  readonly #tuples = new Int32Array(10 * ENDS_MAX);
  readonly #owners = new Int32Array(ENDS_MAX);
  readonly #netns = new Float64Array(ENDS_MAX);
  readonly #beginUs = new Float64Array(ENDS_MAX);
  readonly #endUs = new Float64Array(ENDS_MAX);
  readonly #partners = new LRUCache<number, number>({ maxSize: CONNECTIONS_MAX, sizeCalculation: one });
  /** Places given out since the start; the next one is this modulo ENDS_MAX. */
  #given = 0;

  /** Remember a row as an end that is alone. `endUs`: Infinity while it is open. */
  rememberEnd(columns: CapturedColumns, row: number, beginUs: number, endUs: number): void {
    const place = this.#placeFor(columns, row, beginUs);
    this.#owners[place] = columns.owner[row]!;
    this.#netns[place] = columns.netns[row]!;
    this.#beginUs[place] = beginUs;
    this.#endUs[place] = endUs;
  }

  /** The first remembered end that the row's mirrored tuple names, or -1; newest first. `after`: the one before. */
  nextEnd(columns: CapturedColumns, row: number, after: number = NONE): number {
    let place = after === NONE ? this.#heads[slotOf(columns, row)]! : this.#chain[after]!;
    while (place !== NONE && !this.#names(place, columns, row, true)) place = this.#chain[place]!;
    return place;
  }

  ownerOf(end: number): number {
    return this.#owners[end]!;
  }

  netnsOf(end: number): number {
    return this.#netns[end]!;
  }

  beginUsOf(end: number): number {
    return this.#beginUs[end]!;
  }

  endUsOf(end: number): number {
    return this.#endUs[end]!;
  }

  /** By the kernel's socket cookie, for the later rows of an open connection. */
  rememberPartner(cookie: number, owner: number): void {
    this.#partners.set(cookie, owner);
  }

  partnerOf(cookie: number): number {
    return this.#partners.get(cookie) ?? NO_OWNER;
  }

  clear(): void {
    this.#heads.fill(NONE);
    this.#given = 0;
    this.#partners.clear();
  }

  /** The place of the same end (a later row of an open connection), of the tuple's oldest, or a new one. */
  #placeFor(columns: CapturedColumns, row: number, beginUs: number): number {
    const slot = slotOf(columns, row);
    let last = NONE;
    let count = 0;
    for (let place = this.#heads[slot]!; place !== NONE; place = this.#chain[place]!) {
      if (!this.#names(place, columns, row, false)) continue;
      if (this.#owners[place] === columns.owner[row] && this.#beginUs[place] === beginUs) return place;
      last = place;
      count++;
    }
    return count >= ENDS_OF_TUPLE_MAX ? last : this.#newPlace(columns, row, slot);
  }

  #newPlace(columns: CapturedColumns, row: number, slot: number): number {
    const place = this.#given % ENDS_MAX;
    if (this.#given >= ENDS_MAX) this.#unlink(place);
    this.#given++;
    this.#slots[place] = slot;
    this.#chain[place] = this.#heads[slot]!;
    this.#heads[slot] = place;
    const local = wordsOf(columns.localAddr);
    const remote = wordsOf(columns.remoteAddr);
    const at = 10 * place;
    for (let i = 0; i < 4; i++) {
      this.#tuples[at + i] = local[4 * row + i]!;
      this.#tuples[at + 4 + i] = remote[4 * row + i]!;
    }
    this.#tuples[at + 8] = columns.localPort[row]!;
    this.#tuples[at + 9] = columns.remotePort[row]!;
    return place;
  }

  #unlink(place: number): void {
    const slot = this.#slots[place]!;
    if (this.#heads[slot] === place) {
      this.#heads[slot] = this.#chain[place]!;
      return;
    }
    let before = this.#heads[slot]!;
    while (this.#chain[before] !== place) before = this.#chain[before]!;
    this.#chain[before] = this.#chain[place]!;
  }

  #names(place: number, columns: CapturedColumns, row: number, mirrored: boolean): boolean {
    const at = 10 * place;
    const tuples = this.#tuples;
    const local = mirrored ? at + 4 : at;
    const remote = mirrored ? at : at + 4;
    if (tuples[at + (mirrored ? 9 : 8)] !== columns.localPort[row]) return false;
    if (tuples[at + (mirrored ? 8 : 9)] !== columns.remotePort[row]) return false;
    const l = wordsOf(columns.localAddr);
    const r = wordsOf(columns.remoteAddr);
    for (let i = 0; i < 4; i++) {
      if (tuples[local + i] !== l[4 * row + i] || tuples[remote + i] !== r[4 * row + i]) return false;
    }
    return true;
  }
}

/** The same for both ends of a connection. */
function slotOf(columns: CapturedColumns, row: number): number {
  return tupleHash(wordsOf(columns.localAddr), wordsOf(columns.remoteAddr), columns, row) & (2 * ENDS_MAX - 1);
}

/** A hash that both ends of a connection share. */
export function tupleHash(l: Int32Array, r: Int32Array, columns: CapturedColumns, row: number): number {
  const at = 4 * row;
  const local = mix(l[at]!, l[at + 1]!, l[at + 2]!, l[at + 3]! ^ columns.localPort[row]!);
  const remote = mix(r[at]!, r[at + 1]!, r[at + 2]!, r[at + 3]! ^ columns.remotePort[row]!);
  return local + remote;
}
