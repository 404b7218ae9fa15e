/**
 * A stretch of a raw partition joined again: at the ownership position that each enriched batch recorded, which gives the
 * same rows, or at the end of the ownership topic, which gives the same or better ones. Reads the log and commits nothing.
 */
import { WeirError } from '../contract/errors.ts';
import { decodeEnrichedBatch, type EnrichedBatch } from '../schemas/generated/flows-enriched-v1.ts';
import { HEADER, type Headers, type Log, type Message, type Offset } from '../transport/log.ts';
import { Enricher, type RawInput } from './enrich.ts';
import { type GeoMemory, GeoTable } from './geo/geo-table.ts';
import { HISTORY_DEFAULTS, OwnershipHistory } from './ownership/history.ts';
import { isOversize } from './pool.ts';
import type { ExternalAddresses } from './privacy.ts';
import { addComparison, newReplayCounts, type ReplayCounts } from './replay-compare.ts';

const READ = { messagesMax: 256, bytesMax: 8 * 1024 * 1024, waitMs: 0 } as const;
/** Claims that ended long before the newest are forgotten, but not where old flows are joined with all of them. */
export const RETAIN_ALL_MS: number = 100 * 365 * 24 * 3_600_000;

export interface ReplayOptions {
  readonly log: Log;
  readonly rawTopic: string;
  readonly enrichedTopic: string;
  readonly ownershipTopic: string;
  readonly partition: number;
  /** Raw offsets [from, to); whole enriched batches that hold some of them are taken. */
  readonly from: number;
  readonly to: number;
  readonly at: 'recorded' | 'latest';
  readonly geo: GeoMemory | null;
  readonly externalAddresses: ExternalAddresses;
  /** As the first run had it: another gives other rows. */
  readonly clockSkewMs: number;
  readonly signal: AbortSignal;
  /** Each batch in raw order; its bytes are the receiver's. */
  onBatch(bytes: Uint8Array, key: string | null, headers: Headers): Promise<void>;
}

/** WEIR_TRANSPORT_*; WEIR_SCHEMA_* where a recorded batch cannot be read. */
export async function replayPartition(options: ReplayOptions): Promise<ReplayCounts> {
  const { log, enrichedTopic, partition, from, to, signal } = options;
  const counts = newReplayCounts();
  const join = new Rejoin(options);
  let next = 0;
  for await (const message of messagesOf(log, enrichedTopic, partition, 0, signal)) {
    const recorded = decodeEnrichedBatch(message.value);
    const first = recorded.sources[0]?.offset ?? 0;
    // Of two versions the first in the log counts; what another enricher wrote again is a repeat.
    if (first < next) continue;
    next = (recorded.sources.at(-1)?.offset ?? first) + 1;
    if (next <= from || recorded.sources.length === 0) continue;
    if (first >= to) break;
    const again = await join.batch(recorded);
    if (again === null) {
      counts.gone += recorded.flows.length;
      continue;
    }
    for (const bytes of again) await options.onBatch(bytes, message.key, rangeless(message.headers));
    addComparison(counts, message.value, recorded, again);
  }
  return counts;
}

class Rejoin {
  readonly #options: ReplayOptions;
  #history!: OwnershipHistory;
  #enricher!: Enricher;
  #next = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#reset();
  }

  /** The batch's raw messages joined again; null where the log has not all of them any more. */
  async batch(recorded: EnrichedBatch): Promise<readonly Uint8Array[] | null> {
    const inputs = await this.#inputs(recorded);
    if (inputs === null) return null;
    const position = await this.#advance(recorded.ownershipNext);
    const { rawTopicId, rawPartition, ownershipTopicId } = recorded;
    const provenance = { rawTopicId, rawPartition, ownershipTopicId, ownershipNext: position };
    const { enriched, taken } = this.#enricher.enrich(inputs, provenance);
    if (taken !== inputs.length)
      throw new WeirError('WEIR_INTERNAL', `${taken} of ${inputs.length} messages were joined`);
    return enriched.map(({ bytes }) => bytes);
  }

  async #inputs({ sources }: EnrichedBatch): Promise<readonly RawInput[] | null> {
    const { log, rawTopic, partition, signal } = this.#options;
    const wanted = new Set(sources.map(({ offset }) => offset));
    const inputs: RawInput[] = [];
    for await (const message of messagesOf(log, rawTopic, partition, sources[0]!.offset, signal)) {
      if (message.offset > sources.at(-1)!.offset) break;
      if (!wanted.has(message.offset)) continue;
      const { offset, appendMs, headers, value } = message;
      // What was ready is joined as it was; what was not went out when its hold ended.
      inputs.push({ offset, appendMs, headers, value, force: true, oversize: isOversize(message) });
    }
    return inputs.length === sources.length ? inputs : null;
  }

  /** Apply ownership messages up to the position; a position below the last one begins again. */
  async #advance(recorded: number): Promise<number> {
    const { log, ownershipTopic, at, signal } = this.#options;
    const end = (await log.describe(ownershipTopic)).partitions[0]?.end ?? 0;
    const position = at === 'recorded' ? recorded : Math.max(this.#next, end);
    if (position < this.#next) this.#reset();
    if (position === this.#next) return position;
    for await (const message of messagesOf(log, ownershipTopic, 0, this.#next, signal)) {
      if (message.offset >= position) break;
      this.#apply(message);
    }
    this.#next = position;
    return position;
  }

  #apply({ value, appendMs }: Message): void {
    try {
      this.#history.applyBytes(value, appendMs);
    } catch (cause) {
      // Refused by the first run too.
      if (!(cause instanceof WeirError) || cause.disposition !== 'drop') throw cause;
    }
  }

  #reset(): void {
    const { at, geo, externalAddresses, clockSkewMs } = this.#options;
    this.#next = 0;
    const retainMs = at === 'recorded' ? HISTORY_DEFAULTS.retainMs : RETAIN_ALL_MS;
    this.#history = new OwnershipHistory({ retainMs, clockSkewMs });
    this.#enricher = new Enricher(this.#history, externalAddresses);
    this.#enricher.setGeo(geo === null ? null : new GeoTable(geo));
  }
}

/** From an offset, or the first that is there, to the end that the partition has now. */
export async function* messagesOf(
  log: Log,
  topic: string,
  partition: number,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  const { partitions } = await log.describe(topic);
  const bounds = partitions[partition];
  if (bounds === undefined)
    throw new WeirError('WEIR_TRANSPORT_UNKNOWN_TOPIC', `${topic} has no partition ${partition}`);
  let next = Math.max(from, bounds.start) as Offset;
  while (next < bounds.end && !signal.aborted) {
    const { messages } = await log.read(topic, partition, next, READ);
    if (messages.length === 0) return;
    for (const message of messages) {
      if (message.offset >= bounds.end) return;
      yield message;
      next = (message.offset + 1) as Offset;
    }
  }
}

/** Headers that are true of the new bytes too. */
function rangeless(headers: Headers): Headers {
  const kept = Object.entries(headers).filter(([name]) => Object.values<string>(HEADER).includes(name));
  return Object.fromEntries(kept);
}
