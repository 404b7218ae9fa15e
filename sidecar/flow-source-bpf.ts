/** The flow source that is the kernel: loads the programs through the addon and drains their ring. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { WeirError } from '../contract/errors.ts';
import { lackingHere, lockHolder, requireBpffs, requireBtf, resolveCgroup } from './capture-host.ts';
import type { FlowSource, PinnedRing, SourceCounters, SourceRead, SourceStart } from './flow-source.ts';
import { captureError, loadAddon } from './native.ts';
import type { CaptureAddon, CaptureHandle, HookName, NativeCounters, NativeError } from './native.ts';

export interface BpfSourceOptions {
  /** Directory of the cgroup v2 subtree to watch; default: the root of the hierarchy, so the whole machine. */
  readonly cgroupPath?: string;
  /** A power of two from 4 KiB to 1 GiB. A record takes 264 bytes. */
  readonly ringBytes: number;
  /** Connections open at once that are tracked in full; default 262,144 (136 bytes each while open). */
  readonly stateEntries?: number;
  /**
   * A folder on a bpffs (one a node). The capture then outlives a killed process: the kernel goes on recording, and the next
   * source of this path adopts links, maps, ring and journal, under the same ring id. `detach` ends the recording, and `stop`
   * takes the pins away: what was detached and not stopped is adopted with a ring to be read to its end.
   */
  readonly pinPath?: string;
  /** An optional hook that the kernel refused: what is lost stands in sidecar/capture-probe.ts. */
  readonly onHookMissing?: (hook: HookName, why: NativeError) => void;
}

export interface BpfSource extends FlowSource {
  readonly kind: 'ebpf';
  /** As in `pinned`, which is null without a pin path: without one they are of this process alone. */
  readonly adopted: boolean;
  readJournal(): Uint8Array;
  writeJournal(bytes: Uint8Array): void;
  /** Counters with those that are no losses: seeded, interims put off. */
  nativeCounters(): NativeCounters;
}

/** The journal begins with the ring id. */
const RING_ID_BYTES = 32;
const STATE_ENTRIES = 262_144;
/** Records between two looks at the ring: 0.5 MB, some 3 ms of a worker thread. */
const STEP_RECORDS = 2048;
/** Where the ring is half full a walk waits for the reader: an interim that finds no room is only put off. */
const RING_WAIT_MS = 20;
const RING_WAITS_MAX = 100;

/**
 * eBPF capture on this machine. Nothing is loaded before `start`, which fails with WEIR_SIDECAR_NO_BTF, _NO_CGROUP2,
 * _NO_RIGHTS, _NO_ADDON or _LOAD_FAILED. `made` may lag behind what was read by the records of the last microseconds;
 * after `detach` it is exact. Bound: the ring; what finds no room there is in `dropped.ring_full`.
 */
export function openBpfSource(options: BpfSourceOptions): BpfSource {
  return new KernelSource(options);
}

class KernelSource implements BpfSource, PinnedRing {
  readonly kind = 'ebpf';
  readonly ended = false;
  readonly #options: BpfSourceOptions;
  #addon: CaptureAddon | null = null;
  #handle: CaptureHandle | null = null;
  #adopted = false;
  #ringId = '';
  #walkable = false;
  #seeded = false;
  #detached = false;
  #walk: Promise<void> | null = null;
  #last: NativeCounters = NO_COUNTERS;

  constructor(options: BpfSourceOptions) {
    this.#options = options;
  }

  get pinned(): PinnedRing | null {
    return this.#options.pinPath === undefined ? null : this;
  }

  get adopted(): boolean {
    return this.#adopted;
  }

  async start(): Promise<SourceStart> {
    requireBtf();
    const { ringBytes, stateEntries = STATE_ENTRIES, pinPath = null } = this.#options;
    const cgroupPath = resolveCgroup(this.#options.cgroupPath);
    if (pinPath !== null) requireBpffs(pinPath);
    const addon = loadAddon();
    try {
      const { handle, adopted, ended, hooks } = addon.load({ cgroupPath, ringBytes, stateEntries, pinPath });
      this.#addon = addon;
      this.#handle = handle;
      this.#adopted = adopted;
      this.#walkable = hooks['iter/task_file'] === null;
      for (const [name, why] of Object.entries(hooks)) {
        if (why !== null && !ended) this.#options.onHookMissing?.(name as HookName, why);
      }
    } catch (cause) {
      throw captureError(cause, cgroupPath, lackingHere(), pinPath === null ? null : lockHolder(pinPath));
    }
    this.#name();
    return { ringId: this.#ringId, ...addon.clock() };
  }

  /** A new ring gets an id, an adopted one keeps its own; one that died before it was named had no reader yet. */
  #name(): void {
    const { addon, handle } = this.#loaded();
    this.#ringId = addon.readJournal(handle).toString('latin1', 0, RING_ID_BYTES);
    if (this.#ringId.length === RING_ID_BYTES) return;
    this.#ringId = randomUUID().replaceAll('-', '');
    this.writeJournal(new Uint8Array());
  }

  readJournal(): Uint8Array {
    const { addon, handle } = this.#loaded();
    return addon.readJournal(handle).subarray(RING_ID_BYTES);
  }

  writeJournal(bytes: Uint8Array): void {
    const { addon, handle } = this.#loaded();
    addon.writeJournal(handle, Buffer.concat([Buffer.from(this.#ringId, 'latin1'), bytes]));
  }

  read(into: Uint8Array): SourceRead {
    const { addon, handle } = this.#loaded();
    return addon.read(handle, into);
  }

  release(position: number): void {
    const { addon, handle } = this.#loaded();
    addon.release(handle, position);
  }

  bootToUnixUs(): number {
    return this.#loaded().addon.clock().bootToUnixUs;
  }

  backlog(): number {
    const { addon, handle } = this.#loaded();
    const { backlogBytes, ringBytes } = addon.counters(handle);
    return backlogBytes / ringBytes;
  }

  nativeCounters(): NativeCounters {
    if (this.#addon !== null && this.#handle !== null) this.#last = this.#addon.counters(this.#handle);
    return this.#last;
  }

  counters(): SourceCounters {
    const now = this.nativeCounters();
    return {
      made: now.reserved + now.ringFull,
      dropped: { ring_full: now.ringFull },
      listenDropped: now.listenDropped,
      stateFull: now.stateFull,
      recursionMisses: now.recursionMisses,
    };
  }

  /** Where iter/task_file is missing this does nothing. Calls that overlap share one walk. */
  reportOpen(): Promise<void> {
    if (!this.#walkable || this.#detached) return Promise.resolve();
    this.#walk ??= this.#report().finally(() => {
      this.#walk = null;
    });
    return this.#walk;
  }

  async detach(): Promise<void> {
    if (this.#detached) return;
    this.#detached = true;
    await this.#walk;
    if (this.#addon !== null && this.#handle !== null) this.#addon.detach(this.#handle);
  }

  async stop(): Promise<void> {
    await this.detach();
    if (this.#addon !== null && this.#handle !== null) this.#addon.discard(this.#handle);
    this.#unload();
  }

  async leave(): Promise<void> {
    this.#detached = true;
    await this.#walk;
    this.#unload();
  }

  #unload(): void {
    this.nativeCounters();
    if (this.#addon !== null && this.#handle !== null) this.#addon.unload(this.#handle);
    this.#handle = null;
  }

  #loaded(): { readonly addon: CaptureAddon; readonly handle: CaptureHandle } {
    if (this.#addon !== null && this.#handle !== null) return { addon: this.#addon, handle: this.#handle };
    throw new WeirError(
      'WEIR_SIDECAR_ADDON_ARGUMENT',
      'the capture is not running: it was not started, or it was stopped',
    );
  }

  /** The first pass only takes up older sockets (why: report_seed in bpf/track/report.h), the next one reports them. */
  async #report(): Promise<void> {
    if (!this.#seeded) await this.#pass();
    this.#seeded = true;
    await this.#pass();
  }

  async #pass(): Promise<void> {
    const { addon, handle } = this.#loaded();
    for (let waits = 0, done = false; !done && !this.#detached; ) {
      done = (await addon.reportOpen(handle, STEP_RECORDS)).done;
      while (!done && waits < RING_WAITS_MAX && isHalfFull(addon.counters(handle))) {
        waits++;
        await delay(RING_WAIT_MS);
      }
    }
  }
}

const isHalfFull = ({ backlogBytes, ringBytes }: NativeCounters): boolean => backlogBytes > ringBytes / 2;

const NO_COUNTERS: NativeCounters = {
  reserved: 0,
  ringFull: 0,
  listenDropped: 0,
  stateFull: 0,
  seeded: 0,
  interimDeferred: 0,
  baselineFull: 0,
  ringBytes: 0,
  backlogBytes: 0,
  recursionMisses: {},
};
