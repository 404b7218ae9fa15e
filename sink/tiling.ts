/**
 * The fold of DESIGN section 4.3: what of a source is new, seen before, or missing. Pure.
 * State: stream -> next flow number. The tables come out right because every flow number is taken exactly once:
 * as a row, as a loss that a batch tells of, or as a loss that the gap before a batch tells of.
 */
import { WeirError } from '../contract/errors.ts';
import { STREAM_RETIRE_MS } from '../contract/limits.ts';
import {
  LETTER_MARK,
  letterMark,
  type LossEntry,
  RECOVERED,
  type StreamMap,
  type StreamState,
} from '../schemas/objects.ts';

/** What the fold needs of a source; the generated `Source` fits. */
export interface FoldSource {
  readonly offset: number;
  readonly appendUs: number;
  readonly node: string;
  /** Empty: the raw message's headers named no stream; it carries loss entries only. */
  readonly ring: string;
  readonly first: number;
  readonly next: number;
  readonly flows: number;
  readonly rows: number;
  readonly losses: readonly FoldLoss[];
}

export interface FoldLoss {
  readonly stage: string;
  readonly reason: string;
  /** -1: unknown how many. */
  readonly flows: number;
  readonly intervalStartUs: number;
  readonly intervalEndUs: number;
  readonly intentional: boolean;
}

/** The working state of one object: copied from the chain's, changed by the fold, dropped when another writer wins. */
export interface FoldState {
  readonly streams: Map<string, StreamState>;
  readonly marks: Map<string, StreamState>;
}

export interface FoldResult {
  /**
   * taken: its rows and losses are this object's. repeated: seen before. refused: impossible numbers, told as a loss.
   */
  readonly verdict: 'taken' | 'repeated' | 'refused';
  /** Flow numbers by which the stream went on (gap included). */
  readonly advance: number;
}

/** Dead letters whose losses a chain remembers; the oldest are forgotten first. Some 70 bytes each in every object. */
export const LETTERS_MAX = 4096;

/** A stream that jumps further than this in one step is forged or broken: 2^40 flows are 35 years at 1,000 a second. */
export const JUMP_FLOWS_MAX: number = 2 ** 40;

export function beginFold(streams: StreamMap, marks: StreamMap): FoldState {
  return { streams: new Map(streams), marks: new Map(marks) };
}

/**
 * Fold one source into the state; losses are appended to `losses`.
 * @param rowFlows flow numbers that the source's rows stand for, counted from the rows themselves.
 * @param rawPartition `<raw topic id>-<partition>`: what makes a source without a stream recognisable as a repeat.
 * Fails: WEIR_SINK_STRADDLE when the source's range lies on both sides of the state.
 */
export function foldSource(
  state: FoldState,
  source: FoldSource,
  rowFlows: number,
  rawPartition: string,
  appendMs: number,
  losses: LossEntry[],
): FoldResult {
  if (source.ring === '') return foldUnnamed(state, source, rawPartition, appendMs, losses);
  if (source.losses.some(({ reason }) => reason === RECOVERED)) {
    return foldRecovered(state, source, rowFlows, appendMs, losses);
  }
  const known = state.streams.get(source.ring);
  const at = known?.next ?? 0;
  if (source.next <= at && source.first <= source.next) {
    // An idle stream repeats its total: that it still lives must reach the state, or it would be retired.
    if (known !== undefined && appendMs > known.lastMs) state.streams.set(source.ring, { next: at, lastMs: appendMs });
    return { verdict: 'repeated', advance: 0 };
  }
  if (!isPlausible(source, rowFlows, at)) {
    losses.push(ownLoss(source, 'range_invalid', null));
    return { verdict: 'refused', advance: 0 };
  }
  if (source.first < at) {
    throw new WeirError(
      'WEIR_SINK_STRADDLE',
      `stream ${source.ring}: a batch holds flows ${source.first} to ${source.next}, but the lake ends at ${at}, inside it`,
      { ring: source.ring, first: source.first, next: source.next, state: at, rawOffset: source.offset },
    );
  }
  if (source.first > at) {
    const lost = ownLoss(source, 'batch_lost', source.first - at);
    const startUs = known === undefined ? lost.startUs : Math.min(known.lastMs * 1000, lost.endUs);
    losses.push({ ...lost, stage: 'transport', startUs });
  }
  for (const loss of source.losses) losses.push(carriedLoss(source, loss));
  state.streams.set(source.ring, { next: source.next, lastMs: Math.max(known?.lastMs ?? 0, appendMs) });
  if (isDeadLetter(source))
    state.marks.set(letterMark(source.ring, source.first), { next: source.next, lastMs: appendMs });
  return { verdict: 'taken', advance: source.next - at };
}

/** What the enricher says of a raw message that it refused: all of its range as one loss of its own. */
function isDeadLetter({ rows, losses, first, next }: FoldSource): boolean {
  const [loss, more] = losses;
  return rows === 0 && more === undefined && loss?.stage === 'enricher' && loss.flows === next - first && next > first;
}

/**
 * A dead letter that was re-driven: the same range of the same stream once more, with its rows, and a loss `recovered` of
 * the whole range, which stands in the ledger as less than nothing. Taken where that range was told as one dead letter and
 * did not come since, so that a second one is a repeat. The streams stand still: flows + losses is 0, as their advance is.
 */
function foldRecovered(
  state: FoldState,
  source: FoldSource,
  rowFlows: number,
  appendMs: number,
  losses: LossEntry[],
): FoldResult {
  const name = letterMark(source.ring, source.first);
  if (state.marks.get(name)?.next !== source.next || source.next <= source.first)
    return { verdict: 'repeated', advance: 0 };
  const taken = source.losses.filter(({ reason }) => reason === RECOVERED);
  const own = source.losses.filter(({ reason }) => reason !== RECOVERED);
  const width = source.next - source.first;
  if (
    taken.length !== 1 ||
    taken[0]!.flows !== width ||
    !isPlausible({ ...source, losses: own }, rowFlows, source.first)
  ) {
    losses.push(ownLoss(source, 'range_invalid', null));
    return { verdict: 'refused', advance: 0 };
  }
  for (const loss of own) losses.push(carriedLoss(source, loss));
  losses.push({ ...carriedLoss(source, taken[0]!), flows: -width });
  state.marks.set(name, { next: 0, lastMs: appendMs });
  return { verdict: 'taken', advance: 0 };
}

/** Streams are forgotten STREAM_RETIRE_MS after their last append time; called before an object is closed. */
export function retireStreams(state: FoldState, appendMs: number): number {
  let retired = 0;
  for (const map of [state.streams, state.marks]) {
    for (const [name, entry] of map) {
      if (entry.lastMs + STREAM_RETIRE_MS < appendMs) {
        map.delete(name);
        retired++;
      }
    }
  }
  forgetLetters(state.marks);
  return retired;
}

/** The oldest dead letters beyond the bound; equal states forget the same ones. */
function forgetLetters(marks: Map<string, StreamState>): void {
  const letters = [...marks].filter(([name]) => name.startsWith(LETTER_MARK));
  if (letters.length <= LETTERS_MAX) return;
  letters.sort(([a, { lastMs: x }], [b, { lastMs: y }]) => x - y || (a < b ? -1 : 1));
  for (const [name] of letters.slice(0, letters.length - LETTERS_MAX)) marks.delete(name);
}

/**
 * Flow numbers by which the streams went on from one state to the next; what rows and losses of the object between
 * must add up to. Retired streams went on by nothing.
 */
export function sumAdvance(before: StreamMap, after: StreamMap): number {
  let sum = 0;
  for (const [name, state] of after) sum += state.next - (before.get(name)?.next ?? 0);
  return sum;
}

/**
 * A dead letter whose headers named no stream: in raw order, so the raw offset tells a repeat. No arithmetic with it.
 */
function foldUnnamed(
  state: FoldState,
  source: FoldSource,
  rawPartition: string,
  appendMs: number,
  losses: LossEntry[],
): FoldResult {
  const key = `raw:${rawPartition}`;
  const known = state.marks.get(key);
  if (known !== undefined && source.offset < known.next) return { verdict: 'repeated', advance: 0 };
  state.marks.set(key, { next: source.offset + 1, lastMs: Math.max(known?.lastMs ?? 0, appendMs) });
  // Whatever numbers it names belong to no stream: if they are real, the stream's next batch tells them as a gap.
  for (const loss of source.losses) losses.push({ ...carriedLoss(source, loss), flows: null });
  if (source.rows > 0 || source.losses.length === 0) losses.push(ownLoss(source, 'undecodable', null));
  return { verdict: source.rows > 0 ? 'refused' : 'taken', advance: 0 };
}

/** next - first = flows + losses, all of them known; and no absurd jump. */
function isPlausible(source: FoldSource, rowFlows: number, at: number): boolean {
  const { first, next, flows, rows } = source;
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(next) || first < 0 || next < first) return false;
  if (next - at > JUMP_FLOWS_MAX || flows !== rowFlows || flows < rows) return false;
  let told = flows;
  for (const loss of source.losses) {
    if (loss.flows < 0) return false;
    told += loss.flows;
  }
  return told === next - first;
}

function ownLoss(source: FoldSource, reason: string, flows: number | null): LossEntry {
  return {
    stage: 'sink',
    reason,
    flows,
    startUs: time(source.appendUs),
    endUs: time(source.appendUs),
    node: source.node === '' ? null : source.node,
    ring: source.ring === '' ? null : source.ring,
    intentional: false,
    detectedBy: 'sink',
  };
}

function carriedLoss(source: FoldSource, loss: FoldLoss): LossEntry {
  return {
    stage: loss.stage,
    reason: loss.reason,
    flows: loss.flows < 0 ? null : loss.flows,
    startUs: time(loss.intervalStartUs),
    endUs: time(loss.intervalEndUs),
    node: source.node === '' ? null : source.node,
    ring: source.ring === '' ? null : source.ring,
    intentional: loss.intentional,
    // The kernel counts its own drops, and the sidecar is the one that reads the counters.
    detectedBy: loss.stage === 'kernel' ? 'sidecar' : loss.stage,
  };
}

const time = (us: number): number => (Number.isSafeInteger(us) && us >= 0 ? us : 0);
