/**
 * Raw messages of one partition, in order, become enriched messages, each carrying some of them whole. Pure: the same
 * messages over the same history give the same bytes. Runs in a worker.
 */
import { type ErrorCode, fromUnknown, WeirError } from '../contract/errors.ts';
import {
  BATCH_FLOWS_MAX,
  ENRICHED_FLOWS_MAX,
  ENRICHED_MESSAGE_BYTES_MAX,
  RAW_MESSAGE_BYTES_MAX,
} from '../contract/limits.ts';
import type { Source } from '../schemas/generated/common.ts';
import { EnrichedFlowColumns, encodeEnrichedBatch } from '../schemas/generated/flows-enriched-v1.ts';
import { decodeRawBatch, type RawBatch, RawFlowColumns } from '../schemas/generated/flows-raw-v1.ts';
import type { Headers } from '../transport/log.ts';
import { BatchDictionaries } from './dictionaries.ts';
import type { GeoTable } from './geo/geo-table.ts';
import { type EndCounts, Joiner, newEndCounts } from './join.ts';
import type { OwnershipHistory } from './ownership/history.ts';
import { type ExternalAddresses, hideAddresses, hideNatAddresses } from './privacy.ts';
import type { Need } from './ready.ts';
import { checkRange, lostSource } from './source.ts';
import { checkRawTranslations } from './translated.ts';

/** An enriched message takes no more raw messages once it holds this many rows. */
const GROUP_FLOWS_MAX: number = ENRICHED_FLOWS_MAX - BATCH_FLOWS_MAX;

export interface RawInput {
  readonly offset: number;
  readonly appendMs: number;
  readonly headers: Headers;
  readonly value: Uint8Array;
  /** Its hold has ended: it goes out as it is. */
  readonly force: boolean;
  /** It exceeds what a raw message may have: its bytes are not here. */
  readonly oversize: boolean;
}

/** Where the messages come from and what they are joined with. */
export interface Provenance {
  readonly rawTopicId: string;
  readonly rawPartition: number;
  readonly ownershipTopicId: string;
  readonly ownershipNext: number;
}

export interface Enriched {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many of the raw messages it carries, and what is in it. */
  readonly sources: number;
  readonly rows: number;
  readonly flows: number;
  readonly lost: readonly LostFlows[];
  /** Event time of its rows, ms; -1 without rows. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface LostFlows {
  readonly reason: string;
  readonly flows: number;
  readonly intentional: boolean;
}

/** A raw message that goes to the dead letters. */
export interface Refusal {
  readonly offset: number;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface EnrichResult {
  readonly enriched: readonly Enriched[];
  readonly refused: readonly Refusal[];
  /** Leading messages that were enriched; the one after them waits for `needs`. */
  readonly taken: number;
  readonly needs: readonly Need[];
  readonly counts: EndCounts;
}

export class Enricher {
  readonly #joiner: Joiner;
  readonly #dictionaries: BatchDictionaries;
  readonly #raw = new RawFlowColumns(BATCH_FLOWS_MAX);
  readonly #rows = new EnrichedFlowColumns(BATCH_FLOWS_MAX);

  readonly #externalAddresses: ExternalAddresses;

  constructor(history: OwnershipHistory, externalAddresses: ExternalAddresses = 'keep') {
    this.#externalAddresses = externalAddresses;
    this.#joiner = new Joiner(history);
    this.#dictionaries = new BatchDictionaries(history.workloads);
  }

  /** The table of places from here on. */
  setGeo(geo: GeoTable | null): void {
    this.#joiner.setGeo(geo);
  }

  /** As many of the messages, from the first, as are ready or forced. */
  enrich(messages: readonly RawInput[], provenance: Provenance): EnrichResult {
    const enriched: Enriched[] = [];
    const refused: Refusal[] = [];
    const counts = newEndCounts();
    let taken = 0;
    while (taken < messages.length) {
      const group = this.#group(messages, taken, messages.length, counts);
      if (group.sources.length > 0) this.#close(messages, taken, group, provenance, enriched, refused);
      taken += group.sources.length;
      if (group.needs.length > 0) return { enriched, refused, taken, needs: group.needs, counts };
    }
    return { enriched, refused, taken, needs: [], counts };
  }

  /** Join messages from `from` on, until one waits or the group is full. */
  #group(messages: readonly RawInput[], from: number, to: number, counts: EndCounts): Group {
    const group: Group = { sources: [], refused: [], needs: [] };
    this.#dictionaries.reset();
    this.#rows.length = 0;
    for (let i = from; i < to && this.#rows.length <= GROUP_FLOWS_MAX; i += 1) {
      const input = messages[i]!;
      const batch = this.#decode(input);
      if (batch instanceof WeirError) {
        group.refused.push({ offset: input.offset, code: batch.code, message: batch.message });
        group.sources.push(lostSource(input.offset, input.appendMs, input.headers, lossReason(batch.code)));
        continue;
      }
      const needs = this.#joiner.look(batch);
      if (needs.length > 0 && !input.force) {
        group.needs = needs;
        break;
      }
      const base = this.#rows.length;
      this.#joiner.write(batch, this.#rows, this.#dictionaries, counts);
      hideAddresses(this.#rows, base, this.#externalAddresses);
      group.sources.push(sourceOf(batch, input));
    }
    return group;
  }

  #decode(input: RawInput): RawBatch | WeirError {
    if (input.oversize) {
      const message = `raw message ${input.offset} is larger than the ${RAW_MESSAGE_BYTES_MAX} bytes that one may have`;
      return new WeirError('WEIR_TRANSPORT_MESSAGE_TOO_LARGE', message);
    }
    try {
      const batch = decodeRawBatch(input.value, this.#raw);
      checkRange(batch, input.headers);
      checkRawTranslations(batch);
      return batch;
    } catch (cause) {
      const error = fromUnknown(cause, 'WEIR_INTERNAL', `raw message ${input.offset}`);
      if (error.disposition !== 'drop') throw error;
      return error;
    }
  }

  /** Encode a group; one that is too large for a message is halved, and a single message that is becomes a loss. */
  #close(
    messages: readonly RawInput[],
    from: number,
    group: Group,
    provenance: Provenance,
    enriched: Enriched[],
    refused: Refusal[],
  ): void {
    const bytes = this.#encode(group, provenance);
    if (bytes instanceof Uint8Array) {
      enriched.push({ bytes, ...summary(group.sources, this.#rows) });
      refused.push(...group.refused);
      return;
    }
    const count = group.sources.length;
    if (count === 1) {
      const { offset, appendMs, headers } = messages[from]!;
      const lost: Group = { ...group, sources: [lostSource(offset, appendMs, headers, 'too_large')], refused: [] };
      lost.refused.push({ offset, code: bytes.code, message: bytes.message });
      this.#dictionaries.reset();
      this.#rows.length = 0;
      this.#close(messages, from, lost, provenance, enriched, refused);
      return;
    }
    const half = from + (count >> 1);
    // Their ends were counted when the whole group was joined.
    const again = forced(messages, from, from + count);
    for (const [start, end] of [
      [0, half - from],
      [half - from, count],
    ] as const) {
      const part = this.#group(again, start, end, newEndCounts());
      this.#close(again, start, part, provenance, enriched, refused);
    }
  }

  #encode(group: Group, provenance: Provenance): Uint8Array<ArrayBuffer> | WeirError {
    const { workloads, processes, places, services, natAddresses, translations } = this.#dictionaries;
    hideNatAddresses(natAddresses, this.#externalAddresses);
    const { sources } = group;
    try {
      const bytes = encodeEnrichedBatch({
        ...provenance,
        sources,
        workloads,
        processes,
        places,
        services,
        natAddresses,
        translations,
        flows: this.#rows,
      });
      if (bytes.byteLength <= ENRICHED_MESSAGE_BYTES_MAX) return bytes as Uint8Array<ArrayBuffer>;
      const message = `${bytes.byteLength} bytes once enriched, at most ${ENRICHED_MESSAGE_BYTES_MAX}`;
      return new WeirError('WEIR_TRANSPORT_MESSAGE_TOO_LARGE', message);
    } catch (cause) {
      const error = fromUnknown(cause, 'WEIR_INTERNAL', 'an enriched batch');
      if (error.code !== 'WEIR_SCHEMA_TOO_LARGE') throw error;
      return error;
    }
  }
}

/** What was joined so far; its rows and dictionaries are the enricher's. */
interface Group {
  sources: Source[];
  refused: Refusal[];
  needs: readonly Need[];
}

/** The same messages once more: what was ready, or forced, is joined without asking. */
function forced(messages: readonly RawInput[], from: number, to: number): RawInput[] {
  return messages.slice(from, to).map((input) => ({ ...input, force: true }));
}

function lossReason(code: ErrorCode): string {
  if (code === 'WEIR_ENRICHER_RANGE_INVALID') return 'range_invalid';
  return code === 'WEIR_TRANSPORT_MESSAGE_TOO_LARGE' ? 'too_large' : 'undecodable';
}

function sourceOf(batch: RawBatch, input: RawInput): Source {
  const { cluster, network, node, ring, seq, first, next, losses, flows } = batch;
  let numbers = 0;
  for (let i = 0; i < flows.length; i += 1) numbers += flows.numbers[i]!;
  const { offset, appendMs } = input;
  const rows = flows.length;
  return {
    offset,
    appendUs: appendMs * 1000,
    cluster,
    network,
    node,
    ring,
    seq,
    first,
    next,
    flows: numbers,
    rows,
    losses,
  };
}

function summary(sources: readonly Source[], rows: EnrichedFlowColumns): Omit<Enriched, 'bytes'> {
  let fromUs = Number.POSITIVE_INFINITY;
  let toUs = -1;
  for (let i = 0; i < rows.length; i += 1) {
    fromUs = Math.min(fromUs, rows.startUs[i]!);
    toUs = Math.max(toUs, rows.endUs[i]!);
  }
  const flows = sources.reduce((sum, source) => sum + source.flows, 0);
  const lost = sources.flatMap(({ losses }) =>
    losses.map(({ reason, flows: n, intentional }) => ({ reason, flows: n, intentional })),
  );
  const hasRows = rows.length > 0;
  return {
    sources: sources.length,
    rows: rows.length,
    flows,
    lost,
    fromMs: hasRows ? Math.floor(fromUs / 1000) : -1,
    toMs: hasRows ? Math.floor(toUs / 1000) : -1,
  };
}
