/**
 * Batches of one stream: the flow numbers [first, next), rows first in ring order, then what was lost.
 * Pure but for the stream's own numbers: the same rows and losses give the same bytes.
 */
import { RAW_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import { Method, type Loss } from '../schemas/generated/common.ts';
import { encodeRawBatch } from '../schemas/generated/flows-raw-v1.ts';
import { CONTENT_TYPE_AVRO_SINGLE_OBJECT, HEADER, type OutgoingMessage } from '../transport/log.ts';
import { NO_OWNER, type CapturedColumns } from './captured-columns.ts';
import { translationsOf } from './conntrack/batch-translations.ts';
import { NAT_LOOKED } from './conntrack/nat-flags.ts';
import { fillDictionaries } from './dictionary.ts';
import type { OwnerTable } from './owners.ts';

export interface StreamIdentity {
  readonly cluster: string;
  readonly network: string;
  readonly node: string;
  /** The stream: the life of one ring on one partition. */
  readonly stream: string;
}

export interface SealedBatch {
  readonly message: OutgoingMessage;
  readonly seq: number;
  readonly first: number;
  readonly next: number;
  /** Rows of the columns, from the front, that are in it. */
  readonly rows: number;
  /** The losses, or none where the rows already filled the message. */
  readonly losses: readonly Loss[];
}

/** A stream is named by its ring, its partition, and which of the ring's streams it is: it may come back to a partition. */
export function streamOf(ringId: string, partition: number, turn: number = 0): string {
  return turn === 0 ? `${ringId}-p${partition}` : `${ringId}-p${partition}-${turn}`;
}

export class BatchStream {
  readonly #identity: StreamIdentity;
  readonly #bytesMax: number;
  #seq: number;
  #next: number;

  /** `from`: where an earlier process has left the stream. */
  constructor(
    identity: StreamIdentity,
    bytesMax: number = RAW_MESSAGE_BYTES_MAX,
    from: { readonly seq: number; readonly next: number } = { seq: 0, next: 0 },
  ) {
    this.#identity = identity;
    this.#bytesMax = bytesMax;
    this.#seq = from.seq;
    this.#next = from.next;
  }

  /** Of the batch to come. */
  get seq(): number {
    return this.#seq;
  }

  /** Flow numbers given out. */
  get next(): number {
    return this.#next;
  }

  /**
   * Seal the first `rows` rows and the losses into the next batch. Where that is more than a message holds, fewer rows
   * and of the losses only what `kept` says: seal again for the rest. `nowUs` stands for the times of a batch without
   * rows.
   */
  seal(
    columns: CapturedColumns,
    rows: number,
    losses: readonly Loss[],
    owners: OwnerTable,
    nowUs: number,
    kept: (rows: number) => readonly Loss[] = () => [],
  ): SealedBatch {
    let taken = rows;
    let told = losses;
    let value = this.#encode(columns, taken, told, owners);
    while (value.length > this.#bytesMax && taken > 1) {
      taken = Math.max(1, Math.floor((taken * 0.9 * this.#bytesMax) / value.length));
      told = kept(taken);
      value = this.#encode(columns, taken, told, owners);
    }
    return this.#sealed(columns, taken, told, value, nowUs);
  }

  /**
   * As `seal`, for a batch whose numbers stand: exactly these rows and losses. Where other names make it too large for a
   * message, it goes without processes, partners and translations.
   */
  sealPlanned(
    columns: CapturedColumns,
    rows: number,
    losses: readonly Loss[],
    owners: OwnerTable,
    nowUs: number,
  ): SealedBatch {
    let value = this.#encode(columns, rows, losses, owners);
    if (value.length > this.#bytesMax) {
      columns.partner.fill(NO_OWNER, 0, rows);
      columns.remoteMethod.fill(Method.none, 0, rows);
      columns.pid.fill(0, 0, rows);
      columns.comm.fill(0, 0, 16 * rows);
      columns.nat.fill(NAT_LOOKED, 0, rows);
      value = this.#encode(columns, rows, losses, owners);
    }
    return this.#sealed(columns, rows, losses, value, nowUs);
  }

  #sealed(
    columns: CapturedColumns,
    rows: number,
    losses: readonly Loss[],
    value: Uint8Array,
    nowUs: number,
  ): SealedBatch {
    const first = this.#next;
    const next = first + numbersOf(columns, rows) + lossesFlows(losses);
    const seq = this.#seq++;
    this.#next = next;
    const message = this.#message(value, seq, first, next, columns, rows, nowUs);
    return { message, seq, first, next, rows, losses };
  }

  #encode(columns: CapturedColumns, rows: number, losses: readonly Loss[], owners: OwnerTable): Uint8Array {
    const { cluster, network, node, stream } = this.#identity;
    const { workloads, processes } = fillDictionaries(columns, rows, owners);
    const { natAddresses, translations } = translationsOf(columns, rows);
    let offset = 0;
    for (let row = 0; row < rows; row++) {
      columns.numberOffset[row] = offset;
      offset += columns.numbers[row]!;
    }
    const { length } = columns;
    columns.length = rows;
    try {
      const first = this.#next;
      const next = first + offset + lossesFlows(losses);
      const header = { cluster, network, node, ring: stream, seq: this.#seq, first, next };
      return encodeRawBatch({ ...header, losses, workloads, processes, natAddresses, translations, flows: columns });
    } finally {
      columns.length = length;
    }
  }

  #message(
    value: Uint8Array,
    seq: number,
    first: number,
    next: number,
    columns: CapturedColumns,
    rows: number,
    nowUs: number,
  ): OutgoingMessage {
    const { cluster, node, stream } = this.#identity;
    let fromUs = rows === 0 ? nowUs : Infinity;
    let toUs = rows === 0 ? nowUs : 0;
    for (let row = 0; row < rows; row++) {
      fromUs = Math.min(fromUs, columns.startUs[row]!);
      toUs = Math.max(toUs, columns.endUs[row]!);
    }
    return {
      key: `${cluster}/${node}`,
      value,
      headers: {
        [HEADER.contentType]: CONTENT_TYPE_AVRO_SINGLE_OBJECT,
        [HEADER.node]: node,
        [HEADER.ring]: stream,
        [HEADER.seq]: String(seq),
        [HEADER.first]: String(first),
        [HEADER.next]: String(next),
        [HEADER.flows]: String(rows),
        [HEADER.from]: String(Math.floor(fromUs / 1000)),
        [HEADER.to]: String(Math.ceil(toUs / 1000)),
      },
    };
  }
}

/** Flow numbers that the first `rows` rows stand for. */
export function numbersOf(columns: CapturedColumns, rows: number): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += columns.numbers[row]!;
  return sum;
}

export function lossesFlows(losses: readonly Loss[]): number {
  return losses.reduce((sum, loss) => sum + loss.flows, 0);
}
