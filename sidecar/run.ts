/**
 * The sidecar: one loop over one ring. Read, look, batch; the two senders run beside it.
 * Rights: the capture's own, and CAP_SYS_PTRACE to see in which namespace other users' processes live.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, type WeirError } from '../contract/errors.ts';
import { OWNERSHIP_MESSAGE_BYTES_MAX, RAW_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import type { Stage } from '../contract/stage.ts';
import { ClaimPipeline } from './claim-pipeline.ts';
import type { ListenEvent } from './decode.ts';
import { FlowPipeline } from './flow-pipeline.ts';
import { HomePartition } from './home-partition.ts';
import type { SidecarOptions } from './options.ts';
import { partitionOf } from '../transport/key-partition.ts';
import { decodePlan } from './plan.ts';
import { ringPauseMs } from './ring-pace.ts';
import { scanPauseMs } from './scan-pace.ts';
import { Sender } from './sender.ts';
import { Spool } from './spool.ts';

/** Listen records ask for a scan at once, but not one after the other. */
const LISTEN_SCAN_MS = 50;
/** What is held gets this long to be delivered when the sidecar stops; afterwards it is lost with the ring. */
const STOP_MS = 10_000;
/** How long a stopping sidecar waits for an acknowledgement before it reads again. */
const DELIVER_MS = 100;
/** How long the ring is not read while a stream ends for another. */
const MOVE_MS = 2000;

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
  readonly #ownership: Sender;
  readonly #claims: ClaimPipeline;
  readonly #stopping = new AbortController();
  #flows: FlowPipeline | null = null;
  #settle: { resolve: () => void; reject: (error: WeirError) => void } | null = null;
  #reporting: Promise<void> | null = null;
  #failure: WeirError | null = null;
  #listens: ListenEvent[] = [];
  #drainedUs = 0;
  #readMs = 0;
  #readTo = 0;
  #pauseMs: number;
  #nextScanMs = 0;
  #scannedMs = 0;
  #nextReportMs = 0;
  /** From here on what waits for the log goes to the spool: the sidecar is stopping. */
  #spoolFromMs = Infinity;
  readonly #home: HomePartition;

  constructor(options: SidecarOptions, rawPartitions: number, ownershipPartition: number) {
    this.#options = options;
    this.#pauseMs = options.ringPollMs;
    this.#clock = options.eventClock ?? options.clock;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Nobody may be looking at it yet when it fails.
    this.done.catch(() => undefined);
    const { log, clock, logger } = options;
    this.#home = new HomePartition(options, rawPartitions);
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
      const partition = this.#home.firstOf(plan);
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

  #rawSender(partition: number, spool: Spool | null): Sender {
    const { log, clock, logger, rawTopic } = this.#options;
    const sender = new Sender({
      log,
      clock,
      logger,
      topic: rawTopic,
      partition,
      // Several batches may share a request, which stays within a message's limit.
      requestBytesMax: RAW_MESSAGE_BYTES_MAX,
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
        await this.#turn(flows, raw);
        // A playback waits for the log, so that its batches do not depend on how fast that was.
        if (this.#options.source.kind === 'recording') await Promise.all([raw.idle(), this.#ownership.idle()]);
        await this.#clock.sleep(this.#pauseMs, this.#stopping.signal);
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
      this.#options.translations?.close();
      await (delivered ? this.#options.source.stop() : this.#letGo());
    }
  }

  async #turn(flows: FlowPipeline, raw: Sender): Promise<void> {
    const byUs = flows.lookAtClock(this.#clock.nowMs());
    if (byUs !== 0) this.#clockSet(byUs);
    this.#read(flows);
    if (this.#scanDue()) await this.#scan(flows);
    if (this.#home.isElsewhere(flows.partition)) await this.#move(flows, raw);
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#nextReportMs) {
      this.#nextReportMs = nowMs + this.#options.intervalMs;
      this.#report();
    }
    this.#claims.speak(nowMs, this.#drainedUs);
    flows.flush(nowMs);
  }

  /**
   * Partitions were added and the key goes elsewhere: the stream ends with its total, and another begins there. A log that
   * is away meanwhile stops nothing: the stream goes on, and the next look tries again.
   */
  async #move(flows: FlowPipeline, raw: Sender): Promise<void> {
    const { clock, logger } = this.#options;
    const untilMs = clock.nowMs() + MOVE_MS;
    this.#home.tried();
    do flows.flushAll(this.#clock.nowMs());
    while (!((await raw.drained(DELIVER_MS)) && flows.isSealed) && clock.nowMs() < untilMs && raw.failure === null);
    if (!flows.isSealed || raw.waiting > 0) return;
    flows.finish(this.#clock.nowMs());
    if (!(await raw.drained(Math.max(0, untilMs - clock.nowMs())))) return;
    const from = flows.partition;
    const to = this.#home.partition;
    raw.moveTo(to);
    flows.moveTo(to);
    logger.info({ from, to }, 'partitions were added: this stream ends, and a new one begins');
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
    const { listens, drained, position } = flows.read(nowMs);
    this.#listens.push(...listens);
    if (drained) this.#drainedUs = nowMs * 1000;
    const { source, batchFlows, ringPollMs } = this.#options;
    if (source.kind === 'ebpf') {
      this.#pauseMs = ringPauseMs(position - this.#readTo, nowMs - this.#readMs, batchFlows, ringPollMs);
    }
    this.#readMs = nowMs;
    this.#readTo = position;
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
   * ring is taken down when the log has what it held, the total included; false: it stays for a next process, and goes on
   * recording where not even the first look found the log.
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
    const isWhole = pinned ? await this.#empty(flows, raw) : await this.#readRest(flows, raw, untilMs);
    if (isWhole) flows.finish(this.#clock.nowMs());
    this.#claims.goodbye(this.#clock.nowMs(), this.#drainedUs);
    const restMs = (): number => (isWhole ? Math.max(0, untilMs - clock.nowMs()) : 0);
    const sent = await raw.drained(restMs());
    const said = await this.#ownership.drained(restMs());
    const isOver = !pinned || (isWhole && sent);
    const waiting = { batches: raw.waiting, claims: this.#ownership.waiting };
    if (!isOver) logger.warn(waiting, 'stopped with the log away: the pinned ring stays, for the next sidecar');
    else if (!sent || !said) logger.error(waiting, 'stopped with the log away');
    return isOver;
  }

  /** What a pinned ring holds, and after the last record what came meanwhile. False: not all of it is durable. */
  async #empty(flows: FlowPipeline, raw: Sender): Promise<boolean> {
    const { source, clock } = this.#options;
    if (!(await this.#deliver(flows, raw, clock.nowMs() + STOP_MS / 2))) return false;
    await source.detach();
    return this.#deliver(flows, raw, clock.nowMs() + STOP_MS / 2);
  }

  /** A ring that ends with this process: read it to its end, as far as time allows. */
  async #readRest(flows: FlowPipeline, raw: Sender, untilMs: number): Promise<boolean> {
    const { source, clock } = this.#options;
    await source.detach();
    while (!this.#read(flows) && clock.nowMs() < untilMs && raw.failure === null) {
      flows.flush(this.#clock.nowMs());
      await clock.sleep(10);
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
