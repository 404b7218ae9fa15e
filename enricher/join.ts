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
import { judge, Verdict } from './attribute.ts';
import type { BatchDictionaries } from './dictionaries.ts';
import { EndpointDictionary } from './endpoints.ts';
import { orient, type Sides } from './orient.ts';
import { isLoopback } from './ownership/address.ts';
import type { OwnershipHistory } from './ownership/history.ts';
import { Holders, Wait } from './ownership/holders.ts';
import { OwnerAt, OwnerFinder } from './ownership/owner-at.ts';
import type { Network } from './ownership/reporters.ts';
import { type Need, needsOf, needsOfUnknown } from './ready.ts';
import { copyColumns } from './rows.ts';

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
  readonly #finder: OwnerFinder;
  readonly #holders: Holders;
  readonly #ends = new EndpointDictionary();
  #network: Network | null = null;
  #localSlot = new Int32Array(0);
  #remoteSlot = new Int32Array(0);
  /** By the batch's workload: its instance in the history, -1: no claim names it. */
  #instances = new Int32Array(0);
  readonly #atStart = new OwnerAt();
  readonly #atEnd = new OwnerAt();
  readonly #wait = new Wait();
  readonly #verdict = new Verdict();
  /** Outputs of `#judgeEnd`. */
  #service = -1;
  #reported = false;

  constructor(history: OwnershipHistory) {
    this.#history = history;
    this.#finder = new OwnerFinder(history);
    this.#holders = new Holders(history);
  }

  /** Collect the batch's distinct ends; what it waits for, nothing when it is ready. */
  look(batch: RawBatch): readonly Need[] {
    this.#network = this.#history.findNetwork(batch.network);
    this.#ends.reset();
    this.#instances = Int32Array.from(batch.workloads, (workload) => this.#history.workloads.findInstance(workload));
    this.#collect(batch.flows);
    if (this.#network === null) return needsOfUnknown(batch.network, this.#ends);
    this.#ends.locate(this.#history, this.#network);
    return needsOf(this.#history, this.#network, this.#ends, this.#holders);
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
    this.#writeEnds(flows, into, base, sides, workloads, dictionaries, counts);
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

  #writeEnds(
    flows: RawFlowColumns,
    into: EnrichedFlowColumns,
    base: number,
    sides: Sides,
    workloads: readonly number[],
    dictionaries: BatchDictionaries,
    counts: EndCounts,
  ): void {
    const verdict = this.#verdict;
    const { localWorkload, remoteWorkload, remoteMethod } = flows;
    for (let i = 0; i < flows.length; i += 1) {
      const row = base + i;
      const localIsSrc = sides[i] === 1;
      this.#judgeEnd(flows, i, this.#localSlot[i]!, localWorkload[i]!, Method.local);
      putEnd(into, row, localIsSrc, this.#workloadIndex(localWorkload[i]!, workloads, dictionaries), verdict);
      count(counts, verdict);
      into.dstService[row] = localIsSrc || this.#service < 0 ? -1 : dictionaries.addService(this.#service);
      this.#judgeEnd(flows, i, this.#remoteSlot[i]!, remoteWorkload[i]!, remoteMethod[i] as Method);
      putEnd(into, row, !localIsSrc, this.#workloadIndex(remoteWorkload[i]!, workloads, dictionaries), verdict);
      count(counts, verdict);
      if (localIsSrc && this.#service >= 0) into.dstService[row] = dictionaries.addService(this.#service);
      into.peerReports[row] = this.#reported || remoteMethod[i] === Method.peer ? 1 : 0;
    }
  }

  #workloadIndex(captured: number, workloads: readonly number[], dictionaries: BatchDictionaries): number {
    if (captured >= 0) return workloads[captured]!;
    return this.#verdict.workload < 0 ? -1 : dictionaries.addOwner(this.#verdict.workload);
  }

  /** The verdict on one end of flow `i`: the capture's owner with the history's `since`, or the history's owner. */
  #judgeEnd(flows: RawFlowColumns, i: number, slot: number, captured: number, method: Method): void {
    const verdict = this.#verdict;
    verdict.workload = -1;
    verdict.sinceUs = -1;
    verdict.method = captured >= 0 ? method : Method.none;
    verdict.reason = captured >= 0 ? Reason.none : Reason.noClaim;
    this.#service = -1;
    this.#reported = false;
    if (slot === NO_SLOT) return;
    if (this.#network === null) {
      if (captured < 0) verdict.reason = Reason.holdExpired;
      return;
    }
    const endUs = flows.endUs[i]!;
    const startUs = Math.min(flows.startUs[i]!, endUs);
    const end = this.#ask(slot, endUs, this.#atEnd);
    this.#reported = end.reported;
    const start = startUs >= end.loUs && startUs <= end.hiUs ? end : this.#ask(slot, startUs, this.#atStart);
    this.#service = start.service === end.service ? start.service : -1;
    if (captured >= 0) verdict.sinceUs = start.sinceUs;
    else this.#judgeSlot(slot, start, end, endUs);
  }

  #judgeSlot(slot: number, start: OwnerAt, end: OwnerAt, endUs: number): void {
    const wait = this.#wait;
    const ends = this.#ends;
    const isReady =
      ends.ready[slot] === 1 ||
      this.#holders.isReady(ends.words, 4 * slot, ends.whole[slot]!, ends.ofPort[slot]!, endUs, wait);
    judge(start, end, isReady, wait.silent, this.#verdict);
  }

  /** The slot's own answer where it covers the time; else another, into `spare` where it is older. Ends before starts. */
  #ask(slot: number, timeUs: number, spare: OwnerAt): OwnerAt {
    const ends = this.#ends;
    const cached = ends.answers[slot]!;
    const isAsked = ends.asked[slot] === 1;
    if (isAsked && timeUs >= cached.loUs && timeUs <= cached.hiUs) return cached;
    // The newest stretch is kept: most flows are of now, also where the first that asked was older.
    const out = isAsked && timeUs < cached.loUs ? spare : cached;
    ends.asked[slot] = 1;
    this.#finder.find(this.#network!, ends.words, 4 * slot, ends.whole[slot]!, ends.ofPort[slot]!, timeUs, out);
    const owner = ends.owner[slot]!;
    if (owner >= 0) out.sinceUs = this.#finder.since(this.#instances[owner]!);
    return out;
  }
}

function putEnd(into: EnrichedFlowColumns, row: number, isSrc: boolean, workload: number, verdict: Verdict): void {
  if (isSrc) {
    into.srcWorkload[row] = workload;
    into.srcMethod[row] = verdict.method;
    into.srcReason[row] = verdict.reason;
    into.srcSinceUs[row] = verdict.sinceUs;
    return;
  }
  into.dstWorkload[row] = workload;
  into.dstMethod[row] = verdict.method;
  into.dstReason[row] = verdict.reason;
  into.dstSinceUs[row] = verdict.sinceUs;
}

function count(counts: EndCounts, verdict: Verdict): void {
  counts.byMethod[verdict.method]! += 1;
  if (verdict.reason !== Reason.none) counts.byReason[verdict.reason]! += 1;
}
