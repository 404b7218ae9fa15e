/** What one table makes of its topic's messages: the part of a chain that differs between `flows` and `ownership`. */
import type { WeirError } from '../contract/errors.ts';
import type { ChainState, ChainTable, LossEntry, StreamMap } from '../schemas/objects.ts';
import type { Message } from '../transport/log.ts';
import type { TableData } from './format/columns.ts';

/** A decoded message; valid until the next `decode`. */
export interface Decoded {
  readonly message: Message;
  /** Rows that it can bring at most. */
  readonly rows: number;
}

/** What is held for the next object. */
export interface Content {
  readonly table: ChainTable;
  readonly rows: number;
  /** Bytes that the rows hold. */
  readonly bytes: number;
  /** Flow numbers that the rows stand for (0 in `ownership`). */
  readonly flows: number;
  readonly losses: readonly LossEntry[];
  /** Flow numbers of repeats, since `begin`. */
  readonly repeated: number;
  /** Forget everything held and begin the next object from this state. */
  begin(state: ChainState): void;
  /** Fails: WEIR_SCHEMA_* (drop). */
  decode(message: Message): Decoded;
  /**
   * Fold the last decoded message. What of it contradicts itself is told as a loss of unknown size, and returned: the
   * message is to be kept as a dead letter. Fails: WEIR_SINK_STRADDLE.
   */
  fold(decoded: Decoded): WeirError | null;
  /** A message that cannot be decoded: told as a loss of unknown size; its flows are told by the gaps that follow. */
  refuse(message: Message, error: WeirError): void;
  /** The working state and the table as they stand; `appendMs` of the last message retires old streams. */
  finish(appendMs: number): { readonly streams: StreamMap; readonly marks: StreamMap; readonly table: TableData };
}
