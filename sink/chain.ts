/**
 * The object chain of DESIGN section 4.4, as pure functions: names from the predecessor alone, hours that never go
 * back, and what a writer knows after a PUT.
 */
import type { WeirError } from '../contract/errors.ts';
import {
  type ChainState,
  type ChainTable,
  compareHours,
  formatObjectName,
  type Genesis,
  type Hour,
  hourOfMs,
  laterHour,
  type ObjectFormat,
} from '../schemas/objects.ts';

/** What one chain is: fixed by its genesis object. */
export interface ChainIdentity {
  readonly table: ChainTable;
  readonly partition: number;
  readonly format: ObjectFormat;
}

/** The state before the first object. */
export function stateOfGenesis(genesis: Genesis): ChainState {
  const { logId, firstOffset, hour } = genesis;
  return { logId, nextOffset: firstOffset, hour, streams: new Map(), marks: new Map() };
}

/** The one name that the object after `state` can have, whoever writes it and whatever it holds. */
export function nextObjectName(chain: ChainIdentity, state: ChainState): string {
  return formatObjectName({
    table: chain.table,
    hour: state.hour,
    logId: state.logId,
    partition: chain.partition,
    firstOffset: state.nextOffset,
    format: chain.format,
  });
}

/** Where a message belongs: its append time's hour, but never before the chain's (append times may step back). */
export function hourOfMessage(state: ChainState, appendMs: number): Hour {
  return laterHour(state.hour, hourOfMs(appendMs));
}

/** The first message of an object lies in a later hour than the chain's: a zero-row roll object must come first. */
export function needsRoll(state: ChainState, appendMs: number): boolean {
  return compareHours(hourOfMs(appendMs), state.hour) > 0;
}

/** A roll: the same offset and streams, a later directory. */
export function rollState(state: ChainState, appendMs: number): ChainState {
  return { ...state, hour: hourOfMessage(state, appendMs) };
}

/** Why the chain cannot go on at its offset. */
export type Break = 'recreated' | 'cut' | 'truncated' | null;

/** Hold what the log says of itself against the offset that the chain (or the buffer after it) stands at. */
export function findBreak(
  state: ChainState,
  position: number,
  topicId: string,
  bounds: { readonly start: number; readonly end: number },
): Break {
  if (topicId !== state.logId) return 'recreated';
  if (bounds.start > position) return 'cut';
  if (bounds.end < position) return 'truncated';
  return null;
}

/**
 * A seal: the old chain's next name holds where the log really goes on. The streams stay, so what was cut out is told
 * by the next batch of each.
 */
export function sealState(state: ChainState, topicId: string, start: number, appendMs: number): ChainState {
  return { ...state, logId: topicId, nextOffset: start, hour: hourOfMessage(state, appendMs) };
}

/**
 * What a PUT's answer means. won: go on from the own state. taken: somebody's object stands there (perhaps the own, of
 * which the answer was lost): drop the buffer and the own state and take the object's. unknown: the same name again.
 * failed: the writer cannot go on.
 */
export type PutOutcome = 'won' | 'taken' | 'unknown' | 'failed';

export function judgePut(error: WeirError | null): PutOutcome {
  if (error === null) return 'won';
  if (error.code === 'WEIR_SINK_EXISTS') return 'taken';
  return error.disposition === 'retry' ? 'unknown' : 'failed';
}
