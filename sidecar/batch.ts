/**
 * Batches of one stream: the flow numbers [first, next), rows first in ring order, then what was lost.
 * Pure but for the stream's own numbers: the same rows and losses give the same bytes.
 */
import { RAW_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import type { Loss } from '../schemas/generated/common.ts';
import { encodeRawBatch } from '../schemas/generated/flows-raw-v1.ts';
import { CONTENT_TYPE_AVRO_SINGLE_OBJECT, HEADER, type OutgoingMessage } from '../transport/log.ts';
import type { CapturedColumns } from './captured-columns.ts';
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

/** A stream is named by its ring and partition; URL-safe. */
export function streamOf(ringId: string, partition: number): string {
  return `${ringId}-p${partition}`;
}

export class BatchStream {
  readonly #identity: StreamIdentity;
  readonly #bytesMax: number;
  #seq = 0;
  #next = 0;

  constructor(identity: StreamIdentity, bytesMax: number = RAW_MESSAGE_BYTES_MAX) {
    this.#identity = identity;
    this.#bytesMax = bytesMax;
  }

  /** Flow numbers given out. */
  get next(): number {
    return this.#next;
  }

  /**
   * Seal the first `rows` rows and the losses into the next batch. Where that is more than a message holds, fewer rows
   * and no losses: seal again for the rest. `nowUs` stands for the times of a batch without rows.
   */
  seal(
    columns: CapturedColumns,
    rows: number,
    losses: readonly Loss[],
    owners: OwnerTable,
    nowUs: number,
  ): SealedBatch {
    let taken = rows;
    let told = losses;
    let value = this.#encode(columns, taken, told, owners);
    while (value.length > this.#bytesMax && taken > 1) {
      taken = Math.max(1, Math.floor((taken * 0.9 * this.#bytesMax) / value.length));
      told = [];
      value = this.#encode(columns, taken, told, owners);
    }
    const first = this.#next;
    const next = first + taken + lossesFlows(told);
    const seq = this.#seq++;
    this.#next = next;
    const message = this.#message(value, seq, first, next, columns, taken, nowUs);
    return { message, seq, first, next, rows: taken, losses: told };
  }

  #encode(columns: CapturedColumns, rows: number, losses: readonly Loss[], owners: OwnerTable): Uint8Array {
    const { cluster, network, node, stream } = this.#identity;
    const { workloads, processes } = fillDictionaries(columns, rows, owners);
    for (let row = 0; row < rows; row++) columns.numberOffset[row] = row;
    const { length } = columns;
    columns.length = rows;
    try {
      const first = this.#next;
      const next = first + rows + lossesFlows(losses);
      const header = { cluster, network, node, ring: stream, seq: this.#seq, first, next };
      return encodeRawBatch({ ...header, losses, workloads, processes, flows: columns });
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

export function lossesFlows(losses: readonly Loss[]): number {
  return losses.reduce((sum, loss) => sum + loss.flows, 0);
}
