/** Enriched batches -> rows of `flows` and ledger entries, by the fold of tiling.ts. */
import { WeirError } from '../contract/errors.ts';
import {
  decodeEnrichedBatch,
  type EnrichedBatch,
  EnrichedFlowColumns,
} from '../schemas/generated/flows-enriched-v1.ts';
import type { Source } from '../schemas/generated/common.ts';
import { type ChainState, type LossEntry, type StreamMap, sumLosses } from '../schemas/objects.ts';
import { checkTranslations } from '../schemas/translations.ts';
import type { Message } from '../transport/log.ts';
import type { Content, Decoded } from './content.ts';
import { FlowsTable } from './format/flows-table.ts';
import { beginFold, foldSource, type FoldState, retireStreams, sumAdvance } from './tiling.ts';

interface DecodedBatch extends Decoded {
  readonly batch: EnrichedBatch;
}

export class FlowsContent implements Content {
  readonly table = 'flows';
  flows = 0;
  losses: LossEntry[] = [];
  repeated = 0;
  readonly #table = new FlowsTable();
  readonly #columns = new EnrichedFlowColumns(1024);
  #before: StreamMap = new Map();
  #fold: FoldState = beginFold(new Map(), new Map());

  get rows(): number {
    return this.#table.rows;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  begin(state: ChainState): void {
    this.#table.clear();
    this.#before = state.streams;
    this.#fold = beginFold(state.streams, state.marks);
    this.flows = 0;
    this.losses = [];
    this.repeated = 0;
  }

  decode(message: Message): DecodedBatch {
    const batch = decodeEnrichedBatch(message.value, this.#columns);
    let rows = 0;
    for (const source of batch.sources) {
      if (source.rows < 0) rows = Number.NaN;
      rows += source.rows;
    }
    if (rows !== batch.flows.length) {
      const what = `the sources at offset ${message.offset} name ${rows} rows, the batch has ${batch.flows.length}`;
      throw new WeirError('WEIR_SCHEMA_INVALID', what, { offset: message.offset });
    }
    const { translations, natAddresses } = batch;
    checkTranslations(translations, rows, natAddresses.length, (t) => [
      t.row,
      t.srcAddr,
      t.srcPort,
      t.dstAddr,
      t.dstPort,
    ]);
    return { message, batch, rows };
  }

  fold(decoded: DecodedBatch): WeirError | null {
    const { batch, message } = decoded;
    let refused: WeirError | null = null;
    const rawPartition = `${batch.rawTopicId}-${batch.rawPartition}`;
    const remap = this.#table.remap(batch);
    let from = 0;
    for (const source of batch.sources) {
      const to = from + source.rows;
      const flows = sumNumbers(batch.flows.numbers, from, to);
      const { verdict } = foldSource(this.#fold, source, flows, rawPartition, message.appendMs, this.losses);
      if (verdict === 'taken') {
        this.#table.append(batch.flows, from, to, source, remap);
        this.flows += flows;
      } else if (verdict === 'repeated') this.repeated += Math.max(0, source.next - source.first);
      else refused ??= rangeInvalid(source, message);
      from = to;
    }
    return refused;
  }

  refuse(message: Message, _error: WeirError): void {
    const atUs = Math.max(0, message.appendMs) * 1000;
    this.losses.push({
      stage: 'sink',
      reason: 'undecodable',
      flows: null,
      startUs: atUs,
      endUs: atUs,
      node: null,
      ring: null,
      intentional: false,
      detectedBy: 'sink',
    });
  }

  finish(appendMs: number): ReturnType<Content['finish']> {
    retireStreams(this.#fold, appendMs);
    const { streams, marks } = this.#fold;
    // The object's own proof (DESIGN section 4.5): better no object than one that verify would refuse.
    const advance = sumAdvance(this.#before, streams);
    const told = this.flows + sumLosses(this.losses);
    if (advance !== told) {
      throw new WeirError('WEIR_INTERNAL', `streams went on by ${advance} flows, rows and losses tell of ${told}`);
    }
    return { streams, marks, table: this.#table.finish() };
  }
}

function rangeInvalid({ ring, first, next, offset: rawOffset }: Source, { offset }: Message): WeirError {
  const what = `stream ${ring}: flows ${first} to ${next} of raw offset ${rawOffset} contradict its rows and losses, or jump`;
  return new WeirError('WEIR_SINK_RANGE_INVALID', `${what}, at offset ${offset}`, { ring, first, next, rawOffset });
}

function sumNumbers(numbers: Int32Array, from: number, to: number): number {
  let sum = 0;
  for (let row = from; row < to; row++) {
    const number = numbers[row]!;
    // A row stands for at least one flow; NaN fits no range, so the source is refused.
    if (number < 1) return Number.NaN;
    sum += number;
  }
  return sum;
}
