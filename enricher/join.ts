/**
 * Raw rows and the history become enriched rows. Pure: the same batch over the same history gives the same rows.
 *
 * `look` asks for what the batch needs and returns what is missing; `write` then appends its rows, ready or not.
 * Layout: typed-array columns in and out. Allocates nothing per flow. Owner: the columns stay the caller's.
 */
import { int32Words } from '../schemas/columns.ts';
import { Method, Reason, Role } from '../schemas/generated/common.ts';
import type { EnrichedFlowColumns } from '../schemas/generated/flows-enriched-v1.ts';
import type { RawBatch, RawFlowColumns } from '../schemas/generated/flows-raw-v1.ts';
import type { BatchDictionaries } from './dictionaries.ts';
import {
  EndpointDictionary,
  REPORTED,
  SLOT_HI,
  SLOT_INDEX,
  SLOT_INTS,
  SLOT_LO,
  SLOT_PLACE,
  SLOT_PLACEMENT,
  SLOT_SERVICE,
  SLOT_SINCE,
  SLOT_TIMES,
  SLOT_VERDICT,
  SLOT_WORKLOAD,
  verdictMethod,
  verdictReason,
} from './endpoints.ts';
import type { GeoTable } from './geo/geo-table.ts';
import { orient, type Sides } from './orient.ts';
import { isLoopback } from './ownership/address.ts';
import type { OwnershipHistory } from './ownership/history.ts';
import { Holders } from './ownership/holders.ts';
import { type Need, needsOf, needsOfPods, needsOfUnknown } from './ready.ts';
import { copyColumns } from './rows.ts';
import { SlotVerdicts } from './slot-verdicts.ts';
import { isServed, TranslatedEnds, writeTranslations } from './translated.ts';

/** How many ends were attributed by which method, and why the others were not. */
export interface EndCounts {
  readonly byMethod: Float64Array;
  readonly byReason: Float64Array;
}

export const newEndCounts = (): EndCounts => ({ byMethod: new Float64Array(9), byReason: new Float64Array(6) });

/** Slot of an end that the history is not asked for. */
const NO_SLOT = -1;

export class Joiner {
  readonly #history: OwnershipHistory;
  readonly #holders: Holders;
  readonly #verdicts: SlotVerdicts;
  readonly #ends = new EndpointDictionary();
  readonly #translated = new TranslatedEnds();
  #localSlot = new Int32Array(0);
  #remoteSlot = new Int32Array(0);

  constructor(history: OwnershipHistory) {
    this.#history = history;
    this.#holders = new Holders(history);
    this.#verdicts = new SlotVerdicts(history, this.#holders);
  }

  /** The table of places from here on. */
  setGeo(geo: GeoTable | null): void {
    this.#verdicts.geo = geo;
  }

  /** Collect the batch's distinct ends; what it waits for, nothing when it is ready. */
  look(batch: RawBatch): readonly Need[] {
    const network = this.#history.findNetwork(batch.network);
    this.#ends.reset();
    this.#collect(batch.flows);
    this.#translated.collect(batch, this.#ends, this.#remoteSlot);
    const { cluster, node, network: name } = batch;
    this.#history.ownClock = this.#history.reporters.clockOf(cluster, name, node);
    this.#verdicts.begin(network, batch.workloads, this.#ends);
    if (network === null) return needsOfUnknown(batch.network, this.#ends);
    const needs = needsOf(this.#history, network, this.#ends, this.#holders);
    const ofPods = needsOfPods(this.#history, network, batch, this.#holders);
    return ofPods.length === 0 ? needs : [...needs, ...ofPods];
  }

  /** Append the rows of the batch that was looked at last. */
  write(batch: RawBatch, into: EnrichedFlowColumns, dictionaries: BatchDictionaries, counts: EndCounts): void {
    const { flows } = batch;
    const base = into.length;
    into.ensure(base + flows.length);
    into.length = base + flows.length;
    const workloads = batch.workloads.map((workload) => dictionaries.addWorkload(workload));
    const processes = batch.processes.map((process) => dictionaries.addProcess(process));
    const sides = orient(flows, into, base);
    copyColumns(batch, into, base, processes);
    this.#verdicts.settle(this.#ends);
    into.dstService.fill(-1, base, into.length);
    into.srcPlace.fill(-1, base, into.length);
    into.dstPlace.fill(-1, base, into.length);
    this.#writeEnds(flows, into, base, sides, 1, workloads, dictionaries, counts);
    this.#writeEnds(flows, into, base, sides, 0, workloads, dictionaries, counts);
    if (batch.translations.length === 0) return;
    this.#writeServices(batch, into, base, sides, dictionaries, counts);
    writeTranslations(batch, base, sides, dictionaries);
  }

  #collect(flows: RawFlowColumns): void {
    const rows = flows.length;
    if (rows > this.#localSlot.length) {
      this.#localSlot = new Int32Array(rows);
      this.#remoteSlot = new Int32Array(rows);
    }
    const local = int32Words(flows.localAddr);
    const remote = int32Words(flows.remoteAddr);
    const { role, localPort, remotePort, localWorkload, remoteWorkload, endUs } = flows;
    for (let i = 0; i < rows; i += 1) {
      // The port of the end that opened a connection is any: only the other's tells who listens there.
      const localListens = role[i] === Role.client ? 0 : Math.max(localPort[i]!, 0);
      const remoteListens = role[i] === Role.server ? 0 : Math.max(remotePort[i]!, 0);
      this.#localSlot[i] = this.#slot(local, 4 * i, localListens, localWorkload[i]!, endUs[i]!);
      this.#remoteSlot[i] = this.#slot(remote, 4 * i, remoteListens, remoteWorkload[i]!, endUs[i]!);
    }
  }

  #slot(words: Int32Array, at: number, port: number, owner: number, endUs: number): number {
    if (isLoopback(words, at)) return NO_SLOT;
    return this.#ends.slot(words, at, port, owner, endUs);
  }

  /** The local ends of all flows, or the remote ones; `srcSide` is what `sides` says where such an end is src. */
  #writeEnds(
    flows: RawFlowColumns,
    into: EnrichedFlowColumns,
    base: number,
    sides: Sides,
    srcSide: 0 | 1,
    workloads: readonly number[],
    dictionaries: BatchDictionaries,
    { byMethod, byReason }: EndCounts,
  ): void {
    const isLocal = srcSide === 1;
    const slots = isLocal ? this.#localSlot : this.#remoteSlot;
    const captured = isLocal ? flows.localWorkload : flows.remoteWorkload;
    const { startUs, endUs, remoteMethod } = flows;
    const { srcWorkload, srcMethod, srcReason, srcSinceUs, dstWorkload, dstMethod, dstReason, dstSinceUs } = into;
    const { ints, times } = this.#ends;
    const verdicts = this.#verdicts;
    for (let i = 0; i < flows.length; i += 1) {
      const slot = slots[i]!;
      const end = endUs[i]!;
      const start = Math.min(startUs[i]!, end);
      const k = SLOT_INTS * slot;
      const t = SLOT_TIMES * slot;
      const isSettled = slot >= 0 && start >= times[t + SLOT_LO]! && end <= times[t + SLOT_HI]!;
      if (!isSettled) verdicts.judgeFlow(this.#ends, slot, start, end);
      const owner = captured[i]!;
      const verdict = isSettled ? ints[k + SLOT_VERDICT]! : verdicts.verdict;
      const sinceUs = isSettled ? times[t + SLOT_SINCE]! : verdicts.sinceUs;
      const service = isSettled ? ints[k + SLOT_SERVICE]! : verdicts.service;
      let method = verdictMethod(verdict);
      let reason = verdictReason(verdict);
      let index = -1;
      if (owner >= 0) {
        method = isLocal ? Method.local : remoteMethod[i]!;
        reason = Reason.none;
      }
      if (isSettled) {
        index = ints[k + SLOT_INDEX]!;
        if (index < 0) {
          index = this.#index(owner, ints[k + SLOT_WORKLOAD]!, ints[k + SLOT_PLACEMENT]!, workloads, dictionaries);
          ints[k + SLOT_INDEX] = index;
        }
      } else index = this.#index(owner, verdicts.workload, verdicts.placement, workloads, dictionaries);
      byMethod[method]! += 1;
      if (reason !== Reason.none) byReason[reason]! += 1;
      const row = base + i;
      const place = isSettled ? ints[k + SLOT_PLACE]! : verdicts.place;
      if (place >= 0) {
        const column = sides[i] === srcSide ? into.srcPlace : into.dstPlace;
        column[row] = dictionaries.addPlace(place, verdicts.geo!.places);
      }
      if (sides[i] === srcSide) {
        srcWorkload[row] = index;
        srcMethod[row] = method;
        srcReason[row] = reason;
        srcSinceUs[row] = sinceUs;
      } else {
        dstWorkload[row] = index;
        dstMethod[row] = method;
        dstReason[row] = reason;
        dstSinceUs[row] = sinceUs;
        if (service >= 0) into.dstService[row] = dictionaries.addService(service);
      }
      if (!isLocal) into.peerReports[row] = (verdict & REPORTED) !== 0 || remoteMethod[i] === Method.peer ? 1 : 0;
    }
  }

  /** The Service that a translated connection asked for; who is behind it where the owner of the far end is not known. */
  #writeServices(
    batch: RawBatch,
    into: EnrichedFlowColumns,
    base: number,
    sides: Sides,
    dictionaries: BatchDictionaries,
    { byMethod, byReason }: EndCounts,
  ): void {
    const { flows } = batch;
    const verdicts = this.#verdicts;
    batch.translations.forEach((translation, k) => {
      const i = translation.row;
      const slot = this.#translated.serviceSlots[k]!;
      const served = isServed(batch, translation);
      // The end that was asked is dst, but where nobody knows who opened the connection.
      if (slot < 0 || (sides[i] === 1) === served) return;
      verdicts.judgeFlow(this.#ends, slot, Math.min(flows.startUs[i]!, flows.endUs[i]!), flows.endUs[i]!);
      const row = base + i;
      if (verdicts.service >= 0) into.dstService[row] = dictionaries.addService(verdicts.service);
      const reason = into.dstReason[row]!;
      const isService = verdictMethod(verdicts.verdict) === Method.service;
      if (served || translation.remoteAddr < 0 || reason === Reason.none || !isService) return;
      byMethod[into.dstMethod[row]!]! -= 1;
      byReason[reason]! -= 1;
      byMethod[Method.service]! += 1;
      into.dstWorkload[row] = this.#index(-1, verdicts.workload, verdicts.placement, [], dictionaries);
      into.dstMethod[row] = Method.service;
      into.dstReason[row] = Reason.none;
      into.dstSinceUs[row] = verdicts.sinceUs;
    });
  }

  /** Of an end's workload in the batch's dictionary: what the capture saw, or the history's, with its place; -1: none. */
  #index(
    captured: number,
    owner: number,
    placement: number,
    workloads: readonly number[],
    dictionaries: BatchDictionaries,
  ): number {
    const index = captured >= 0 ? workloads[captured]! : owner >= 0 ? dictionaries.addOwner(owner) : -1;
    if (index < 0 || placement < 0) return index;
    return dictionaries.addPlaced(index, this.#verdicts.placements[placement]!);
  }
}
