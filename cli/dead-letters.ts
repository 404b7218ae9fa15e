/** What the dead-letter topic holds, and what the lake says of it. */
import { type Letter, parseLetter } from '../enricher/dead-letter.ts';
import { messagesOf } from '../enricher/replay.ts';
import { headerRange } from '../enricher/source.ts';
import type { Store } from '../contract/store.ts';
import { letterMark, type StreamMap } from '../schemas/objects.ts';
import { openAvroFormat } from '../sink/format/avro.ts';
import type { TableFormat } from '../sink/format/columns.ts';
import { openParquetFormat } from '../sink/format/parquet.ts';
import { findTail, readGenesis } from '../sink/locate.ts';
import type { Log } from '../transport/log.ts';

/** Which letters: by what refused them, why, and when. */
export interface LetterFilter {
  readonly code: string | null;
  readonly stage: string | null;
  /** Append times of the dead letters, ms: [from, to). */
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
}

/**
 * told: the lake names its flows as lost. recovered: they came since. untold: the lake names them not as lost, or not yet.
 * none: it names no flows that could be told (another topic, no range in the headers).
 */
export type LetterState = 'told' | 'recovered' | 'untold' | 'none';

export interface FoundLetter extends Letter {
  /** `partition-offset` in the dead-letter topic: how a command names it. */
  readonly id: string;
}

/** From the oldest to the end that the topic has now, partition by partition. WEIR_TRANSPORT_*. */
export async function* readLetters(
  log: Log,
  topic: string,
  filter: LetterFilter,
  signal: AbortSignal,
): AsyncGenerator<FoundLetter> {
  const { partitions } = await log.describe(topic);
  let left = filter.limit;
  for (const [partition] of partitions.entries()) {
    for await (const message of messagesOf(log, topic, partition, 0, signal)) {
      const letter = parseLetter(message);
      if (letter === null || !passes(letter, filter)) continue;
      if (left-- <= 0) return;
      yield { ...letter, id: `${partition}-${message.offset}` };
    }
  }
}

const passes = ({ code, stage, message: { appendMs } }: Letter, filter: LetterFilter): boolean =>
  (filter.code === null || filter.code === code) &&
  (filter.stage === null || filter.stage === stage) &&
  appendMs >= filter.fromMs &&
  appendMs < filter.toMs;

/** Flow numbers by the letter's headers; null where they name no range. */
export function flowsOf({ headers }: Letter): number | null {
  const range = headerRange(headers);
  return range === null ? null : range.next - range.first;
}

/** What the ends of the lake's chains remember of dead letters; a partition is read once. */
export class ToldLetters {
  readonly #store: Store;
  readonly #rawTopic: string;
  readonly #marks = new Map<number, StreamMap>();

  constructor(store: Store, rawTopic: string) {
    this.#store = store;
    this.#rawTopic = rawTopic;
  }

  /** Fails: WEIR_SINK_OBJECT_INVALID, WEIR_SINK_STORE_*. */
  async stateOf(letter: Letter): Promise<LetterState> {
    const range = headerRange(letter.headers);
    if (letter.stage !== 'enricher' || letter.topic !== this.#rawTopic || range === null) return 'none';
    const marks = await this.#marksOf(letter.partition);
    const next = marks.get(letterMark(range.ring, range.first))?.next;
    if (next === range.next) return 'told';
    return next === 0 ? 'recovered' : 'untold';
  }

  async #marksOf(partition: number): Promise<StreamMap> {
    const known = this.#marks.get(partition);
    if (known !== undefined) return known;
    const marks = await readMarks(this.#store, partition);
    this.#marks.set(partition, marks);
    return marks;
  }
}

async function readMarks(store: Store, partition: number): Promise<StreamMap> {
  const genesis = await readGenesis(store, 'flows', partition);
  if (genesis === null) return new Map();
  const format: TableFormat = genesis.format === 'avro' ? openAvroFormat() : openParquetFormat();
  try {
    return (await findTail(store, format, 'flows', partition, genesis))?.facts.state.marks ?? new Map();
  } finally {
    await format.close();
  }
}
