import type { TableName } from '../../schemas/objects.ts';

/** What can be wrong with a lake; the message says what of it, and where. */
export type FindingCode =
  | 'genesis_missing'
  | 'genesis_invalid'
  | 'object_missing'
  | 'object_cut'
  | 'object_invalid'
  | 'rows_differ'
  | 'offsets_back'
  | 'hours_back'
  | 'stream_back'
  | 'stream_forgotten'
  | 'flows_untold'
  | 'losses_missing'
  | 'losses_differ'
  | 'outside_chain'
  | 'beyond_log'
  | 'log_cut'
  | 'tail_missing'
  | 'stream_short'
  | 'stream_ahead'
  | 'raw_missing';

export interface Finding {
  readonly code: FindingCode;
  readonly table: TableName | null;
  readonly partition: number | null;
  /** The object's name, where one can be named. */
  readonly object: string | null;
  /** One sentence: what is missing or wrong. */
  readonly message: string;
}
