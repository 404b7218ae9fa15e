/**
 * Whether everything is known that a flow's owner depends on: the join trails the claims.
 *
 * An address that is held waits for the live reporters that hold it, so that each has said what it knows past the flow's
 * end. One that was released, or never claimed, waits for every live reporter of its network where it lies in a known
 * prefix: any of them may be the next to claim it. Elsewhere it waits for the reporter that last spoke of it, or nobody.
 */
import { OPEN, reporterOf } from './claims.ts';
import { ENTRY_DOUBLES, ENTRY_INTS, HEAD_FROM, HEAD_META } from './entries.ts';
import type { Network } from './reporters.ts';
import type { HistoryTables } from './tables.ts';

/** What a flow waits for; callers keep one and let it be overwritten. */
export class Wait {
  /** Reporter whose word is missing, -1: that of every live reporter of the network. */
  reporter = -1;
  /** Whoever holds the address is not live: it will not be told any more. */
  silent = false;
}

export class Holders {
  readonly #history: HistoryTables;
  #network: Network | null = null;
  #allConfirmedUs = Number.NaN;
  #watchersUs = Number.NaN;
  /** The holder that began last, and how the live ones stand; outputs of `#look`. */
  #newest = -1;
  #newestFromUs = Number.NaN;
  #lagging = -1;
  #anyLive = false;
  #anyConfirmed = false;

  constructor(history: HistoryTables) {
    this.#history = history;
  }

  /** Before the first question about a network, and after each message that was applied. */
  begin(network: Network): void {
    this.#network = network;
    this.#allConfirmedUs = Number.NaN;
    this.#watchersUs = Number.NaN;
  }

  /**
   * `whole` and `ofPort` are the end's entries, as for `OwnerFinder.find`.
   * True when nothing that is still to come can change who held the address up to `endUs`. Else `wait` says who is
   * waited for. Once true for an end, it is true for every earlier one. Allocates nothing.
   */
  isReady(words: Int32Array, at: number, whole: number, ofPort: number, endUs: number, wait: Wait): boolean {
    const network = this.#network!;
    const { entries, reporters } = this.#history;
    wait.reporter = -1;
    wait.silent = false;
    if (!network.isSeen) return false;
    this.#newest = -1;
    this.#lagging = -1;
    this.#anyLive = false;
    this.#anyConfirmed = false;
    this.#look(ofPort, endUs);
    this.#look(whole, endUs);
    if (this.#newest >= 0) {
      if (this.#lagging < 0 && this.#anyConfirmed) return true;
      wait.reporter = this.#lagging >= 0 ? this.#lagging : this.#newest;
      wait.silent = !this.#anyLive;
      return false;
    }
    if (this.#isKnown(network, words, at)) return this.#allPast(network, endUs);
    const last = whole >= 0 ? entries.lastReporter(whole) : -1;
    if (last < 0 || this.#isPast(last, endUs) || !reporters.isLive(last)) return true;
    wait.reporter = last;
    return false;
  }

  /**
   * Whether somebody who holds the address is a pod of which a watcher may still say who it is: its name is then worth
   * waiting for, though its owner is known.
   */
  awaitsName(whole: number, ofPort: number, endUs: number): boolean {
    if (this.#history.workloads.pods.unnamed === 0 || this.watchersPast(endUs)) return false;
    return this.#isUnnamed(ofPort) || this.#isUnnamed(whole);
  }

  /** True when no watcher is still to tell of pods that were there at `endUs`, or there is none. */
  watchersPast(endUs: number): boolean {
    const { reporters, retainUs } = this.#history;
    if (Number.isNaN(this.#watchersUs)) this.#watchersUs = reporters.watchersConfirmedUs(this.#network!, retainUs);
    return this.#watchersUs > endUs + this.#history.clockSkewUs;
  }

  /** Everything that a reporter knows up to then has been said. */
  #isPast(reporter: number, endUs: number): boolean {
    const { reporters } = this.#history;
    return reporters.confirmedUs[reporter]! > endUs + this.#history.skewUs(reporter);
  }

  /** One of the entry's open claims. */
  #isUnnamed(entry: number): boolean {
    if (entry < 0) return false;
    const { entries, claims, workloads } = this.#history;
    const block = entries.block(entry);
    for (let claim = block; claim < block + entries.count(entry); claim += 1) {
      const workload = claims.workload(claim);
      if (workload >= 0 && claims.isOpen(claim) && workloads.pods.isUnnamed(workloads.get(workload))) return true;
    }
    return false;
  }

  #allPast(network: Network, endUs: number): boolean {
    if (Number.isNaN(this.#allConfirmedUs)) this.#allConfirmedUs = this.#history.reporters.allConfirmedUs(network);
    return this.#allConfirmedUs > endUs + this.#history.clockSkewUs;
  }

  /** The open claims of an entry. */
  #look(entry: number, endUs: number): void {
    if (entry < 0) return;
    const { entries, claims } = this.#history;
    let rest = entries.open(entry);
    if (rest === 0) return;
    const head = entries.ints[ENTRY_INTS * entry + HEAD_META]!;
    if (rest === 1 && head !== 0) return this.#hold(head, entries.doubles[ENTRY_DOUBLES * entry + HEAD_FROM]!, endUs);
    const block = entries.block(entry);
    // Open claims are mostly the newest: stop once all are seen.
    for (let claim = block + entries.count(entry) - 1; rest > 0; claim -= 1) {
      const meta = claims.meta(claim);
      if ((meta & OPEN) === 0) continue;
      rest -= 1;
      this.#hold(meta, claims.fromUs(claim), endUs);
    }
  }

  /** One open claim. */
  #hold(meta: number, fromUs: number, endUs: number): void {
    const { reporters } = this.#history;
    const reporter = reporterOf(meta);
    if (this.#newest < 0 || fromUs > this.#newestFromUs) {
      this.#newest = reporter;
      this.#newestFromUs = fromUs;
    }
    // Whether it is live matters only where it has not confirmed.
    if (this.#isPast(reporter, endUs)) {
      this.#anyConfirmed = true;
      return;
    }
    if (!reporters.isLive(reporter)) return;
    this.#anyLive = true;
    if (this.#lagging < 0) this.#lagging = reporter;
  }

  #isKnown(network: Network, words: Int32Array, at: number): boolean {
    const { entries, claims } = this.#history;
    const { prefixes } = network;
    for (let prefix = prefixes.longest(words, at); prefix >= 0; prefix = prefixes.around(prefix)) {
      const entry = prefixes.entryAt(prefix);
      const block = entries.block(entry);
      for (let claim = block; claim < block + entries.count(entry); claim += 1) {
        if (claims.workload(claim) === -1) return true;
      }
    }
    return false;
  }
}
