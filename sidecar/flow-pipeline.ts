/**
 * Ring -> columns -> batches -> raw log. Holds rows until their batch is acknowledged only in the ring itself: what is
 * read is released there once it and everything before it is durable, so a full log backs up into the ring.
 */
import { RAW_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import { CapturedColumns, NO_OWNER } from './captured-columns.ts';
import { BatchStream, lossesFlows, streamOf } from './batch.ts';
import { decodeRing, type ListenEvent } from './decode.ts';
import type { SourceStart } from './flow-source.ts';
import type { HostSnapshot } from './host-view.ts';
import { Method, type Loss } from '../schemas/generated/common.ts';
import { LocalSockets } from './local-sockets.ts';
import { LossLedger } from './losses.ts';
import type { SidecarOptions } from './options.ts';
import { OWNERS_MAX, OwnerTable } from './owners.ts';
import { Pairing } from './pair.ts';
import { PairMemory } from './pair-memory.ts';
import { OlderRoles } from './roles.ts';
import type { Sender } from './sender.ts';

/** Read from the ring at once: about 1,000 records. */
const READ_BYTES = 256 * 1024;
/** Rows that wait for a batch; at 400 bytes each, 7 MB. */
const ROWS_WAITING_MAX = 16_384;
/** Sealed batches that wait for the log. */
const BATCHES_WAITING_MAX = 4;
/** How long a row waits for the row of the other end. */
const PAIR_MS = 200;

interface Chunk {
  /** Rows read with it and before it, since the start. */
  readonly rowsEnd: number;
  readonly position: number;
  readonly readMs: number;
}

interface Sent {
  readonly rowsEnd: number;
  readonly rows: number;
  readonly losses: readonly Loss[];
  readonly oldestUs: number;
}

export class FlowPipeline {
  readonly #options: SidecarOptions;
  readonly #start: SourceStart;
  readonly #sender: Sender;
  readonly #stream: BatchStream;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #columns = new CapturedColumns(2048);
  readonly #memory = new PairMemory();
  readonly #pairing = new Pairing(this.#memory);
  readonly #roles = new OlderRoles();
  readonly #losses: LossLedger;
  readonly #chunks: Chunk[] = [];
  readonly #sent: Sent[] = [];
  #owners: OwnerTable;
  #sockets: LocalSockets | null = null;
  #snapshot: HostSnapshot | null = null;
  #rowsRead = 0;
  #rowsSealed = 0;
  #rowsDone = 0;
  #lossesSinceMs: number | null = null;
  #held = 0;

  constructor(options: SidecarOptions, start: SourceStart, partition: number, sender: Sender, nowMs: number) {
    this.#options = options;
    this.#start = start;
    this.#sender = sender;
    this.#owners = new OwnerTable(options.host);
    this.#losses = new LossLedger(nowMs * 1000);
    const { cluster, network, node } = options;
    this.#stream = new BatchStream({ cluster, network, node, stream: streamOf(start.ringId, partition) });
  }

  /** Take what the last scan saw of this machine. */
  see(snapshot: HostSnapshot): void {
    this.#snapshot = snapshot;
    this.#sockets = new LocalSockets(snapshot, this.#owners, this.#sockets);
  }

  /** Read the ring until it is empty or no more may be held. Returns the listen records and whether it is empty. */
  read(nowMs: number): { readonly listens: readonly ListenEvent[]; readonly drained: boolean } {
    const listens: ListenEvent[] = [];
    let drained = false;
    while (this.#columns.length < ROWS_WAITING_MAX && this.#sender.waiting < BATCHES_WAITING_MAX) {
      const { bytes, position } = this.#options.source.read(this.#buffer);
      if (bytes === 0) {
        drained = true;
        break;
      }
      const before = this.#columns.length;
      const decoded = decodeRing(this.#buffer.subarray(0, bytes), this.#start, this.#columns);
      this.#owners.assign(this.#columns, before);
      for (const listen of decoded.listens) listens.push(listen);
      this.#rowsRead += decoded.rows;
      this.#chunks.push({ rowsEnd: this.#rowsRead, position, readMs: nowMs });
      this.#invalid(decoded.invalid, nowMs);
      this.#count(decoded.rows + decoded.invalid);
    }
    this.#count(this.#losses.observe(this.#options.source.counters(), nowMs * 1000));
    if (this.#losses.flows > 0) this.#lossesSinceMs ??= nowMs;
    this.#release();
    this.#gauges(nowMs);
    return { listens, drained };
  }

  /** Seal and send what is due: full batches, and rows that have waited long enough. */
  flush(nowMs: number): void {
    for (let rows = this.#dueRows(nowMs); rows !== null; rows = this.#dueRows(nowMs)) this.#seal(rows, nowMs);
  }

  /** The end of the stream: everything that is here, and always a last batch with the total. */
  finish(nowMs: number): void {
    const { batchFlows } = this.#options;
    do {
      this.#seal(Math.min(this.#columns.length, batchFlows), nowMs);
    } while (this.#columns.length > 0 || this.#losses.flows > 0);
  }

  /** The sender's word that the oldest `count` batches are durable. */
  acknowledged(count: number): void {
    const { meter } = this.#options;
    for (const { rowsEnd, rows, losses } of this.#sent.splice(0, count)) {
      this.#rowsDone = rowsEnd;
      meter.add('weir_sidecar_batches_total', 1);
      meter.add('weir_sidecar_flows_out_total', rows);
      for (const { reason, flows, intentional } of losses) {
        meter.add('weir_sidecar_flows_dropped_total', flows, { reason, intentional: String(intentional) });
      }
      this.#held -= rows + lossesFlows(losses);
    }
    this.#release();
    meter.set('weir_sidecar_flows_held', this.#held);
  }

  /** Rows to seal now, 0 for losses alone, null when nothing is due. */
  #dueRows(nowMs: number): number | null {
    const { batchFlows, batchAgeMs } = this.#options;
    if (this.#sender.waiting >= BATCHES_WAITING_MAX) return null;
    const waiting = this.#columns.length;
    if (waiting >= batchFlows) return batchFlows;
    const oldest = this.#chunks.find(({ rowsEnd }) => rowsEnd > this.#rowsSealed);
    if (waiting > 0 && oldest !== undefined && oldest.readMs + batchAgeMs <= nowMs) return this.#paired(nowMs);
    const lossesDue = this.#lossesSinceMs !== null && this.#lossesSinceMs + batchAgeMs <= nowMs;
    return lossesDue && this.#losses.flows > 0 ? this.#paired(nowMs) : null;
  }

  /** Rows that have waited for their partners. */
  #paired(nowMs: number): number {
    const last = this.#chunks.findLast(({ readMs }) => readMs + PAIR_MS <= nowMs);
    return last === undefined ? 0 : Math.max(0, last.rowsEnd - this.#rowsSealed);
  }

  #seal(rows: number, nowMs: number): void {
    const columns = this.#columns;
    this.#owners.assign(columns, 0);
    this.#pairing.match(columns, this.#sockets);
    this.#pairing.settle(columns, rows, this.#sockets);
    if (this.#sockets !== null) this.#roles.infer(columns, rows, this.#sockets);
    const batch = this.#stream.seal(columns, rows, this.#losses.entries(), this.#owners, nowMs * 1000);
    if (lossesFlows(batch.losses) === this.#losses.flows) {
      this.#losses.clear();
      this.#lossesSinceMs = null;
    }
    this.#rowsSealed += batch.rows;
    const oldestUs = batch.rows > 0 ? columns.endUs[0]! : nowMs * 1000;
    this.#sent.push({ rowsEnd: this.#rowsSealed, rows: batch.rows, losses: batch.losses, oldestUs });
    columns.dropFirst(batch.rows);
    this.#sender.enqueue([batch.message]);
    if (this.#owners.size > OWNERS_MAX) this.#renewOwners();
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

  #invalid(records: number, nowMs: number): void {
    if (records === 0) return;
    this.#losses.addInvalid(records, nowMs * 1000);
    this.#options.logger.warn({ code: 'WEIR_SIDECAR_RECORD_INVALID', records }, 'ring records refused');
  }

  /** Flow numbers that came in. */
  #count(flows: number): void {
    if (flows === 0) return;
    this.#held += flows;
    this.#options.meter.add('weir_sidecar_flows_in_total', flows);
  }

  #release(): void {
    let position: number | null = null;
    while (this.#chunks[0] !== undefined && this.#chunks[0].rowsEnd <= this.#rowsDone) {
      position = this.#chunks.shift()!.position;
    }
    if (position !== null) this.#options.source.release(position);
  }

  #gauges(nowMs: number): void {
    const { meter } = this.#options;
    const oldestUs = this.#sent[0]?.oldestUs ?? (this.#columns.length > 0 ? this.#columns.endUs[0]! : null);
    meter.set('weir_sidecar_flows_held', this.#held);
    meter.set('weir_sidecar_lag_seconds', oldestUs === null ? 0 : Math.max(0, nowMs / 1000 - oldestUs / 1e6));
  }
}

/** Several batches may share a request, which stays within a message's limit. */
export const RAW_REQUEST_BYTES_MAX: number = RAW_MESSAGE_BYTES_MAX;
