/**
 * The sidecar: one loop over one ring. Read, look, batch; the two senders run beside it.
 * Rights: the capture's own, and CAP_SYS_PTRACE to see in which namespace other users' processes live.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, type WeirError } from '../contract/errors.ts';
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import type { Stage } from '../contract/stage.ts';
import { ClaimPipeline } from './claim-pipeline.ts';
import type { ListenEvent } from './decode.ts';
import { FlowPipeline, RAW_REQUEST_BYTES_MAX } from './flow-pipeline.ts';
import type { SidecarOptions } from './options.ts';
import { partitionOf } from './partition.ts';
import { Sender } from './sender.ts';

/** A scan may take this share of the time; one that takes longer is made less often. */
const SCAN_SHARE = 1 / 20;
/** Listen records ask for a scan at once, but not one after the other. */
const LISTEN_SCAN_MS = 50;
/** What is held gets this long to be delivered when the sidecar stops; afterwards it is lost with the ring. */
const STOP_MS = 10_000;

/** Claims first, then capture: resolves once the kernel (or the playback) is read. Errors: WEIR_TRANSPORT_*, WEIR_SIDECAR_*. */
export async function startSidecar(options: SidecarOptions): Promise<Stage> {
  const { log, rawTopic, ownershipTopic, cluster, node } = options;
  const key = `${cluster}/${node}`;
  const raw = options.partition ?? partitionOf(key, (await log.describe(rawTopic)).partitions.length);
  const ownership = partitionOf(key, (await log.describe(ownershipTopic)).partitions.length);
  const sidecar = new Sidecar(options, raw, ownership);
  await sidecar.start();
  return sidecar;
}

class Sidecar implements Stage {
  readonly name = 'sidecar';
  readonly done: Promise<void>;
  readonly #options: SidecarOptions;
  readonly #clock: Clock;
  readonly #partition: number;
  readonly #raw: Sender;
  readonly #ownership: Sender;
  readonly #claims: ClaimPipeline;
  readonly #stopping = new AbortController();
  #flows: FlowPipeline | null = null;
  #settle: { resolve: () => void; reject: (error: WeirError) => void } | null = null;
  #reporting: Promise<void> | null = null;
  #failure: WeirError | null = null;
  #listens: ListenEvent[] = [];
  #drainedUs = 0;
  #nextScanMs = 0;
  #scannedMs = 0;
  #nextReportMs = 0;

  constructor(options: SidecarOptions, rawPartition: number, ownershipPartition: number) {
    this.#options = options;
    this.#clock = options.eventClock ?? options.clock;
    this.#partition = rawPartition;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Nobody may be looking at it yet when it fails.
    this.done.catch(() => undefined);
    const { log, clock, logger } = options;
    this.#raw = new Sender({
      log,
      clock,
      logger,
      topic: options.rawTopic,
      partition: rawPartition,
      requestBytesMax: RAW_REQUEST_BYTES_MAX,
      acknowledged: (count) => this.#flows?.acknowledged(count),
    });
    this.#ownership = new Sender({
      log,
      clock,
      logger,
      topic: options.ownershipTopic,
      partition: ownershipPartition,
      requestBytesMax: OWNERSHIP_MESSAGE_BYTES_MAX,
      acknowledged: () => undefined,
    });
    for (const sender of [this.#raw, this.#ownership]) sender.onFailure(() => this.#stopping.abort());
    this.#claims = new ClaimPipeline(options, options.epoch ?? randomUUID(), this.#ownership);
  }

  async start(): Promise<void> {
    const { source, logger, node } = this.#options;
    const snapshot = await this.#claims.scan([], this.#clock.nowMs(), 0);
    const start = await source.start();
    const nowMs = this.#clock.nowMs();
    this.#flows = new FlowPipeline(this.#options, start, this.#partition, this.#raw, nowMs);
    this.#flows.see(snapshot);
    this.#scannedMs = nowMs;
    this.#nextScanMs = nowMs + this.#options.scanMs;
    this.#nextReportMs = nowMs + this.#options.intervalMs;
    this.#report();
    logger.info({ node, source: source.kind, ring: start.ringId, partition: this.#partition }, 'sidecar started');
    void this.#run(this.#flows);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.done;
  }

  async #run(flows: FlowPipeline): Promise<void> {
    try {
      while (!this.#stopping.signal.aborted && !this.#options.source.ended) {
        await this.#turn(flows);
        // A playback waits for the log, so that its batches do not depend on how fast that was.
        if (this.#options.source.kind === 'recording') await Promise.all([this.#raw.idle(), this.#ownership.idle()]);
        await this.#clock.sleep(this.#options.ringPollMs, this.#stopping.signal);
      }
      await this.#finish(flows);
      const failure = this.#failure ?? this.#raw.failure ?? this.#ownership.failure;
      if (failure !== null) throw failure;
      this.#settle?.resolve();
    } catch (cause) {
      this.#settle?.reject(fromUnknown(cause, 'WEIR_INTERNAL', 'the sidecar failed', { node: this.#options.node }));
    } finally {
      this.#raw.stop();
      this.#ownership.stop();
      await this.#options.source.stop();
    }
  }

  async #turn(flows: FlowPipeline): Promise<void> {
    this.#read(flows);
    if (this.#scanDue()) await this.#scan(flows);
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#nextReportMs) {
      this.#nextReportMs = nowMs + this.#options.intervalMs;
      this.#report();
    }
    this.#claims.speak(nowMs, this.#drainedUs);
    flows.flush(nowMs);
  }

  /** Runs beside the reading: it waits for room in the ring. */
  #report(): void {
    this.#reporting ??= this.#options.source
      .reportOpen()
      .catch((cause: unknown) => {
        this.#failure ??= fromUnknown(cause, 'WEIR_INTERNAL', 'open connections could not be reported');
        this.#stopping.abort();
      })
      .finally(() => {
        this.#reporting = null;
      });
  }

  /** True when the ring is empty. */
  #read(flows: FlowPipeline): boolean {
    const nowMs = this.#clock.nowMs();
    const { listens, drained } = flows.read(nowMs);
    this.#listens.push(...listens);
    if (drained) this.#drainedUs = nowMs * 1000;
    return drained;
  }

  #scanDue(): boolean {
    const { host } = this.#options;
    if (!this.#claims.mayScan) return false;
    if (host.snapshotReady !== undefined) return host.snapshotReady;
    const nowMs = this.#clock.nowMs();
    return nowMs >= this.#nextScanMs || (this.#listens.length > 0 && nowMs >= this.#scannedMs + LISTEN_SCAN_MS);
  }

  async #scan(flows: FlowPipeline): Promise<void> {
    const listens = this.#listens;
    this.#listens = [];
    const snapshot = await this.#claims.scan(listens, this.#clock.nowMs(), this.#drainedUs);
    flows.see(snapshot);
    const tookMs = (snapshot.finishedUs - snapshot.startedUs) / 1000;
    this.#scannedMs = this.#clock.nowMs();
    this.#nextScanMs = this.#scannedMs + Math.max(this.#options.scanMs, tookMs / SCAN_SHARE);
  }

  /** A walk over open connections waits for room in the ring, so somebody must read. */
  async #readWhileReporting(flows: FlowPipeline): Promise<void> {
    while (this.#reporting !== null && this.#failure === null) {
      this.#read(flows);
      flows.flush(this.#clock.nowMs());
      await Promise.race([this.#reporting, this.#options.clock.sleep(10)]);
    }
  }

  /** What was captured is delivered: the open connections' last report, the ring's rest, a last look, goodbye. */
  async #finish(flows: FlowPipeline): Promise<void> {
    const { source, host, clock, logger } = this.#options;
    const untilMs = clock.nowMs() + STOP_MS;
    if (source.kind === 'ebpf') {
      await this.#readWhileReporting(flows);
      this.#report();
      await this.#readWhileReporting(flows);
    }
    await source.detach();
    while (!this.#read(flows) && clock.nowMs() < untilMs && this.#raw.failure === null) {
      flows.flush(this.#clock.nowMs());
      await clock.sleep(10);
    }
    if (host.snapshotReady !== false) await this.#scan(flows);
    flows.finish(this.#clock.nowMs());
    this.#claims.goodbye(this.#clock.nowMs(), this.#drainedUs);
    const sent = await this.#raw.drained(Math.max(0, untilMs - clock.nowMs()));
    const said = await this.#ownership.drained(Math.max(0, untilMs - clock.nowMs()));
    if (!sent || !said) {
      logger.error({ batches: this.#raw.waiting, claims: this.#ownership.waiting }, 'stopped with the log away');
    }
  }
}
