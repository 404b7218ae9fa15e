/**
 * The sidecar: one loop over one ring. Read, look, batch; the two senders run beside it.
 * Rights: the capture's own, and CAP_SYS_PTRACE to see in which namespace other users' processes live.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import type { Stage } from '../contract/stage.ts';
import { ClaimPipeline } from './claim-pipeline.ts';
import type { ListenEvent } from './decode.ts';
import { FlowPipeline, RAW_REQUEST_BYTES_MAX } from './flow-pipeline.ts';
import type { SidecarOptions } from './options.ts';
import { partitionOf } from './partition.ts';
import { decodePlan, type Plan } from './plan.ts';
import { scanPauseMs } from './scan-pace.ts';
import { Sender } from './sender.ts';
import { Spool } from './spool.ts';

/** Listen records ask for a scan at once, but not one after the other. */
const LISTEN_SCAN_MS = 50;
/** What is held gets this long to be delivered when the sidecar stops; afterwards it is lost with the ring. */
const STOP_MS = 10_000;
/** How long a stopping sidecar waits for an acknowledgement before it reads again. */
const DELIVER_MS = 100;

/** Claims first, then capture: resolves once the kernel (or the playback) is read. Errors: WEIR_TRANSPORT_*, WEIR_SIDECAR_*. */
export async function startSidecar(options: SidecarOptions): Promise<Stage> {
  const { log, rawTopic, ownershipTopic, cluster, node } = options;
  const key = `${cluster}/${node}`;
  const rawPartitions = (await log.describe(rawTopic)).partitions.length;
  const ownership = partitionOf(key, (await log.describe(ownershipTopic)).partitions.length);
  const sidecar = new Sidecar(options, rawPartitions, ownership);
  await sidecar.start();
  return sidecar;
}

class Sidecar implements Stage {
  readonly name = 'sidecar';
  readonly done: Promise<void>;
  readonly #options: SidecarOptions;
  readonly #clock: Clock;
  readonly #rawPartitions: number;
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
  /** From here on what waits for the log goes to the spool: the sidecar is stopping. */
  #spoolFromMs = Infinity;

  constructor(options: SidecarOptions, rawPartitions: number, ownershipPartition: number) {
    this.#options = options;
    this.#clock = options.eventClock ?? options.clock;
    this.#rawPartitions = rawPartitions;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Nobody may be looking at it yet when it fails.
    this.done.catch(() => undefined);
    const { log, clock, logger } = options;
    this.#ownership = new Sender({
      log,
      clock,
      logger,
      topic: options.ownershipTopic,
      partition: ownershipPartition,
      requestBytesMax: OWNERSHIP_MESSAGE_BYTES_MAX,
      acknowledged: () => undefined,
    });
    this.#ownership.onFailure(() => this.#stopping.abort());
    this.#claims = new ClaimPipeline(options, options.epoch ?? randomUUID(), this.#ownership);
  }

  async start(): Promise<void> {
    const { source, logger, node } = this.#options;
    const snapshot = await this.#claims.scan([], this.#clock.nowMs(), 0);
    const start = await source.start();
    try {
      const nowMs = this.#clock.nowMs();
      const plan =
        source.pinned === undefined || source.pinned === null ? null : decodePlan(source.pinned.readJournal());
      const partition = this.#partitionOf(plan);
      const { spool } = this.#options;
      const sender = this.#rawSender(partition, spool === undefined ? null : await Spool.open(spool));
      const flows = new FlowPipeline({ options: this.#options, start, partition, plan, sender, nowMs });
      this.#flows = flows;
      flows.see(snapshot);
      sender.start();
      this.#listens.push(...flows.resume(plan?.batches ?? [], nowMs));
      this.#scannedMs = nowMs;
      this.#nextScanMs = nowMs + this.#options.scanMs;
      this.#nextReportMs = nowMs + this.#options.intervalMs;
      this.#report();
      const told = { node, source: source.kind, ring: start.ringId, partition, pinned: source.pinned !== null };
      logger.info({ ...told, adopted: plan !== null, again: plan?.batches.length ?? 0 }, 'sidecar started');
      void this.#run(flows, sender);
    } catch (cause) {
      await this.#letGo();
      throw cause;
    }
  }

  /** A stream keeps its partition, also where others were added since. */
  #partitionOf(plan: Plan | null): number {
    const { cluster, node, rawTopic, partition } = this.#options;
    if (plan === null) return partition ?? partitionOf(`${cluster}/${node}`, this.#rawPartitions);
    if (plan.partition < this.#rawPartitions) return plan.partition;
    const message = `${rawTopic} has ${this.#rawPartitions} partitions, the pinned ring's stream goes to number ${plan.partition}`;
    throw new WeirError('WEIR_TRANSPORT_TOPIC_MISMATCH', `${message}; weir sidecar --detach gives it up`);
  }

  #rawSender(partition: number, spool: Spool | null): Sender {
    const { log, clock, logger, rawTopic } = this.#options;
    const sender = new Sender({
      log,
      clock,
      logger,
      topic: rawTopic,
      partition,
      requestBytesMax: RAW_REQUEST_BYTES_MAX,
      acknowledged: (count) => this.#flows?.acknowledged(count),
      spool,
      isPressed: () => this.#flows?.isPressed === true || this.#clock.nowMs() > this.#spoolFromMs,
    });
    sender.onFailure(() => this.#stopping.abort());
    return sender;
  }

  /** What is pinned stays for the next process; anything else ends with this one. */
  async #letGo(): Promise<void> {
    const { source } = this.#options;
    await (source.pinned?.leave() ?? source.stop());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.done;
  }

  async #run(flows: FlowPipeline, raw: Sender): Promise<void> {
    let delivered = false;
    try {
      while (!this.#stopping.signal.aborted && !this.#options.source.ended) {
        await this.#turn(flows);
        // A playback waits for the log, so that its batches do not depend on how fast that was.
        if (this.#options.source.kind === 'recording') await Promise.all([raw.idle(), this.#ownership.idle()]);
        await this.#clock.sleep(this.#options.ringPollMs, this.#stopping.signal);
      }
      delivered = await this.#finish(flows, raw);
      const failure = this.#failure ?? raw.failure ?? this.#ownership.failure;
      if (failure !== null) throw failure;
      this.#settle?.resolve();
    } catch (cause) {
      this.#settle?.reject(fromUnknown(cause, 'WEIR_INTERNAL', 'the sidecar failed', { node: this.#options.node }));
    } finally {
      raw.stop();
      this.#ownership.stop();
      await (delivered ? this.#options.source.stop() : this.#letGo());
    }
  }

  async #turn(flows: FlowPipeline): Promise<void> {
    const byUs = flows.lookAtClock(this.#clock.nowMs());
    if (byUs !== 0) this.#clockSet(byUs);
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

  /** Claims are said anew at once, everything else goes on at its own pace. */
  #clockSet(byUs: number): void {
    this.#claims.clockSet(byUs);
    this.#nextScanMs = 0;
    this.#scannedMs += byUs / 1000;
    this.#nextReportMs += byUs / 1000;
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
    const { scanMs, heartbeatMs } = this.#options;
    this.#nextScanMs = this.#scannedMs + scanPauseMs(tookMs, scanMs, heartbeatMs);
  }

  /** A walk over open connections waits for room in the ring, so somebody must read. */
  async #readWhileReporting(flows: FlowPipeline): Promise<void> {
    while (this.#reporting !== null && this.#failure === null) {
      this.#read(flows);
      flows.flush(this.#clock.nowMs());
      await Promise.race([this.#reporting, this.#options.clock.sleep(10)]);
    }
  }

  /**
   * What was captured is delivered: the open connections' last report, the ring's rest, a last look, goodbye. A pinned
   * ring is taken down only when the log has what it held; false: the log is away, and the ring stays for a next process.
   */
  async #finish(flows: FlowPipeline, raw: Sender): Promise<boolean> {
    const { source, host, clock, logger } = this.#options;
    const untilMs = clock.nowMs() + STOP_MS;
    this.#spoolFromMs = this.#clock.nowMs() + STOP_MS / 4;
    if (source.kind === 'ebpf') {
      await this.#readWhileReporting(flows);
      this.#report();
      await this.#readWhileReporting(flows);
    }
    if (host.snapshotReady !== false) await this.#scan(flows);
    const pinned = source.pinned !== undefined && source.pinned !== null;
    if (pinned && !(await this.#deliver(flows, raw, clock.nowMs() + STOP_MS / 2))) {
      this.#claims.goodbye(this.#clock.nowMs(), this.#drainedUs);
      logger.warn({ batches: raw.waiting }, 'stopped with the log away: the pinned ring goes on, for the next sidecar');
      return false;
    }
    await source.detach();
    while (!this.#read(flows) && clock.nowMs() < untilMs && raw.failure === null) {
      flows.flush(this.#clock.nowMs());
      await clock.sleep(10);
    }
    flows.finish(this.#clock.nowMs());
    this.#claims.goodbye(this.#clock.nowMs(), this.#drainedUs);
    const sent = await raw.drained(Math.max(0, untilMs - clock.nowMs()));
    const said = await this.#ownership.drained(Math.max(0, untilMs - clock.nowMs()));
    if (!sent || !said) {
      logger.error({ batches: raw.waiting, claims: this.#ownership.waiting }, 'stopped with the log away');
    }
    return true;
  }

  /** Read, seal, send until nothing is left; false when that took too long. */
  async #deliver(flows: FlowPipeline, raw: Sender, untilMs: number): Promise<boolean> {
    const { clock } = this.#options;
    while (clock.nowMs() < untilMs && raw.failure === null) {
      const drained = this.#read(flows);
      flows.flushAll(this.#clock.nowMs());
      if ((await raw.drained(DELIVER_MS)) && drained && flows.isSealed) return true;
    }
    return false;
  }
}
