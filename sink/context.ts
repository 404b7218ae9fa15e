/** What every partition of a running sink shares. */
import type { Clock } from '../contract/clock.ts';
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import type { Store } from '../contract/store.ts';
import type { ObjectFormat } from '../schemas/objects.ts';
import type { Log } from '../transport/log.ts';
import type { TableFormat } from './format/columns.ts';
import type { RollLimits } from './roll.ts';

export interface SinkContext {
  readonly log: Log;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly group: string;
  readonly limits: RollLimits;
  /** Formats that this sink can write; a chain's genesis object names the one it has. */
  readonly formats: ReadonlyMap<ObjectFormat, TableFormat>;
  /** The format of chains that this sink begins. */
  readonly format: ObjectFormat;
  /** Where messages that cannot be decoded go; null: they are told as losses only. */
  readonly deadLettersTopic: string | null;
  /** Whether they keep their bytes, of which nobody knows what addresses are in them. */
  readonly keepsRefused: boolean;
  /** How long a partition that is taken away may still work. */
  readonly stopMs: number;
  /** Names the attempts of this process in the objects it writes. */
  readonly writer: string;
  /** Flow numbers held by all partitions together: one gauge. */
  readonly held: { flows: number };
}
