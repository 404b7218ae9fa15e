/** Who speaks of which network, and how far what they said can be trusted. */
import { nodeOfReporter } from '../../contract/reporter-names.ts';
import { ReporterKind } from '../../schemas/generated/common.ts';
import { REPORTERS_MAX } from './claims.ts';
import type { EntryTable } from './entries.ts';
import { PrefixIndex } from './prefix-index.ts';

/** A reporter is live while its as-of time is at most this many of its intervals behind its network's newest. */
const LIVE_INTERVALS = 3;
/** Epochs that are remembered as over, so that a straggler of theirs is not taken for a new life. */
const PAST_EPOCHS_MAX = 16;

export interface Network {
  readonly id: number;
  readonly name: string;
  /** The newest as-of time of any reporter, but never ahead of the log's clock: one fast clock must not silence the rest. */
  newestUs: number;
  readonly reporters: Set<Reporter>;
  /** Of the entries that are no single address. */
  readonly prefixes: PrefixIndex;
  /** A static table spoke of it. */
  hasTables: boolean;
  /** Somebody did who sees it: before that, the first full list may still be under way. */
  isSeen: boolean;
}

/** A clock that reporters time by: those of one sidecar share theirs. */
export interface ReporterClock {
  readonly id: number;
  /** Two nodes speak under this name: whose clock times their flows cannot be told. */
  doubled: boolean;
}

export interface Reporter {
  readonly id: number;
  readonly network: Network;
  readonly kind: ReporterKind;
  readonly name: string;
  epoch: string;
  /** The newest `as_of` when the epoch began. */
  beganUs: number;
  readonly clock: ReporterClock;
  readonly pastEpochs: string[];
  seq: number;
  /** A message is missing, or the epoch is fresh: nothing is confirmed until the next full list. */
  gapped: boolean;
  /** The epoch's first full list is not here yet. */
  fresh: boolean;
  /** It said goodbye. */
  gone: boolean;
  intervalUs: number;
  /** Number of the last full list. */
  generation: number;
  /** Entries with an open claim of it; some may have closed since. */
  openEntries: number[];
  openClaims: number;
  /** Entries with claims that the next epoch's first full list may continue. */
  orphanEntries: number[];
}

export class ReporterTable {
  /** By reporter: its open claims are certain up to here. Never past its last `as_of` in unbroken order. */
  confirmedUs: Float64Array = new Float64Array(64);
  /** By reporter: the newest `as_of` it sent. */
  asOfUs: Float64Array = new Float64Array(64);
  /** By reporter: 1 for a sidecar. */
  isSidecar: Uint8Array = new Uint8Array(64);
  /** By reporter: the number of its clock. */
  clocks: Int32Array = new Int32Array(64);
  readonly all: Reporter[] = [];
  readonly #clocks = new Map<string, ReporterClock>();
  readonly #entries: EntryTable;
  readonly #clockSkewUs: number;
  readonly #byKey = new Map<string, Reporter>();
  readonly #networks = new Map<string, Network>();
  readonly #networkList: Network[] = [];

  constructor(entries: EntryTable, clockSkewUs: number) {
    this.#entries = entries;
    this.#clockSkewUs = clockSkewUs;
  }

  /** Null where nobody ever spoke of it. */
  findNetwork(name: string): Network | null {
    return this.#networks.get(name) ?? null;
  }

  networkAt(id: number): Network {
    return this.#networkList[id]!;
  }

  /** The number of the clock of a node's sidecar, -1 where it never spoke, or two have that name. */
  clockOf(cluster: string, network: string, node: string): number {
    const clock = this.#clocks.get(keyOf(cluster, network, node, ReporterKind.sidecar));
    return clock === undefined || clock.doubled ? -1 : clock.id;
  }

  /** The reporter of a message, made when it is new; null when there are too many. */
  obtain(cluster: string, network: string, name: string, kind: ReporterKind): Reporter | null {
    const key = keyOf(cluster, network, name, kind);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.all.length >= REPORTERS_MAX) return null;
    const reporter: Reporter = {
      id: this.all.length,
      network: this.#obtainNetwork(network),
      kind,
      name,
      epoch: '',
      beganUs: 0,
      clock: this.#obtainClock(keyOf(cluster, network, nodeOfReporter(name), kind)),
      pastEpochs: [],
      seq: -1,
      gapped: true,
      fresh: true,
      gone: false,
      intervalUs: 0,
      generation: 0,
      openEntries: [],
      openClaims: 0,
      orphanEntries: [],
    };
    this.#add(reporter);
    this.#byKey.set(key, reporter);
    return reporter;
  }

  beginEpoch(reporter: Reporter, epoch: string, asOfUs: number): void {
    if (reporter.epoch !== '') reporter.pastEpochs.push(reporter.epoch);
    if (reporter.pastEpochs.length > PAST_EPOCHS_MAX) reporter.pastEpochs.shift();
    reporter.epoch = epoch;
    reporter.beganUs = Math.max(asOfUs, this.asOfUs[reporter.id]!);
    reporter.seq = -1;
    reporter.gapped = true;
    reporter.fresh = true;
    reporter.gone = false;
    this.asOfUs[reporter.id] = asOfUs;
  }

  isLive(id: number): boolean {
    const reporter = this.all[id]!;
    if (reporter.gone) return false;
    const behindUs = LIVE_INTERVALS * reporter.intervalUs + this.#clockSkewUs;
    return this.asOfUs[id]! >= reporter.network.newestUs - behindUs;
  }

  /** Up to when every live reporter of a network has told everything; Infinity when none is live. */
  allConfirmedUs(network: Network): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { id } of network.reporters) {
      if (this.confirmedUs[id]! < least && this.isLive(id)) least = this.confirmedUs[id]!;
    }
    return least;
  }

  /**
   * Up to when every live watcher of a network has told everything; Infinity where there is none, -Infinity where there
   * was one within `retainUs`, and it is silent.
   */
  watchersConfirmedUs(network: Network, retainUs: number): number {
    let least = Number.POSITIVE_INFINITY;
    let silent = false;
    for (const { id, kind } of network.reporters) {
      if (kind !== ReporterKind.watcher || this.asOfUs[id]! < network.newestUs - retainUs) continue;
      if (this.isLive(id)) least = Math.min(least, this.confirmedUs[id]!);
      else silent = true;
    }
    return silent && least === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : least;
  }

  #add(reporter: Reporter): void {
    const { id } = reporter;
    this.all.push(reporter);
    reporter.network.reporters.add(reporter);
    if (reporter.kind === ReporterKind.static) reporter.network.hasTables = true;
    else reporter.network.isSeen = true;
    if (id >= this.confirmedUs.length) {
      const grown = (old: Float64Array): Float64Array => {
        const column = new Float64Array(2 * old.length);
        column.set(old);
        return column;
      };
      this.confirmedUs = grown(this.confirmedUs);
      this.asOfUs = grown(this.asOfUs);
      const flags = new Uint8Array(2 * this.isSidecar.length);
      flags.set(this.isSidecar);
      this.isSidecar = flags;
      const clocks = new Int32Array(2 * this.clocks.length);
      clocks.set(this.clocks);
      this.clocks = clocks;
    }
    this.isSidecar[id] = reporter.kind === ReporterKind.sidecar ? 1 : 0;
    this.clocks[id] = reporter.clock.id;
  }

  #obtainClock(key: string): ReporterClock {
    const known = this.#clocks.get(key);
    if (known !== undefined) return known;
    const clock = { id: this.#clocks.size, doubled: false };
    this.#clocks.set(key, clock);
    return clock;
  }

  #obtainNetwork(name: string): Network {
    const known = this.#networks.get(name);
    if (known !== undefined) return known;
    const network: Network = {
      id: this.#networkList.length,
      name,
      newestUs: 0,
      reporters: new Set(),
      prefixes: new PrefixIndex(this.#entries),
      hasTables: false,
      isSeen: false,
    };
    this.#networks.set(name, network);
    this.#networkList.push(network);
    return network;
  }
}

const keyOf = (cluster: string, network: string, name: string, kind: ReporterKind): string =>
  `${kind}\0${cluster}\0${network}\0${name}`;
