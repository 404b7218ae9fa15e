/**
 * The raw log, by its messages' headers alone, against what the lake holds and what waits in the enriched log. What the
 * enricher has passed must be in one of the two; what it has not is lag, not loss.
 */
import { STREAM_RETIRE_MS } from '../../contract/limits.ts';
import type { ChainState } from '../../schemas/objects.ts';
import { HEADER, type Headers, type Log, type Message, type Offset } from '../../transport/log.ts';
import type { Finding } from './finding.ts';
import { messagesOf } from './log-messages.ts';

/** The sink leaves a stream where it is at a jump of more: such a number is forged (sink/tiling.ts). */
const JUMP_FLOWS_MAX = 2 ** 40;
/** And the enricher takes no range from headers that say more, or name no stream (enricher/source.ts). */
const RANGE_FLOWS_MAX = 2 ** 32;
const RING_BYTES_MAX = 256;

export interface RawTopic {
  readonly topic: string;
  /** The enricher's group for the raw topic of this id; null: not known, and nothing can be called missing. */
  readonly group: ((topicId: string) => string) | null;
}

/** How far the raw log was looked at. */
export interface RawFigures {
  /** First offset that the log still has, and the one after its last. */
  readonly start: number;
  readonly end: number;
  /** Completeness is judged up to here (exclusive): so far the enricher had come; null: its position is not known. */
  readonly judgedTo: number | null;
}

export interface AgainstRaw {
  readonly figures: RawFigures;
  /** Flow numbers that are on their way. */
  readonly lagFlows: number;
  readonly findings: readonly Finding[];
}

export interface RawBounds extends RawFigures {
  readonly topic: string;
}

interface LakeSide {
  readonly partition: number;
  /** Of the chain. */
  readonly end: ChainState;
  /** Streams as the enriched log tells of them beyond the chain. */
  readonly waiting: ReadonlyMap<string, number>;
}

/** Null: there is no such partition. */
export async function rawBounds(log: Log, { topic, group }: RawTopic, partition: number): Promise<RawBounds | null> {
  const { id, partitions } = await log.describe(topic);
  const bounds = partitions[partition];
  if (bounds === undefined) return null;
  const judgedTo = group === null ? null : await log.position(group(id), topic, partition);
  return { topic, start: bounds.start, end: bounds.end, judgedTo };
}

/** A stream as the raw log tells of it. */
interface Told {
  next: number;
  /** The first message that nobody downstream tells of, though the enricher has passed it. */
  missing: { readonly offset: number; readonly first: number; next: number } | null;
}

export async function checkAgainstRaw(log: Log, bounds: RawBounds, lake: LakeSide): Promise<AgainstRaw> {
  const { topic, start, end, judgedTo } = bounds;
  const told = new Map<string, Told>();
  for await (const message of messagesOf(log, topic, lake.partition, start as Offset))
    look(message, judgedTo, lake, told);
  const findings: Finding[] = [];
  let lagFlows = 0;
  for (const [ring, { next, missing }] of told) {
    const held = lake.end.streams.get(ring)?.next ?? 0;
    lagFlows += Math.max(0, next - Math.max(held, missing?.next ?? 0));
    const at = { table: 'flows', partition: lake.partition, object: null } as const;
    if (missing !== null) {
      const message = `the raw log tells at offset ${missing.offset} of ${ring} from ${missing.first} up to ${missing.next}, the enricher has passed it, and neither the lake (up to ${held}) nor the enriched log does`;
      findings.push({ ...at, code: 'raw_missing', message });
    }
    if (held > next) {
      const message = `the chain tells of ${ring} up to ${held}, the raw log before offset ${end} only up to ${next}`;
      findings.push({ ...at, code: 'stream_ahead', message });
    }
  }
  return { figures: { start, end, judgedTo }, lagFlows, findings };
}

function look(
  { offset, appendMs, headers }: Message,
  judgedTo: number | null,
  lake: LakeSide,
  told: Map<string, Told>,
) {
  const ring = headers[HEADER.ring] ?? '';
  const [first, next] = [numberOf(headers, HEADER.first), numberOf(headers, HEADER.next)];
  if (ring === '' || ring.length > RING_BYTES_MAX || numberOf(headers, HEADER.seq) === null) return;
  if (first === null || next === null || next < first || next - first > RANGE_FLOWS_MAX) return;
  const stream = told.get(ring) ?? { next: 0, missing: null };
  const held = lake.end.streams.get(ring)?.next ?? 0;
  if (next - Math.max(stream.next, held) > JUMP_FLOWS_MAX) return;
  told.set(ring, stream);
  stream.next = Math.max(stream.next, next);
  if (judgedTo === null || offset >= judgedTo || next <= held) return;
  if (next <= (lake.waiting.get(ring) ?? 0) || isRetired(lake, ring, appendMs)) return;
  if (stream.missing === null) stream.missing = { offset, first: Math.max(first, held), next };
  else stream.missing.next = Math.max(stream.missing.next, next);
}

/** The lake may have forgotten a stream that was silent for so long. */
function isRetired({ end }: LakeSide, ring: string, appendMs: number): boolean {
  const { dt, hour } = end.hour;
  return !end.streams.has(ring) && appendMs + STREAM_RETIRE_MS < Date.parse(`${dt}T00:00:00Z`) + (hour + 1) * 3_600_000;
}

function numberOf(headers: Headers, name: string): number | null {
  const text = headers[name] ?? '';
  const value = Number(text);
  return text !== '' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
