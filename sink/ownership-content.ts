/**
 * Ownership messages -> rows of `ownership`. A stream is one epoch of a reporter, numbered by its messages. Rows are the
 * claims that began or ended (deltas), and a full list only where it tells something new: at the begin of an epoch and
 * after a gap. Heartbeats bring no row. Where an epoch ends (another begins, goodbye, silence) one row tells until when.
 */
import type { WeirError } from '../contract/errors.ts';
import { OwnershipKind } from '../schemas/generated/common.ts';
import { ClaimColumns, decodeOwnershipMessage, type OwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import type { ChainState, LossEntry } from '../schemas/objects.ts';
import type { Message } from '../transport/log.ts';
import type { Content, Decoded } from './content.ts';
import { OwnershipTable } from './format/ownership-table.ts';
import { foldLife, type LifeMessage, type LifeEvent } from './reporter-lives.ts';
import { beginFold, type FoldState, retireStreams } from './tiling.ts';

interface DecodedClaims extends Decoded {
  readonly claims: OwnershipMessage;
}

type FoldedMessage = LifeMessage & Pick<OwnershipMessage, 'seq'>;

interface OwnershipFold {
  /** Its claims are rows. */
  readonly isTaken: boolean;
  readonly lives: readonly LifeEvent[];
}

export class OwnershipContent implements Content {
  readonly table = 'ownership';
  readonly flows = 0;
  readonly losses: readonly LossEntry[] = [];
  readonly repeated = 0;
  readonly #table = new OwnershipTable();
  readonly #columns = new ClaimColumns(256);
  #fold: FoldState = beginFold(new Map(), new Map());

  get rows(): number {
    return this.#table.rows;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  begin(state: ChainState): void {
    this.#table.clear();
    this.#fold = beginFold(state.streams, state.marks);
  }

  decode(message: Message): DecodedClaims {
    const claims = decodeOwnershipMessage(message.value, this.#columns);
    return { message, claims, rows: claims.claims.length + this.#fold.marks.size };
  }

  fold({ claims, message }: DecodedClaims): null {
    const { isTaken, lives } = foldOwnership(this.#fold, claims, message.appendMs);
    for (const life of lives) this.#table.appendEnd(life, life.atUs, life.untilUs);
    if (isTaken) this.#table.append(claims);
    return null;
  }

  refuse(_message: Message, _error: WeirError): void {
    // Nothing is counted in flows here; the reporter's next full list is taken, because its numbers have a gap.
  }

  finish(appendMs: number): ReturnType<Content['finish']> {
    retireStreams(this.#fold, appendMs);
    return { streams: this.#fold.streams, marks: this.#fold.marks, table: this.#table.finish() };
  }
}

/** Fold one message into the state. */
export function foldOwnership(state: FoldState, message: FoldedMessage, appendMs: number): OwnershipFold {
  const stream = `${message.cluster}/${message.reporter}/${message.epoch}`;
  const known = state.streams.get(stream);
  const next = known?.next ?? 0;
  if (message.seq < next) return { isTaken: false, lives: [] };
  state.streams.set(stream, { next: message.seq + 1, lastMs: Math.max(known?.lastMs ?? 0, appendMs) });
  const lives = foldLife(state.marks, message, known === undefined, appendMs);
  const gap = message.seq > next || state.marks.has(stream);
  if (message.kind !== OwnershipKind.full) {
    // A life that begins with something else has its first list still before it.
    if (gap || message.seq === 0) state.marks.set(stream, { next: message.seq + 1, lastMs: appendMs });
    return { isTaken: message.kind !== OwnershipKind.asOf, lives };
  }
  state.marks.delete(stream);
  return { isTaken: gap || message.seq === 0, lives };
}
