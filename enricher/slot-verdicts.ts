/**
 * The verdicts on a batch's ends: one for each slot, which most of its flows share, and one for each flow outside the
 * stretch of time in which its slot's holds.
 */
import type { Workload } from '../schemas/generated/common.ts';
import { Method, Reason } from '../schemas/generated/common.ts';
import { judge, Verdict } from './attribute.ts';
import {
  type EndpointDictionary,
  packVerdict,
  SLOT_END,
  SLOT_HI,
  SLOT_INDEX,
  SLOT_INTS,
  SLOT_LO,
  SLOT_OF_PORT,
  SLOT_OWNER,
  SLOT_PLACE,
  SLOT_PLACEMENT,
  SLOT_PORT,
  SLOT_SERVICE,
  SLOT_SINCE,
  SLOT_TIMES,
  SLOT_VERDICT,
  SLOT_WHOLE,
  SLOT_WORKLOAD,
  verdictReason,
} from './endpoints.ts';
import type { GeoTable } from './geo/geo-table.ts';
import { keyDetail } from './ownership/entries.ts';
import type { OwnershipHistory } from './ownership/history.ts';
import { type Holders, Wait } from './ownership/holders.ts';
import { OwnerAt } from './ownership/owner.ts';
import { OwnerFinder } from './ownership/owner-at.ts';
import { type Placement, Placements } from './ownership/placements.ts';
import type { Network } from './ownership/reporters.ts';
import { NO_PORT, UNKNOWN_PORT } from './ownership/tables.ts';

const WHOLE_ADDRESS: number = keyDetail(0, 128);

export class SlotVerdicts {
  readonly #history: OwnershipHistory;
  readonly #holders: Holders;
  readonly #finder: OwnerFinder;
  readonly #atStart = new OwnerAt();
  readonly #atEnd = new OwnerAt();
  readonly #wait = new Wait();
  readonly #verdict = new Verdict();
  readonly #placements: Placements;
  /** The rest of the internet; null where no file names it. */
  geo: GeoTable | null = null;
  #network: Network | null = null;
  #workloads: readonly Workload[] = [];

  /** Outputs of `judgeFlow`, as the slots' columns. */
  workload = -1;
  verdict = 0;
  service = -1;
  placement = -1;
  place = -1;
  /** Born as a double, so that its shape never changes. */
  sinceUs: number = Number.NaN;

  constructor(history: OwnershipHistory, holders: Holders) {
    this.#history = history;
    this.#holders = holders;
    this.#finder = new OwnerFinder(history);
    this.#placements = new Placements(history);
  }

  /** What `placement` numbers: of this batch. */
  get placements(): readonly Placement[] {
    return this.#placements.list;
  }

  /** Begin a batch: its slots get their entries. Null: nobody ever spoke of its network. */
  begin(network: Network | null, workloads: readonly Workload[], ends: EndpointDictionary): void {
    this.#network = network;
    this.#workloads = workloads;
    this.#placements.reset();
    if (network === null) return;
    const { entries } = this.#history;
    const { ints } = ends;
    for (let k = 0; k < SLOT_INTS * ends.length; k += SLOT_INTS) {
      const whole = entries.find(ints, k, WHOLE_ADDRESS, network.id);
      const port = ints[k + SLOT_PORT]!;
      ints[k + SLOT_WHOLE] = whole;
      if (port <= 0) ints[k + SLOT_OF_PORT] = NO_PORT;
      else ints[k + SLOT_OF_PORT] = this.#portEntry(ints, k, port, network.id, whole);
    }
  }

  /** Most addresses have no claimed port, and are not searched for one. */
  #portEntry(ints: Int32Array, at: number, port: number, network: number, whole: number): number {
    if (whole < 0 || this.#history.entries.firstPort(whole) < 0) return UNKNOWN_PORT;
    const entry = this.#history.entries.find(ints, at, keyDetail(port, 128), network);
    return entry < 0 ? UNKNOWN_PORT : entry;
  }

  /** Judge every slot at its end. */
  settle(ends: EndpointDictionary): void {
    const { ints, times, ready } = ends;
    const out = this.#atEnd;
    for (let slot = 0; slot < ends.length; slot += 1) {
      const k = SLOT_INTS * slot;
      const t = SLOT_TIMES * slot;
      ints[k + SLOT_INDEX] = -1;
      ints[k + SLOT_PLACE] = this.geo === null ? -1 : this.geo.find(ints, k);
      if (this.#network === null || ready[slot] === 0) {
        times[t + SLOT_LO] = Number.POSITIVE_INFINITY;
        continue;
      }
      const owner = ints[k + SLOT_OWNER]!;
      this.#ask(ints, k, owner, times[t + SLOT_END]!, out);
      this.#pack(out, out, owner, true, true);
      this.#locate(ints, k, times[t + SLOT_END]!);
      ints[k + SLOT_PLACEMENT] = this.placement;
      times[t + SLOT_LO] = Math.max(out.loUs, this.#placements.loUs);
      times[t + SLOT_HI] = Math.min(out.hiUs, this.#placements.hiUs);
      times[t + SLOT_SINCE] = this.sinceUs;
      ints[k + SLOT_WORKLOAD] = this.workload;
      ints[k + SLOT_VERDICT] = this.verdict;
      ints[k + SLOT_SERVICE] = this.service;
    }
  }

  /** Judge a flow for itself; `slot` -1: an end that no history can name. */
  judgeFlow(ends: EndpointDictionary, slot: number, startUs: number, endUs: number): void {
    this.workload = -1;
    this.service = -1;
    this.sinceUs = -1;
    this.verdict = packVerdict(Method.none, slot < 0 ? Reason.noClaim : Reason.holdExpired, false);
    this.placement = -1;
    this.place = -1;
    if (slot < 0) return;
    const { ints } = ends;
    const k = SLOT_INTS * slot;
    this.place = ints[k + SLOT_PLACE]!;
    if (this.#network === null) return;
    const owner = ints[k + SLOT_OWNER]!;
    const end = this.#atEnd;
    this.#ask(ints, k, owner, endUs, end);
    const isOne = startUs >= end.loUs && startUs <= end.hiUs;
    const start = isOne ? end : this.#atStart;
    if (!isOne) this.#ask(ints, k, owner, startUs, start);
    const isSame = isOne || this.#isSame(start.workload, end.workload);
    const isReady =
      owner >= 0 ||
      ends.ready[slot] === 1 ||
      this.#holders.isReady(ints, k, ints[k + SLOT_WHOLE]!, ints[k + SLOT_OF_PORT]!, endUs, this.#wait);
    this.#pack(start, end, owner, isSame, isReady);
    this.#locate(ints, k, endUs);
  }

  /** Where the end is: what tables say of its prefixes, and its place in the internet where nobody holds it. */
  #locate(ints: Int32Array, k: number, endUs: number): void {
    this.placement = this.#placements.find(this.#network!, ints, k, endUs);
    const isOutside = verdictReason(this.verdict) === Reason.noClaim && ints[k + SLOT_PLACE]! >= 0;
    if (isOutside) this.verdict = (this.verdict & ~0xf) | Method.geo;
  }

  #isSame(a: number, b: number): boolean {
    return a >= 0 && b >= 0 && this.#history.workloads.isSame(a, b);
  }

  #ask(ints: Int32Array, k: number, owner: number, timeUs: number, out: OwnerAt): void {
    const network = this.#network!;
    const whole = ints[k + SLOT_WHOLE]!;
    const ofPort = ints[k + SLOT_OF_PORT]!;
    if (owner < 0) return this.#finder.find(network, ints, k, whole, ofPort, timeUs, out);
    this.#finder.findAll(network, ints, k, whole, ofPort, timeUs, out);
    out.sinceUs = this.#finder.since(this.#workloads[owner]!);
  }

  #pack(start: OwnerAt, end: OwnerAt, owner: number, isSame: boolean, isReady: boolean): void {
    this.service = start.service === end.service ? start.service : -1;
    if (owner >= 0) {
      this.workload = -1;
      this.sinceUs = start.sinceUs;
      this.verdict = packVerdict(Method.none, Reason.none, end.reported);
      return;
    }
    const verdict = this.#verdict;
    judge(start, end, isSame, isReady, this.#wait.silent, verdict);
    this.workload = verdict.workload;
    this.sinceUs = verdict.sinceUs;
    this.verdict = packVerdict(verdict.method, verdict.reason, end.reported);
  }
}
