/**
 * Translated connections of one network namespace, with the time: which translation a flow had, told from those that the
 * same addresses and ports had before and after.
 *
 * The kernel does not say when something happened, only that it was between two reads: a birth and a death are stretches
 * of time. Where two translations are possible for a flow there is none: rather silent than wrong.
 *
 * Typed arrays, chained by two hashes: of the addresses as the client's socket sees them, and as the server's does.
 * Bounded: what is over goes first, then what was not asked for longest. Some 190 bytes a connection.
 */
import { CONNTRACK_DESTROY, CONNTRACK_NEW, CONNTRACK_RECORD, CONNTRACK_SEEN } from './record.ts';
import { DEAD, type FlowQuestion, SEEN, SHAKY, TranslationStore } from './translation-store.ts';

/** How far the clocks of a flow record and of a read may differ. */
const SLACK_US = 5000;
/** What is over is kept for as long: the other end's row, a port that is used again. Later rows get nothing. */
export const KEEP_US = 30_000_000;

export class TranslationTable {
  readonly #store: TranslationStore;
  /** Records applied since the start. */
  events = 0;

  /** `connectionsMax`: a power of two. */
  constructor(connectionsMax: number = 131_072) {
    this.#store = new TranslationStore(connectionsMax);
  }

  /** Connections held. */
  get size(): number {
    return this.#store.size;
  }

  /** The tuples; words of entry `i` begin at TUPLE.words * i. */
  get tuples(): Int32Array {
    return this.#store.tuples;
  }

  /** Nothing is known any more: events were lost. */
  forget(): void {
    this.#store.clear();
  }

  /** `records` of `words`, which happened after `loUs` and before `hiUs`; of a list, were there at some time between. */
  apply(words: Int32Array, records: number, loUs: number, hiUs: number): void {
    this.events += records;
    for (let i = 0; i < records; i += 1) {
      const at = CONNTRACK_RECORD.words * i;
      const kind = words[at + CONNTRACK_RECORD.head]! & 0xff;
      if (kind === CONNTRACK_NEW) this.#begin(words, at, loUs, hiUs, false);
      else if (kind === CONNTRACK_SEEN) this.#begin(words, at, loUs, hiUs, true);
      else if (kind === CONNTRACK_DESTROY) this.#end(words, at, loUs, hiUs);
    }
  }

  /** Let go of what has been over for long. */
  sweep(nowUs: number): void {
    this.#store.sweep(nowUs - KEEP_US);
  }

  /** The one translation that the flow can have had, or -1. Counts as use. Allocates nothing. */
  find(flow: FlowQuestion): number {
    const store = this.#store;
    const { born, died, flags } = store;
    if (flow.failed) return -1;
    const fromUs = flow.openedUs >= 0 ? flow.openedUs : flow.sinceUs;
    let only = -1;
    let begun = -1;
    let fitting = -1;
    let agree = true;
    let begunAgree = true;
    for (let e = store.first(flow); e >= 0; e = store.following(flow, e)) {
      if (born[2 * e]! - SLACK_US > flow.endUs || died[2 * e + 1]! + SLACK_US < fromUs) continue;
      // Of a connection that nobody listened to when it began the kernel may tell no end either (nf_conntrack_events = 2);
      // a flow that was opened after the list has an event of its own, or no translation.
      if ((flags[e]! & SEEN) !== 0 && flow.openedUs > born[2 * e + 1]! + SLACK_US) continue;
      if ((flags[e]! & SHAKY) !== 0) return -1;
      if (only < 0) only = e;
      else if (!store.isSame(only, e)) agree = false;
      if (born[2 * e + 1]! + SLACK_US >= fromUs) {
        if (begun >= 0 && !store.isSame(begun, e)) begunAgree = false;
        begun = e;
      }
      if (this.#fits(e, flow, fromUs)) fitting = e;
    }
    if (only < 0) return -1;
    if (!agree) fitting = flow.openedUs >= 0 && begun >= 0 && begunAgree && this.#beganWith(begun, flow) ? begun : -1;
    if (fitting >= 0) store.touch(fitting);
    return fitting;
  }

  /** Its connection is over: the entry is kept for the other end's row only. */
  finish(entry: number, nowUs: number): void {
    this.#store.finish(entry, nowUs);
  }

  #beganWith(e: number, { openedUs }: FlowQuestion): boolean {
    const { born, flags } = this.#store;
    if (openedUs < 0 || (flags[e]! & SEEN) !== 0) return false;
    return born[2 * e]! - SLACK_US <= openedUs && openedUs <= born[2 * e + 1]! + SLACK_US;
  }

  /** It began when the flow did, or was there all the time. One found in a list: when the flow was there too. */
  #fits(e: number, flow: FlowQuestion, fromUs: number): boolean {
    const { born, died, flags } = this.#store;
    if (this.#beganWith(e, flow)) return true;
    if (died[2 * e]! < flow.endUs) return false;
    if (born[2 * e + 1]! <= fromUs) return true;
    return (flags[e]! & SEEN) !== 0 && fromUs <= born[2 * e]! && flow.endUs >= born[2 * e + 1]!;
  }

  #begin(words: Int32Array, at: number, loUs: number, hiUs: number, isSeen: boolean): void {
    const store = this.#store;
    const { flags, ids, born, died } = store;
    for (let e = store.firstOf(words, at + CONNTRACK_RECORD.tuple); e >= 0; e = store.nextOf(words, at, e)) {
      if ((flags[e]! & DEAD) !== 0) continue;
      if (ids[e] === words[at + CONNTRACK_RECORD.id]) {
        if (isSeen) return;
        if ((flags[e]! & SEEN) !== 0) {
          // It was in the list and its event comes now.
          flags[e]! &= ~SEEN;
          born[2 * e] = loUs;
          born[2 * e + 1] = hiUs;
          return;
        }
      }
      // Another one with these addresses: this one is over, though nobody said so.
      died[2 * e] = isSeen ? Number.NEGATIVE_INFINITY : loUs;
      died[2 * e + 1] = hiUs;
      flags[e]! |= DEAD;
      store.finish(e, hiUs);
    }
    const entry = store.add(words, at);
    store.born[2 * entry] = loUs;
    store.born[2 * entry + 1] = hiUs;
    if (isSeen) store.flags[entry]! |= SEEN;
    if (loUs <= store.doubtUntilUs + 2 * SLACK_US) store.flags[entry]! |= SHAKY;
  }

  #end(words: Int32Array, at: number, loUs: number, hiUs: number): void {
    const store = this.#store;
    const { flags, ids, died } = store;
    for (let e = store.firstOf(words, at + CONNTRACK_RECORD.tuple); e >= 0; e = store.nextOf(words, at, e)) {
      if (ids[e] !== words[at + CONNTRACK_RECORD.id] || (flags[e]! & DEAD) !== 0) continue;
      died[2 * e] = loUs;
      died[2 * e + 1] = hiUs;
      flags[e]! |= DEAD;
      store.finish(e, hiUs);
      return;
    }
  }
}
