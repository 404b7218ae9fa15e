/**
 * Who held an address at an instant, and over which stretch of time around it the answer is the same: a batch asks once
 * for an address and only compares times for the rest of its flows.
 *
 * Each claim on the address is, at that instant, certain, possible, or in doubt (open, but its reporter has not spoken
 * since). The most exact kind of claim decides: port, service, address, node, then the longest prefix. Certain goes
 * before possible. A claim in doubt never names an owner, but it keeps a less certain one from being named, and so does
 * a possible claim of a more exact kind: rather silent than wrong.
 *
 * Times are of the clock that timed the flow. A reporter with another clock is certain of a little less, and what it
 * holds possible begins a little earlier and ends a little later (`HistoryTables.skewUs`).
 */
import { Method, type Workload } from '../../schemas/generated/common.ts';
import { methodOf, PLACE, reporterOf, SCAN_MAX } from './claims.ts';
import { glance } from './glance.ts';
import { Level, mayReport, type OwnerAt, RANK } from './owner.ts';
import type { Network } from './reporters.ts';
import { type HistoryTables, NO_PORT } from './tables.ts';

/** Of a shared address, at most so many ports are looked at. */
const SHARED_PORTS_MAX = 512;

const DOUBT = 0;
const POSSIBLE = 1;
const CERTAIN = 2;

export class OwnerFinder {
  readonly #history: HistoryTables;
  /** The claims that hold the instant: which, how exact, how sure. */
  #claim: Int32Array = new Int32Array(64);
  #rank: Int32Array = new Int32Array(64);
  #sure: Int32Array = new Int32Array(64);
  #count = 0;

  constructor(history: HistoryTables) {
    this.#history = history;
  }

  /**
   * The owner at `timeUs` of the address whose first word is `words[at]`, with its entries: `whole` of the address,
   * `ofPort` of one port, or what stands for it (`HistoryTables`). Allocates nothing. Overwrites `out`.
   */
  find(
    network: Network,
    words: Int32Array,
    at: number,
    whole: number,
    ofPort: number,
    timeUs: number,
    out: OwnerAt,
  ): void {
    if (!glance(this.#history, whole, ofPort, timeUs, out))
      this.findAll(network, words, at, whole, ofPort, timeUs, out);
  }

  /** As `find`, of all claims; `since` is of them. */
  findAll(
    network: Network,
    words: Int32Array,
    at: number,
    whole: number,
    ofPort: number,
    timeUs: number,
    out: OwnerAt,
  ): void {
    const { entries } = this.#history;
    this.#count = 0;
    out.loUs = Number.NEGATIVE_INFINITY;
    out.hiUs = Number.POSITIVE_INFINITY;
    out.claimed = false;
    this.#gather(ofPort, 0, timeUs, out);
    this.#gather(whole, 0, timeUs, out);
    const { prefixes } = network;
    for (let prefix = prefixes.longest(words, at); prefix >= 0; prefix = prefixes.around(prefix)) {
      const entry = prefixes.entryAt(prefix);
      this.#gather(entry, 128 - (entries.detail(entry) & 0xff), timeUs, out);
    }
    if (this.#count === 1) this.#take(out);
    else this.#decide(out);
    if (out.level === Level.none && whole >= 0) this.#share(whole, ofPort === NO_PORT, timeUs, out);
  }

  /**
   * Of the claims that `findAll` met last: since when the instance of `workload` held the address, -1 where they do not
   * know. A local end's owner is known from the capture, and only this from the history.
   */
  since(workload: Workload): number {
    const { claims, workloads } = this.#history;
    let sinceUs = -1;
    for (let i = 0; i < this.#count; i += 1) {
      const claim = this.#claim[i]!;
      if (this.#sure[i] === DOUBT || !workloads.isInstanceOf(claims.workload(claim), workload)) continue;
      const fromUs = claims.fromUs(claim);
      if (sinceUs < 0 || fromUs < sinceUs) sinceUs = fromUs;
    }
    return sinceUs;
  }

  /** Add an entry's claims that hold the instant, and narrow the stretch to where they are the same. */
  #gather(entry: number, extraRank: number, timeUs: number, out: OwnerAt): void {
    if (entry < 0) return;
    const { entries, claims, clockSkewUs: skewUs } = this.#history;
    const count = entries.count(entry);
    const block = entries.block(entry);
    if (count <= SCAN_MAX) {
      for (let claim = block; claim < block + count; claim += 1) this.#weigh(claim, extraRank, timeUs, out);
      return;
    }
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (claims.earliestUs(block + middle) <= timeUs + skewUs) low = middle + 1;
      else high = middle;
    }
    if (low < count) out.hiUs = Math.min(out.hiUs, claims.earliestUs(block + low) - skewUs - 1);
    if (!out.claimed) out.claimed = this.#namesSomebody(block, count);
    const reaches = claims.reaches(block);
    for (let claim = block + low - 1; claim >= block; claim -= 1) {
      const reachUs = reaches[claim - block]!;
      if (reachUs < timeUs - skewUs) {
        out.loUs = Math.max(out.loUs, reachUs + skewUs + 1);
        return;
      }
      this.#weigh(claim, extraRank, timeUs, out);
    }
  }

  /**
   * An address of which only ports are claimed is shared: its sidecar reports it, and whoever is behind another port,
   * as a client is, is one of several.
   */
  #share(whole: number, isAddressAlone: boolean, timeUs: number, out: OwnerAt): void {
    const { entries, claims, reporters } = this.#history;
    const { claimed } = out;
    let best = DOUBT;
    let left = SHARED_PORTS_MAX;
    for (let entry = entries.firstPort(whole); entry >= 0 && !out.reported; entry = entries.nextPort(entry)) {
      if (left === 0) {
        // Not looked at to the end: the answer is this instant's alone.
        out.loUs = timeUs;
        out.hiUs = timeUs;
        break;
      }
      left -= 1;
      this.#count = 0;
      this.#gather(entry, 0, timeUs, out);
      for (let i = 0; i < this.#count; i += 1) {
        const meta = claims.meta(this.#claim[i]!);
        if (methodOf(meta) !== Method.port) continue;
        best = Math.max(best, this.#sure[i]!);
        if (this.#sure[i] === CERTAIN && reporters.isSidecar[reporterOf(meta)] === 1) out.reported = true;
      }
    }
    this.#count = 0;
    out.claimed = claimed;
    if (isAddressAlone && best > DOUBT) out.level = best === CERTAIN ? Level.conflict : Level.contested;
  }

  #namesSomebody(block: number, count: number): boolean {
    const { claims } = this.#history;
    for (let claim = block; claim < block + count; claim += 1) {
      if (claims.workload(claim) >= 0 && (claims.meta(claim) & PLACE) === 0) return true;
    }
    return false;
  }

  #weigh(claim: number, extraRank: number, timeUs: number, out: OwnerAt): void {
    const { claims, reporters } = this.#history;
    if (claims.workload(claim) < 0 || (claims.meta(claim) & PLACE) !== 0) return;
    out.claimed = true;
    const skewUs = this.#history.skewUs(reporterOf(claims.meta(claim)));
    const earliestUs = claims.earliestUs(claim) - skewUs;
    if (timeUs < earliestUs) {
      if (earliestUs <= out.hiUs) out.hiUs = earliestUs - 1;
      return;
    }
    if (earliestUs > out.loUs) out.loUs = earliestUs;
    const isOpen = claims.isOpen(claim);
    const toUs = (isOpen ? reporters.confirmedUs[reporterOf(claims.meta(claim))]! : claims.toUs(claim)) - skewUs;
    const fromUs = claims.fromUs(claim) + skewUs;
    if (timeUs < fromUs) {
      if (fromUs <= out.hiUs) out.hiUs = fromUs - 1;
    } else if (fromUs > out.loUs) out.loUs = fromUs;
    if (timeUs <= toUs) {
      if (toUs < out.hiUs) out.hiUs = toUs;
      this.#hold(claim, extraRank, timeUs < fromUs ? POSSIBLE : CERTAIN);
      return;
    }
    if (toUs >= out.loUs) out.loUs = toUs + 1;
    if (isOpen) return this.#hold(claim, extraRank, DOUBT);
    const latestUs = claims.latestUs(claim) + skewUs;
    if (timeUs <= latestUs) {
      if (latestUs < out.hiUs) out.hiUs = latestUs;
      this.#hold(claim, extraRank, POSSIBLE);
    } else if (latestUs >= out.loUs) out.loUs = latestUs + 1;
  }

  #hold(claim: number, extraRank: number, sure: number): void {
    if (this.#count === this.#claim.length) this.#grow();
    this.#claim[this.#count] = claim;
    this.#rank[this.#count] = RANK[methodOf(this.#history.claims.meta(claim))]! + extraRank;
    this.#sure[this.#count] = sure;
    this.#count += 1;
  }

  /** Mostly there is one claim: nothing to weigh against each other. */
  #take(out: OwnerAt): void {
    const { claims, reporters } = this.#history;
    const claim = this.#claim[0]!;
    const sure = this.#sure[0]!;
    const meta = claims.meta(claim);
    const method = methodOf(meta);
    const isCertain = sure === CERTAIN;
    const isService = method === Method.service;
    const isNamed = sure !== DOUBT;
    const workload = isNamed ? claims.workload(claim) : -1;
    out.level = isCertain ? Level.certain : isNamed ? this.#possible(0) : Level.none;
    out.workload = workload;
    out.method = isNamed ? (method as Method) : Method.none;
    out.sinceUs = isNamed ? claims.fromUs(claim) : -1;
    out.reported = isCertain && mayReport(meta) && reporters.isSidecar[reporterOf(meta)] === 1;
    out.service = isCertain && isService ? workload : -1;
  }

  #decide(out: OwnerAt): void {
    out.level = Level.none;
    out.workload = -1;
    out.method = Method.none;
    out.sinceUs = -1;
    out.reported = false;
    out.service = -1;
    if (this.#count === 0) return;
    this.#note(out);
    let sure = CERTAIN;
    let rank = this.#bestRank(CERTAIN);
    if (rank < 0) {
      sure = POSSIBLE;
      rank = this.#bestRank(POSSIBLE);
      if (rank < 0) return;
    }
    let level: Level = Level.near;
    for (let i = 0; i < this.#count; i += 1) {
      if (this.#rank[i] !== rank || this.#sure[i] !== sure) continue;
      if (this.#possible(i) === Level.possible) level = Level.possible;
      if (out.workload >= 0 && !this.#isOf(i, out.workload)) {
        out.level = sure === CERTAIN ? Level.conflict : Level.contested;
        return this.#clear(out);
      }
      this.#name(i, out);
    }
    if (this.#isDisputed(rank, sure, out.workload)) {
      out.level = Level.contested;
      return this.#clear(out);
    }
    out.level = sure === CERTAIN ? Level.certain : level;
  }

  /** What claim `i` is worth where it is only possible: a sidecar knows of nobody on other machines. */
  #possible(i: number): Level {
    const { claims, reporters } = this.#history;
    return reporters.isSidecar[reporterOf(claims.meta(this.#claim[i]!))] === 1 ? Level.near : Level.possible;
  }

  /** Take claim `i` as the owner's, if it began before the one taken so far. */
  #name(i: number, out: OwnerAt): void {
    const { claims } = this.#history;
    const claim = this.#claim[i]!;
    const fromUs = claims.fromUs(claim);
    const workload = claims.workload(claim);
    if (out.workload >= 0 && (fromUs > out.sinceUs || (fromUs === out.sinceUs && workload >= out.workload))) return;
    out.workload = workload;
    out.method = methodOf(claims.meta(claim)) as Method;
    out.sinceUs = fromUs;
  }

  #clear(out: OwnerAt): void {
    out.workload = -1;
    out.method = Method.none;
    out.sinceUs = -1;
  }

  /** A less sure claim that is more exact, or as exact as a possible one, speaks of somebody else. */
  #isDisputed(rank: number, sure: number, owner: number): boolean {
    for (let i = 0; i < this.#count; i += 1) {
      const isMoreExact = this.#rank[i]! < rank || (sure === POSSIBLE && this.#rank[i] === rank);
      if (isMoreExact && this.#sure[i]! < CERTAIN && !this.#isOf(i, owner)) return true;
    }
    return false;
  }

  #bestRank(sure: number): number {
    let best = -1;
    for (let i = 0; i < this.#count; i += 1) {
      if (this.#sure[i] === sure && (best < 0 || this.#rank[i]! < best)) best = this.#rank[i]!;
    }
    return best;
  }

  /** What the claims say besides the owner: whether a live sidecar reports, and which Service it is. */
  #note(out: OwnerAt): void {
    const { claims, reporters } = this.#history;
    let services = 0;
    for (let i = 0; i < this.#count; i += 1) {
      if (this.#sure[i] !== CERTAIN) continue;
      const meta = claims.meta(this.#claim[i]!);
      const method = methodOf(meta);
      if (method === Method.service) {
        const workload = claims.workload(this.#claim[i]!);
        if (services > 0 && !this.#isOf(i, out.service)) services = 2;
        else services = Math.max(services, 1);
        if (out.service < 0 || workload < out.service) out.service = workload;
      } else if (method !== Method.prefix && reporters.isSidecar[reporterOf(meta)] === 1) out.reported = true;
    }
    if (services > 1) out.service = -1;
  }

  /** Whether claim `i` names the instance of workload `owner`. */
  #isOf(i: number, owner: number): boolean {
    const { claims, workloads } = this.#history;
    return workloads.isSame(claims.workload(this.#claim[i]!), owner);
  }

  #grow(): void {
    const grown = (old: Int32Array): Int32Array => {
      const column = new Int32Array(2 * old.length);
      column.set(old);
      return column;
    };
    this.#claim = grown(this.#claim);
    this.#rank = grown(this.#rank);
    this.#sure = grown(this.#sure);
  }
}
