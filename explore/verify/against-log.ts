/** The chain held against the log that it was made from, as far back as the log still goes. */
import { WeirError } from '../../contract/errors.ts';
import type { Source } from '../../schemas/generated/common.ts';
import { decodeEnrichedBatch, EnrichedFlowColumns } from '../../schemas/generated/flows-enriched-v1.ts';
import { ClaimColumns, decodeOwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { type ChainTable, formatObjectName } from '../../schemas/objects.ts';
import type { Log, Message, Offset, TopicDescription } from '../../transport/log.ts';
import { type AgainstRaw, checkAgainstRaw, rawBounds, type RawFigures, type RawTopic } from './against-raw.ts';
import type { Finding } from './finding.ts';
import type { ChainListing } from './lake-listing.ts';
import { messagesOf } from './log-messages.ts';
import type { Walk } from './walk.ts';

/** How far the chain can be judged by the log. */
export interface LogFigures {
  /** False: the topic is another than the chain's; nothing can be compared. */
  readonly sameLog: boolean;
  /** Messages of the log that no object holds yet: lag, not loss. */
  readonly lagMessages: number;
  /** Flow numbers that the raw log tells of and the lake does not hold yet; null where there is no such topic. */
  readonly lagFlows: number | null;
  /** Of the table `flows`: what was held against the raw log; null where there is none. */
  readonly raw: RawFigures | null;
  /** First offset from which the sources of the log were compared; null without any. */
  readonly comparedFrom: number | null;
}

export interface AgainstLog {
  readonly figures: LogFigures;
  readonly findings: readonly Finding[];
}

export interface LogInput {
  readonly log: Log;
  readonly topic: string;
  readonly description: TopicDescription;
  /** What the sink committed, null without: a chain that ends before it has lost its tail. */
  readonly committed: Offset | null;
  /** Of the table `flows`: the raw topic, whose headers alone are read. */
  readonly raw: RawTopic | null;
}

export async function checkAgainstLog(input: LogInput, chain: ChainListing, walk: Walk): Promise<AgainstLog> {
  const findings: Finding[] = [];
  const bounds = input.description.partitions[chain.partition];
  const { logId, nextOffset } = walk.end;
  const last = walk.links.at(-1)?.object.name ?? null;
  const find = (code: Finding['code'], message: string, object: string | null = last): void => {
    findings.push({ code, table: chain.table, partition: chain.partition, object, message });
  };
  if (bounds === undefined || input.description.id !== logId) {
    return { figures: { sameLog: false, lagMessages: 0, lagFlows: null, raw: null, comparedFrom: null }, findings };
  }
  if (input.committed !== null && input.committed > nextOffset) {
    find(
      'tail_missing',
      `the sink had stored up to offset ${input.committed}, the chain ends at ${nextOffset}: this object is gone, and what came after it`,
      nameAfter(chain, walk),
    );
  }
  if (nextOffset > bounds.end) find('beyond_log', `the chain ends at offset ${nextOffset}, the log at ${bounds.end}`);
  if (bounds.start > nextOffset)
    find(
      'log_cut',
      `the log begins at offset ${bounds.start}, the chain ends at ${nextOffset}: what lay between was never stored`,
    );
  const lagMessages = Math.max(0, bounds.end - Math.max(nextOffset, bounds.start));
  const from = Math.max(nextOffset, bounds.start) as Offset;
  const raw = input.raw === null || from > bounds.end ? null : await againstRaw(input, chain, walk, from);
  if (raw !== null) findings.push(...raw.findings);
  const figures = { sameLog: true, lagMessages, lagFlows: raw?.lagFlows ?? null, raw: raw?.figures ?? null };
  if (walk.at === null || nextOffset > bounds.end) return { figures: { ...figures, comparedFrom: null }, findings };
  const start = walk.at.firstOffset as Offset;
  const expected = new Map([...walk.at.state.streams].map(([name, { next }]) => [name, next]));
  const foldedTo = await foldLog(input, chain, start, nextOffset as Offset, expected);
  for (const [name, next] of expected) {
    const held = walk.end.streams.get(name)?.next;
    if (held === undefined || held === next) continue;
    if (held < next)
      find('stream_short', `the log tells of ${name} up to ${next} before offset ${foldedTo}, the chain up to ${held}`);
    else
      find(
        'stream_ahead',
        `the chain tells of ${name} up to ${held}, the log before offset ${foldedTo} only up to ${next}`,
      );
  }
  return { figures: { ...figures, comparedFrom: start }, findings };
}

/**
 * The raw log against the lake and what the enriched log holds beyond it. The enricher's position is read before the
 * enriched log's end: what it had passed by then is there.
 */
async function againstRaw(input: LogInput, chain: ChainListing, walk: Walk, from: Offset): Promise<AgainstRaw | null> {
  const { log, topic } = input;
  const bounds = await rawBounds(log, input.raw!, chain.partition);
  if (bounds === null) return null;
  const waiting = new Map<string, number>();
  const fold = foldOf(chain.table);
  for await (const message of messagesOf(log, topic, chain.partition, from)) fold(message, waiting);
  return checkAgainstRaw(log, bounds, { partition: chain.partition, end: walk.end, waiting });
}

/** What the object after the chain's end is called: a name follows from the predecessor alone. */
function nameAfter({ table, partition, genesis }: ChainListing, { end }: Walk): string | null {
  if (genesis === null) return null;
  const { logId, hour, nextOffset: firstOffset } = end;
  return formatObjectName({ table, hour, logId, partition, firstOffset, format: genesis.format });
}

/** Fold the sources of [from, to) into `expected`: name -> next number, as the sink's fold leaves them. */
async function foldLog(
  input: LogInput,
  chain: ChainListing,
  from: Offset,
  to: Offset,
  expected: Map<string, number>,
): Promise<Offset> {
  const fold = foldOf(chain.table);
  for await (const message of messagesOf(input.log, input.topic, chain.partition, from)) {
    if (message.offset >= to) break;
    fold(message, expected);
  }
  return to;
}

const advance = (expected: Map<string, number>, name: string, next: number): void => {
  expected.set(name, Math.max(expected.get(name) ?? 0, next));
};

/** Adds one message to what is expected of the streams. What cannot be decoded went to the dead letters, not into rows. */
function foldOf(table: ChainTable): (message: Message, expected: Map<string, number>) => void {
  const flows = new EnrichedFlowColumns(1024);
  const claims = new ClaimColumns(1024);
  return (message, expected) => {
    try {
      if (table === 'flows') {
        let row = 0;
        for (const source of decodeEnrichedBatch(message.value, flows).sources) {
          let rowFlows = 0;
          for (const end = row + source.rows; row < end; row++) rowFlows += flows.numbers[row]!;
          if (isPlausible(source, rowFlows)) advance(expected, source.ring, source.next);
        }
      } else {
        const { cluster, reporter, epoch, seq } = decodeOwnershipMessage(message.value, claims);
        advance(expected, `${cluster}/${reporter}/${epoch}`, seq + 1);
      }
    } catch (error) {
      if (!(error instanceof WeirError) || error.disposition !== 'drop') throw error;
    }
  };
}

/** The sink refuses a source whose range contradicts its rows and losses (and tells that as a loss). */
function isPlausible(source: Source, rowFlows: number): boolean {
  if (source.flows !== rowFlows || source.flows < source.rows) return false;
  let told = source.flows;
  for (const loss of source.losses) {
    if (loss.flows < 0) return false;
    told += loss.flows;
  }
  return source.ring !== '' && source.first >= 0 && told === source.next - source.first;
}
