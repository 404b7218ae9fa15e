/**
 * The ownership history: a fold over the messages of the ownership topic in log order. Equal messages give equal
 * histories, numbers included, so that every worker's replica answers alike.
 *
 * Per (network, address or prefix, port): the claims on it, by time.
 */
import { int32Words } from '../../schemas/columns.ts';
import { Method, OwnershipKind, ReporterKind } from '../../schemas/generated/common.ts';
import {
  type ClaimColumns,
  decodeOwnershipMessage,
  type OwnershipMessage,
} from '../../schemas/generated/ownership-v1.ts';
import { prefixMask } from './address.ts';
import { CLAIMS_PER_ENTRY_MAX, OPEN, ORPHAN, packMeta, PLACE, stampOf } from './claims.ts';
import { keyDetail } from './entries.ts';
import { addClaim, clearOrphans, closeOpen, compactOpen, possibleEndUs, statesClaim } from './fold.ts';
import type { Network, Reporter } from './reporters.ts';
import { sweep } from './sweep.ts';
import { HistoryTables } from './tables.ts';
import { claimFault, podFault } from './validate.ts';

export interface HistoryOptions {
  /** Claims that ended this long before the newest as-of time are forgotten. */
  readonly retainMs: number;
  /**
   * No two clocks are further apart: what a reporter says of a moment is believed of a flow that another clock timed
   * where it holds this long before and after too. A message whose as-of time is further ahead of the log's clock is
   * refused.
   */
  readonly clockSkewMs: number;
}

export const HISTORY_DEFAULTS: HistoryOptions = { retainMs: 2 * 3600 * 1000, clockSkewMs: 0 };

/** What became of one message. */
export interface Applied {
  /** False for a repeat, a straggler of a past epoch, or a message that was refused whole. */
  readonly taken: boolean;
  readonly claims: number;
  readonly refused: number;
  /** The first thing wrong, null when nothing was. */
  readonly fault: string | null;
}

const INTERVAL_MS_MAX = 3_600_000;
/** The log's own clock, which times no flow, need not be as exact as the reporters'. */
const LOG_CLOCK_MS = 1000;
/** What a static table says holds a while ahead, so that flows need not wait for its next word. */
const STATIC_AHEAD_MS = 20_000;
const IGNORED: Applied = { taken: false, claims: 0, refused: 0, fault: null };

export class OwnershipHistory extends HistoryTables {
  readonly #scratch: Int32Array = new Int32Array(4);
  #columns: ClaimColumns | undefined;

  constructor(options: HistoryOptions = HISTORY_DEFAULTS) {
    super(options.retainMs * 1000, options.clockSkewMs * 1000);
  }

  /**
   * Decode and apply. Owner: the bytes stay the caller's.
   * @throws WEIR_SCHEMA_* when it is no ownership message; the history is as before.
   */
  applyBytes(bytes: Uint8Array, appendMs: number): Applied {
    const message = decodeOwnershipMessage(bytes, this.#columns);
    this.#columns = message.claims;
    return this.apply(message, appendMs);
  }

  apply(message: OwnershipMessage, appendMs: number): Applied {
    const fault = this.#messageFault(message, appendMs);
    if (fault !== null) return { taken: false, claims: 0, refused: Math.max(1, message.claims.length), fault };
    const { cluster, network, reporter: name, reporterKind, epoch, seq, kind, asOfUs } = message;
    const reporter = this.reporters.obtain(cluster, network, name, reporterKind);
    if (reporter === null)
      return { taken: false, claims: 0, refused: message.claims.length, fault: 'too many reporters' };
    if (reporter.epoch !== epoch) {
      if (reporter.pastEpochs.includes(epoch)) return this.#pastEpoch(reporter, message);
      this.#beginEpoch(reporter, epoch, asOfUs);
    } else if (seq <= reporter.seq) return IGNORED;
    if (reporter.seq >= 0 && seq !== reporter.seq + 1) reporter.gapped = true;
    reporter.seq = seq;
    reporter.intervalUs = message.intervalMs * 1000;
    const before = reporter.openEntries;
    if (kind === OwnershipKind.full) {
      reporter.generation += 1;
      reporter.openEntries = [];
    }
    const applied = this.#applyPods(reporter, message, this.#applyClaims(reporter, message));
    if (kind === OwnershipKind.full) this.#finishFull(reporter, before, asOfUs);
    else if (kind === OwnershipKind.goodbye) this.#finishGoodbye(reporter, asOfUs);
    else if (!reporter.gapped) this.#confirm(reporter, asOfUs);
    this.#hear(reporter, asOfUs, appendMs);
    sweep(this, message.claims.length);
    this.workloads.pods.sweep(this.reporters.asOfUs, this.retainUs, message.pods.length);
    return applied;
  }

  /** Null where nobody ever spoke of it. */
  findNetwork(name: string): Network | null {
    return this.reporters.findNetwork(name);
  }

  #messageFault(message: OwnershipMessage, appendMs: number): string | null {
    const { asOfUs, intervalMs, seq, epoch, reporterKind } = message;
    if (epoch === '' || seq < 0) return `epoch "${epoch}", seq ${seq}`;
    if (intervalMs < 1 || intervalMs > INTERVAL_MS_MAX) return `interval_ms ${intervalMs}`;
    const clocksMs = this.clockSkewUs / 1000 + LOG_CLOCK_MS;
    const aheadMs = clocksMs + (reporterKind === ReporterKind.static ? STATIC_AHEAD_MS : 0);
    if (asOfUs >= 0 && asOfUs <= (appendMs + aheadMs) * 1000) return null;
    return `as_of ${asOfUs}: its clock is ahead of the log's by more than ${clocksMs} ms`;
  }

  /** A straggler, or a second node under one name: only that one speaks of a time after the new epoch began. */
  #pastEpoch(reporter: Reporter, { asOfUs, claims }: OwnershipMessage): Applied {
    if (asOfUs <= reporter.beganUs + this.clockSkewUs) return IGNORED;
    reporter.clock.doubled = true;
    const fault = `two reporters are named ${reporter.name}: give each node its own sidecar.node`;
    return { taken: false, claims: 0, refused: Math.max(1, claims.length), fault };
  }

  /** The old epoch's open claims end where it last spoke, and are possible until the new one does. */
  #beginEpoch(reporter: Reporter, epoch: string, asOfUs: number): void {
    const confirmedUs = this.reporters.confirmedUs[reporter.id]!;
    const latestUs = Math.max(confirmedUs, asOfUs);
    for (const entry of reporter.openEntries) closeOpen(this, reporter, entry, confirmedUs, latestUs, ORPHAN, -1);
    this.#orphan(reporter);
    this.reporters.beginEpoch(reporter, epoch, asOfUs);
  }

  #applyClaims(reporter: Reporter, message: OwnershipMessage): Applied {
    const { claims, workloads } = message;
    const ids = new Int32Array(workloads.length).fill(-1);
    let refused = 0;
    let fault: string | null = null;
    for (let i = 0; i < claims.length; i += 1) {
      const wrong = claimFault(claims, i, workloads.length);
      if (wrong === null) {
        const index = claims.workload[i]!;
        if (index >= 0 && ids[index] === -1) ids[index] = this.workloads.acquire(workloads[index]!);
        if (this.#applyClaim(reporter, message, i, index < 0 ? -1 : ids[index]!)) continue;
      }
      refused += 1;
      fault ??= wrong ?? 'no room for more addresses, or claims of one';
    }
    // The claims hold their own references.
    for (const id of ids) if (id >= 0) this.workloads.release(id);
    return { taken: true, claims: claims.length - refused, refused, fault };
  }

  /** What was applied, with the pods of the message. */
  #applyPods(reporter: Reporter, message: OwnershipMessage, applied: Applied): Applied {
    let { refused, fault } = applied;
    for (const pod of message.pods) {
      const wrong = podFault(message, pod);
      const workload = message.workloads[pod.workload];
      if (wrong === null && workload !== undefined) {
        if (this.workloads.pods.state(reporter, workload, pod.toUs, message.asOfUs)) continue;
      }
      refused += 1;
      fault ??= wrong ?? 'no room for more pods';
    }
    return { ...applied, refused, fault };
  }

  /** False when there is no room. */
  #applyClaim(reporter: Reporter, message: OwnershipMessage, i: number, workload: number): boolean {
    const { claims, asOfUs } = message;
    const { network } = reporter;
    const prefixLength = claims.prefixLength[i]!;
    const words = this.#scratch;
    const addr = int32Words(claims.addr);
    for (let k = 0; k < 4; k += 1) words[k] = addr[4 * i + k]! & prefixMask(prefixLength, k);
    const port = claims.port[i]!;
    // An address of which only ports are claimed is still one that its reporter watches.
    const whole = port > 0 ? this.#obtainEntry(network, words, 0, 128) : -1;
    if (port > 0 && whole < 0) return false;
    if (whole >= 0) this.entries.touch(whole, reporter.id, asOfUs);
    const size = this.entries.size;
    const entry = this.#obtainEntry(network, words, port, prefixLength);
    if (whole >= 0 && this.entries.size > size) this.entries.linkPort(whole, entry);
    if (entry < 0) return false;
    this.entries.touch(entry, reporter.id, asOfUs);
    if (statesClaim(this, reporter, entry, message, i, workload)) return true;
    if (this.entries.count(entry) >= CLAIMS_PER_ENTRY_MAX) return false;
    const isOpen = claims.toUs[i]! < 0;
    const fromUs = claims.fromUs[i]!;
    const method = claims.method[i]! as Method;
    const isPlace = method === Method.prefix && workload >= 0 && !this.workloads.isNamed(workload);
    addClaim(this, entry, {
      earliestUs: claims.earliestUs[i]!,
      fromUs,
      toUs: isOpen ? 0 : Math.min(claims.toUs[i]!, asOfUs),
      latestUs: isOpen ? fromUs : possibleEndUs(claims, i, asOfUs),
      workload,
      meta: packMeta(reporter.id, method, (isOpen ? OPEN : 0) | (isPlace ? PLACE : 0) | stampOf(reporter.generation)),
    });
    if (isOpen) {
      reporter.openEntries.push(entry);
      reporter.openClaims += 1;
    }
    return true;
  }

  #obtainEntry(network: Network, words: Int32Array, port: number, prefixLength: number): number {
    const size = this.entries.size;
    const entry = this.entries.obtain(words, 0, keyDetail(port, prefixLength), network.id);
    if (prefixLength < 128 && this.entries.size > size) network.prefixes.add(entry);
    return entry;
  }

  /** What the full list does not name is held no longer: since when is not known, so it is possible until now. */
  #finishFull(reporter: Reporter, before: readonly number[], asOfUs: number): void {
    const confirmedUs = this.reporters.confirmedUs[reporter.id]!;
    const latestUs = Math.max(confirmedUs, asOfUs);
    for (const entry of before) closeOpen(this, reporter, entry, confirmedUs, latestUs, 0, reporter.generation);
    for (const entry of reporter.orphanEntries) clearOrphans(this, reporter, entry);
    reporter.orphanEntries = [];
    // A new epoch's clock may stand behind the old one's: what its open claims rest on is its own.
    if (reporter.fresh) this.reporters.confirmedUs[reporter.id] = asOfUs;
    else this.#confirm(reporter, asOfUs);
    reporter.fresh = false;
    reporter.gapped = false;
    reporter.gone = false;
  }

  #finishGoodbye(reporter: Reporter, asOfUs: number): void {
    if (!reporter.gapped) this.#confirm(reporter, asOfUs);
    const confirmedUs = this.reporters.confirmedUs[reporter.id]!;
    const latestUs = Math.max(confirmedUs, asOfUs);
    for (const entry of reporter.openEntries) closeOpen(this, reporter, entry, confirmedUs, latestUs, ORPHAN, -1);
    this.#orphan(reporter);
    reporter.gone = true;
  }

  #orphan(reporter: Reporter): void {
    for (const entry of reporter.openEntries) reporter.orphanEntries.push(entry);
    reporter.openEntries = [];
  }

  #confirm(reporter: Reporter, asOfUs: number): void {
    const { confirmedUs } = this.reporters;
    if (asOfUs > confirmedUs[reporter.id]!) confirmedUs[reporter.id] = asOfUs;
  }

  #hear(reporter: Reporter, asOfUs: number, appendMs: number): void {
    const { asOfUs: newest } = this.reporters;
    if (asOfUs > newest[reporter.id]!) newest[reporter.id] = asOfUs;
    const { network } = reporter;
    network.reporters.add(reporter);
    network.newestUs = Math.max(network.newestUs, Math.min(asOfUs, appendMs * 1000));
    compactOpen(this, reporter);
  }
}
