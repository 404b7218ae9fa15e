/**
 * Dead letters once more: what was refused is decoded and joined by today's code, with every claim that the log still has.
 * A letter that passes becomes an enriched message of its own, whose source takes back the loss that was told for it.
 */
import { WeirError } from '../contract/errors.ts';
import { ENRICHED_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import type { Loss } from '../schemas/generated/common.ts';
import { decodeEnrichedBatch, encodeEnrichedBatch } from '../schemas/generated/flows-enriched-v1.ts';
import { RECOVERED } from '../schemas/objects.ts';
import {
  CONTENT_TYPE_AVRO_SINGLE_OBJECT,
  HEADER,
  type Log,
  type Message,
  type OutgoingMessage,
} from '../transport/log.ts';
import type { Letter } from './dead-letter.ts';
import { Enricher, type Provenance } from './enrich.ts';
import { type GeoMemory, GeoTable } from './geo/geo-table.ts';
import { OwnershipHistory } from './ownership/history.ts';
import { isOversize } from './pool.ts';
import type { ExternalAddresses } from './privacy.ts';
import { messagesOf, RETAIN_ALL_MS } from './replay.ts';
import { lostSource } from './source.ts';

export interface RedriverOptions {
  readonly log: Log;
  readonly rawTopic: string;
  readonly ownershipTopic: string;
  readonly geo: GeoMemory | null;
  readonly externalAddresses: ExternalAddresses;
  /** As the first run had it. */
  readonly clockSkewMs: number;
  readonly signal: AbortSignal;
}

export interface Redriven {
  readonly out: OutgoingMessage;
  readonly rows: number;
  /** Flow numbers that come back: rows, and losses that the batch itself tells of. */
  readonly flows: number;
}

type Ids = Omit<Provenance, 'rawPartition'>;

export class Redriver {
  readonly #enricher: Enricher;
  readonly #ids: Ids;

  private constructor(enricher: Enricher, ids: Ids) {
    this.#enricher = enricher;
    this.#ids = ids;
  }

  /** Reads the whole ownership topic. WEIR_TRANSPORT_*. */
  static async open(options: RedriverOptions): Promise<Redriver> {
    const { log, rawTopic, ownershipTopic, geo, externalAddresses, clockSkewMs, signal } = options;
    const raw = await log.describe(rawTopic);
    const ownership = await log.describe(ownershipTopic);
    const history = new OwnershipHistory({ retainMs: RETAIN_ALL_MS, clockSkewMs });
    let ownershipNext = 0;
    for await (const message of messagesOf(log, ownershipTopic, 0, 0, signal)) {
      apply(history, message);
      ownershipNext = message.offset + 1;
    }
    const enricher = new Enricher(history, externalAddresses);
    enricher.setGeo(geo === null ? null : new GeoTable(geo));
    return new Redriver(enricher, { rawTopicId: raw.id, ownershipTopicId: ownership.id, ownershipNext });
  }

  /** The enriched message that stands for a letter of a raw partition, or why it is refused again. */
  join(letter: Letter): Redriven | WeirError {
    const { message, partition: rawPartition, offset, headers } = letter;
    const { value, appendMs } = message;
    const input = { offset, appendMs, headers, value, force: true, oversize: isOversize(message) };
    const { enriched, refused } = this.#enricher.enrich([input], { ...this.#ids, rawPartition });
    const [refusal] = refused;
    if (refusal !== undefined) return new WeirError(refusal.code, refusal.message);
    const [only] = enriched;
    if (only === undefined) throw new WeirError('WEIR_INTERNAL', `dead letter ${message.offset} became nothing`);
    const batch = decodeEnrichedBatch(only.bytes);
    const source = batch.sources[0]!;
    const told = lostSource(offset, appendMs, headers, RECOVERED);
    if (told.ring !== source.ring || told.first !== source.first || told.next !== source.next) {
      return new WeirError('WEIR_ENRICHER_RANGE_INVALID', `its headers do not name the range that its body has`);
    }
    const losses: Loss[] = [...source.losses, ...told.losses];
    const bytes = encodeEnrichedBatch({ ...batch, sources: [{ ...source, losses }] });
    if (bytes.byteLength > ENRICHED_MESSAGE_BYTES_MAX) {
      return new WeirError('WEIR_TRANSPORT_MESSAGE_TOO_LARGE', `${bytes.byteLength} bytes once enriched`);
    }
    return { out: outgoing(letter, bytes, only), rows: only.rows, flows: source.next - source.first };
  }
}

function apply(history: OwnershipHistory, { value, appendMs }: Message): void {
  try {
    history.applyBytes(value, appendMs);
  } catch (cause) {
    // Refused when it came, too.
    if (!(cause instanceof WeirError) || cause.disposition !== 'drop') throw cause;
  }
}

/** Without the range's headers: whoever goes by them has seen the range, and would drop the rows. */
function outgoing(
  { message }: Letter,
  value: Uint8Array,
  { rows, flows, fromMs, toMs }: { readonly rows: number; readonly flows: number; fromMs: number; toMs: number },
): OutgoingMessage {
  const times = rows > 0 ? { [HEADER.from]: String(fromMs), [HEADER.to]: String(toMs) } : {};
  const headers = { [HEADER.contentType]: CONTENT_TYPE_AVRO_SINGLE_OBJECT, [HEADER.flows]: String(flows), ...times };
  return { key: message.key, value, headers };
}
