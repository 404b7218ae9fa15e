/**
 * Ring -> columns -> batches -> raw log. A batch is the records of a stretch of the ring, so its numbers follow from the
 * ring alone. What is read is released there once it and everything before it is durable, so a full log backs up into
 * the ring; and where the ring is pinned, the plan of every batch is beside it before the batch is sent. Only where there is
 * no spool, or no room in it, does the ring give room for what memory alone then holds.
 */
import { RAW_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import { CapturedColumns, NO_OWNER, rowsReadBy, rowsUpTo } from './captured-columns.ts';
import { BatchStream, numbersOf, streamOf, type SealedBatch } from './batch.ts';
import { coarsen } from './coarsen.ts';
import { exchangeTranslated } from './conntrack/translated-ends.ts';
import { Translator } from './conntrack/translate.ts';
import { decodeRing, type ListenEvent } from './decode.ts';
import { FlowAccounts } from './flow-accounts.ts';
import type { SourceStart } from './flow-source.ts';
import type { HostSnapshot } from './host-view.ts';
import { IdleTotal } from './idle-total.ts';
import { Method, type Loss } from '../schemas/generated/common.ts';
import { LocalSockets } from './local-sockets.ts';
import { LossLedger, withInvalid } from './losses.ts';
import type { SidecarOptions } from './options.ts';
import { OWNERS_MAX, OwnerTable } from './owners.ts';
import { Pairing } from './pair.ts';
import { PairMemory } from './pair-memory.ts';
import { dropsIn, encodePlan, PLAN_BATCHES_MAX, type Plan, type PlannedBatch } from './plan.ts';
import { RecursionMisses } from './recursion-misses.ts';
import { RefusedRecords } from './refused-records.ts';
import type { RingReading } from './ring-pace.ts';
import { OlderRoles } from './roles.ts';
import type { Sender } from './sender.ts';
import { Unacknowledged } from './unacknowledged.ts';
import { WallClock } from './wall-clock.ts';

/** Read from the ring at once: about 1,000 records. */
const READ_BYTES = 256 * 1024;
/** Rows that wait for a batch; at 400 bytes each, 7 MB. */
const ROWS_WAITING_MAX = 16_384;
/** Messages of batches that wait for the log, where the options do not say. */
const MESSAGES_BYTES_MAX: number = 8 * 1024 * 1024;
/** Fuller than this, batches are sealed at any age; without a spool the ring gets room back for what is in memory only. */
const RING_SHARE_MAX = 3 / 4;
/** Fuller than this, what waits for the log goes to the spool. */
const RING_SHARE_PRESSED = 1 / 2;
/** Rows of merged edges that are kept; the rest of what there is no room for is dropped. */
const EDGES_MAX = 4096;
/** How long a row waits for the row of the other end. */
const PAIR_MS = 200;

export interface FlowPipelineParts {
  readonly options: SidecarOptions;
  readonly start: SourceStart;
  readonly partition: number;
  /** What an earlier process of this ring has left, or null. */
  readonly plan: Plan | null;
  readonly sender: Sender;
  readonly nowMs: number;
}

export class FlowPipeline {
  readonly #options: SidecarOptions;
  readonly #clock: WallClock;
  readonly #sender: Sender;
  readonly #ringId: string;
  #partition: number;
  #turn: number;
  #stream: BatchStream;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #columns = new CapturedColumns(2048);
  readonly #memory = new PairMemory();
  readonly #pairing = new Pairing(this.#memory);
  readonly #roles = new OlderRoles();
  readonly #translator: Translator | null;
  readonly #losses: LossLedger;
  readonly #misses: RecursionMisses;
  readonly #refused = new RefusedRecords();
  readonly #sent = new Unacknowledged();
  readonly #idle = new IdleTotal();
  readonly #accounts: FlowAccounts;
  #owners: OwnerTable;
  #sockets: LocalSockets | null = null;
  #snapshot: HostSnapshot | null = null;
  /** Positions in the ring: what is before the first is in batches, what is before the second was read. */
  #sealedTo: number;
  #readTo: number;
  #releasedTo = 0;
  /** Kernel drops in batches. */
  #told: number;
  /** Rows at the front whose records the ring no longer has. */
  #loose = 0;
  #lossesSinceMs: number | null = null;

  constructor({ options, start, partition, plan, sender, nowMs }: FlowPipelineParts) {
    this.#options = options;
    this.#accounts = new FlowAccounts(options.meter);
    this.#misses = new RecursionMisses(options.meter);
    this.#translator = options.translations === undefined ? null : new Translator(options.translations, options.meter);
    this.#clock = new WallClock(options.source, start, options.logger);
    this.#partition = partition;
    this.#sender = sender;
    this.#owners = new OwnerTable(options.host);
    this.#told = plan?.told ?? 0;
    this.#sealedTo = plan?.position ?? 0;
    this.#readTo = 0;
    this.#losses = new LossLedger(
      nowMs * 1000,
      this.#told + dropsIn(plan?.batches.flatMap((batch) => batch.losses) ?? []),
    );
    this.#ringId = start.ringId;
    this.#turn = plan?.turn ?? 0;
    this.#stream = this.#beginStream(plan ?? undefined);
  }

  /** Of the raw topic, where the stream goes. */
  get partition(): number {
    return this.#partition;
  }

  /** Take what the last scan saw of this machine. */
  see(snapshot: HostSnapshot): void {
    this.#snapshot = snapshot;
    this.#sockets = new LocalSockets(snapshot, this.#owners, this.#sockets);
  }

  /** Rows and losses that no batch has yet. */
  get isSealed(): boolean {
    return this.#columns.length === 0 && this.#losses.flows === 0 && this.#refused.length === 0;
  }

  /** Room runs out: where there is a spool, it shall take what waits for the log. */
  get isPressed(): boolean {
    return !this.#mayHold || (this.#options.source.backlog?.() ?? 0) > RING_SHARE_PRESSED;
  }

  /**
   * Once, before anything else is read: send again what an earlier process has planned, from the same stretches of the
   * ring and under the same numbers. Also where nothing was planned: from now on there is a plan.
   */
  resume(batches: readonly PlannedBatch[], nowMs: number): readonly ListenEvent[] {
    const listens: ListenEvent[] = [];
    const end = batches.at(-1)?.end ?? this.#sealedTo;
    while (this.#readTo < end && this.#readOnce(nowMs, listens));
    for (const batch of batches) this.#repeat(batch, nowMs);
    this.#settle();
    return listens;
  }

  /** Read the ring until it is empty or no more may be held. Translations come next, before any row is looked up. */
  read(nowMs: number): RingReading {
    const listens: ListenEvent[] = [];
    let drained = false;
    do {
      while (this.#columns.length < ROWS_WAITING_MAX && !drained) drained = !this.#readOnce(nowMs, listens);
      this.#translator?.poll(nowMs);
      this.#relieve(nowMs);
    } while (!drained && this.#columns.length < ROWS_WAITING_MAX);
    const counters = this.#options.source.counters();
    this.#misses.observe(counters);
    this.#accounts.in(this.#losses.observe(counters, nowMs * 1000));
    if (this.#losses.flows > 0) this.#lossesSinceMs ??= nowMs;
    if (this.#columns.length === 0 && this.#refused.length === 0 && this.#sealedTo < this.#readTo) {
      this.#sealedTo = this.#readTo;
      this.#settle();
    }
    this.#gauges(nowMs);
    return { listens, drained, position: this.#readTo };
  }

  /** Returns by how much the wall clock was set since the last look, in us; what waits goes on waiting as long as before. */
  lookAtClock(nowMs: number): number {
    const byUs = this.#clock.look(nowMs);
    const byMs = byUs / 1000;
    if (byUs === 0) return 0;
    this.#translator?.clockSet();
    for (let row = 0; row < this.#columns.length; row++) this.#columns.readMs[row]! += byMs;
    this.#refused.clockSet(byMs);
    if (this.#lossesSinceMs !== null) this.#lossesSinceMs += byMs;
    return byUs;
  }

  /** Seal and send what is due: full batches, and rows that have waited long enough. */
  flush(nowMs: number): void {
    for (let rows = this.#dueRows(nowMs); rows !== null; rows = this.#dueRows(nowMs)) this.#seal(rows, nowMs);
    if (this.isSealed && this.#sent.length === 0 && this.#idle.isDue(this.#stream, nowMs)) this.#seal(0, nowMs);
  }

  /** Seal and send everything that there is room for, however young. */
  flushAll(nowMs: number): void {
    while (!this.isSealed && this.#mayHold) {
      this.#seal(Math.min(this.#columns.length, this.#options.batchFlows), nowMs);
    }
  }

  /** The end of the stream: everything that is here, and always a last batch with the total. */
  finish(nowMs: number): void {
    do {
      this.#seal(Math.min(this.#columns.length, this.#options.batchFlows), nowMs);
    } while (!this.isSealed);
  }

  /** After `finish`, when nothing waits for the log: what the ring brings from here on is a new stream, to there. */
  moveTo(partition: number): void {
    this.#partition = partition;
    this.#turn++;
    this.#stream = this.#beginStream();
    this.#settle();
  }

  /** The sender's word that the oldest `count` batches are durable. */
  acknowledged(count: number): void {
    for (const batch of this.#sent.take(count)) this.#accounts.out(batch);
    this.#settle();
    this.#gauges((this.#options.eventClock ?? this.#options.clock).nowMs());
  }

  #beginStream(from?: { readonly seq: number; readonly next: number }): BatchStream {
    const { cluster, network, node } = this.#options;
    const stream = streamOf(this.#ringId, this.#partition, this.#turn);
    return new BatchStream({ cluster, network, node, stream }, RAW_MESSAGE_BYTES_MAX, from);
  }

  get #mayHold(): boolean {
    const bytesMax = this.#options.messagesBytesMax ?? MESSAGES_BYTES_MAX;
    return this.#sent.inRing < PLAN_BATCHES_MAX && this.#sent.bytes < bytesMax;
  }

  /** False when the ring had nothing. */
  #readOnce(nowMs: number, listens: ListenEvent[]): boolean {
    const { bytes, position } = this.#options.source.read(this.#buffer);
    this.#readTo = position;
    if (bytes === 0) return false;
    const columns = this.#columns;
    const before = columns.length;
    const decoded = decodeRing(this.#buffer.subarray(0, bytes), this.#clock.record, columns, position);
    columns.readMs.fill(nowMs, before, columns.length);
    for (const listen of decoded.listens) listens.push(listen);
    // After an adoption: delivered by the process that died before it could release them.
    const seen = before > 0 ? 0 : rowsUpTo(columns, this.#sealedTo);
    if (seen > 0) columns.dropFirst(seen);
    this.#owners.assign(columns, before);
    const refused = decoded.invalid.filter((end) => end > this.#sealedTo);
    if (refused.length > 0) {
      this.#refused.add(refused, nowMs);
      const context = { code: 'WEIR_SIDECAR_RECORD_INVALID', records: refused.length };
      this.#options.logger.warn(context, 'ring records refused');
    }
    this.#accounts.in(decoded.rows - seen + refused.length);
    return true;
  }

  /** Rows to seal now, 0 for losses alone, null when nothing is due. */
  #dueRows(nowMs: number): number | null {
    const { batchFlows, batchAgeMs } = this.#options;
    if (!this.#mayHold) return null;
    if (this.#loose > 0) return this.#loose;
    const waiting = this.#columns.length;
    if (waiting >= batchFlows) return batchFlows;
    const rows = rowsReadBy(this.#columns, nowMs - PAIR_MS);
    if (rows > 0 && this.#columns.readMs[0]! + batchAgeMs <= nowMs) return rows;
    const lossesMs = Math.min(this.#lossesSinceMs ?? Infinity, waiting === 0 ? this.#refused.sinceMs : Infinity);
    return lossesMs + batchAgeMs <= nowMs ? rows : null;
  }

  /** A batch of rows that the ring no longer has holds no others. */
  #seal(wanted: number, nowMs: number): void {
    const rows = this.#loose > 0 ? Math.min(wanted, this.#loose) : wanted;
    const begin = this.#sealedTo;
    const end = this.#endOf(rows);
    const losses = [...this.#losses.entries(), ...this.#refused.lossesUpTo(end)];
    const kept = (taken: number): readonly Loss[] => this.#refused.lossesUpTo(this.#endOf(taken));
    this.#attribute(rows);
    const batch = this.#stream.seal(this.#columns, rows, losses, this.#owners, nowMs * 1000, kept);
    if (batch.rows === rows) {
      this.#losses.clear();
      this.#lossesSinceMs = null;
    }
    const reached = this.#endOf(batch.rows);
    this.#refused.dropUpTo(reached);
    this.#send(batch, begin, reached);
  }

  /**
   * The log does not keep up and the ring fills. While the spool takes what waits, the ring keeps its room until that is
   * durable. Else: first its room for batches that are then in memory only, then, when memory has no room for more, rows of
   * one edge become one, and what finds no room even so is dropped. A process that is killed now loses what only memory had:
   * the flow numbers that nobody brings tell of it.
   */
  #relieve(nowMs: number): void {
    const { source, batchFlows } = this.#options;
    while ((source.backlog?.() ?? 0) > RING_SHARE_MAX) {
      const spools = this.#sender.canSpool;
      if (this.#sent.inRing > 0 && !spools) {
        this.#sent.letGo();
        this.#settle();
      } else if (this.#columns.length > 0 && this.#mayHold) {
        this.#seal(Math.min(this.#columns.length, batchFlows), nowMs);
      } else if (this.#columns.length > this.#loose && !spools) {
        this.#coarsen(nowMs);
      } else return;
    }
  }

  #coarsen(nowMs: number): void {
    const columns = this.#columns;
    this.#attribute(columns.length);
    const dropped = coarsen(columns, EDGES_MAX);
    this.#losses.addOverload(dropped, nowMs * 1000);
    if (this.#loose === 0) this.#options.logger.warn({ dropped, edges: columns.length }, 'overload: flows are merged');
    this.#loose = columns.length;
    this.#sealedTo = this.#readTo;
    this.#settle();
  }

  /** A batch whose numbers stand in the plan. */
  #repeat({ end, rows, losses }: PlannedBatch, nowMs: number): void {
    const begin = this.#sealedTo;
    const found = Math.min(rows, rowsUpTo(this.#columns, end));
    const told = this.#refused.dropUpTo(end);
    const missing = rows - found;
    // Nobody but a damaged ring, or a version that refuses more records, gets here.
    if (missing > 0) this.#options.logger.error({ missing, end }, 'planned records are not in the ring');
    this.#attribute(found);
    const all = withInvalid(losses, missing, nowMs * 1000);
    const batch = this.#stream.sealPlanned(this.#columns, found, all, this.#owners, nowMs * 1000);
    this.#accounts.in(batch.next - batch.first - found - told);
    this.#send(batch, begin, end);
  }

  #attribute(rows: number): void {
    const columns = this.#columns;
    this.#owners.assign(columns, 0);
    this.#translator?.translate(columns, this.#sockets);
    if (this.#translator !== null) exchangeTranslated(columns);
    this.#pairing.match(columns, this.#sockets);
    this.#pairing.settle(columns, rows, this.#sockets);
    if (this.#translator !== null) exchangeTranslated(columns);
    if (this.#sockets !== null) this.#roles.infer(columns, rows, this.#sockets);
  }

  /** Plan, then send. */
  #send(batch: SealedBatch, begin: number, end: number): void {
    const { seq, first, next, rows, losses, message } = batch;
    const columns = this.#columns;
    const oldestUs = rows > 0 ? columns.endUs[0]! : (losses[0]?.intervalStartUs ?? Infinity);
    const toldBefore = this.#told;
    const bytes = message.value.length;
    this.#sealedTo = end;
    this.#told += dropsIn(losses);
    const inRing = this.#loose === 0;
    this.#sent.push({ seq, first, next, begin, end, rows, losses, toldBefore, oldestUs, bytes, inRing });
    if (!inRing) this.#loose -= rows;
    columns.dropFirst(rows);
    this.#settle();
    this.#sender.enqueue([message]);
    if (this.#owners.size > OWNERS_MAX && this.#loose === 0) this.#renewOwners();
  }

  /** The ring position that a batch of the first `rows` rows ends at. */
  #endOf(rows: number): number {
    if (this.#loose > 0) return this.#sealedTo;
    if (rows === this.#columns.length) return this.#readTo;
    return rows === 0 ? this.#sealedTo : this.#columns.ringEnd[rows - 1]!;
  }

  /** First the plan, then the ring's room: whoever dies in between has left a plan that begins after the ring does. */
  #settle(): void {
    const { source } = this.#options;
    const loose = numbersOf(this.#columns, this.#loose) + this.#losses.overload;
    const plan = this.#sent.plan({
      partition: this.#partition,
      turn: this.#turn,
      seq: this.#stream.seq,
      next: this.#stream.next + loose + this.#refused.countUpTo(this.#sealedTo),
      position: this.#sealedTo,
      told: this.#told,
    });
    source.pinned?.writeJournal(encodePlan(plan));
    const position = Math.min(plan.position, this.#readTo);
    if (position <= this.#releasedTo) return;
    source.release(position);
    this.#releasedTo = position;
  }

  /** Owners are numbered anew, and what remembers the old numbers forgets them. */
  #renewOwners(): void {
    const columns = this.#columns;
    this.#memory.clear();
    this.#owners = new OwnerTable(this.#options.host);
    columns.owner.fill(NO_OWNER, 0, columns.length);
    columns.partner.fill(NO_OWNER, 0, columns.length);
    columns.remoteMethod.fill(Method.none, 0, columns.length);
    this.#owners.assign(columns, 0);
    this.#sockets = null;
    if (this.#snapshot !== null) this.see(this.#snapshot);
  }

  #gauges(nowMs: number): void {
    const oldestUs = this.#sent.oldestUs ?? (this.#columns.length > 0 ? this.#columns.endUs[0]! : Infinity);
    this.#accounts.show(nowMs, oldestUs);
  }
}
