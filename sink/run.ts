/**
 * The sink: enriched flows and ownership claims become objects of the lake, exactly once. Any number of sinks may run
 * at once, on the same partitions even: the objects decide, not who is elected.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../contract/clock.ts';
import { fromUnknown } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import type { Stage } from '../contract/stage.ts';
import type { Store } from '../contract/store.ts';
import type { ObjectFormat } from '../schemas/objects.ts';
import type { Assignment, Log, Membership } from '../transport/log.ts';
import type { Content } from './content.ts';
import type { SinkContext } from './context.ts';
import { type FlowTopic, joinFlowTopic } from './flow-topic.ts';
import { FlowsContent } from './flows-content.ts';
import type { TableFormat } from './format/columns.ts';
import { openParquetFormat } from './format/parquet.ts';
import { OwnershipContent } from './ownership-content.ts';
import { runPartition } from './partition.ts';
import { EMPTY_AGE_MS, LOSS_ENTRIES_MAX, MESSAGES_MAX } from './roll.ts';

export interface SinkOptions {
  readonly log: Log;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly enrichedTopic: string;
  readonly ownershipTopic: string;
  /** Null: messages that cannot be read are told as losses, and not kept. */
  readonly deadLettersTopic?: string | null;
  /** False: such messages are kept without their bytes (`privacy.externalAddresses`). Default: true. */
  readonly keepsRefused?: boolean;
  /** Consumer group: shares out the partitions; its positions are a hint. */
  readonly group: string;
  /** An object with rows is stored at the latest so long after its first message. */
  readonly flushAgeMs: number;
  /** Rows of an object, and the most that one partition holds in memory (about 300 bytes each). */
  readonly flushRowsMax: number;
  /** Memory of the rows of one partition; what comes first closes the object. */
  readonly flushBytesMax?: number;
  /** How long `stop` may take to store what is held. */
  readonly stopMs?: number;
  /** Null: flows are written to the lake only. `log`: read and written there instead, by who watches the lake's reads. */
  readonly flowTopic?: (FlowTopic & { readonly log?: Log }) | null;
  /** Files of chains that begin now, and of those that began in it. Closed by the stage. Default: Parquet. */
  readonly format?: TableFormat;
}

const STOP_MS = 10_000;
const FLUSH_BYTES_MAX = 512 * 1024 * 1024;

/**
 * Start the stage on an open store. `done` rejects with what is fatal: WEIR_SINK_STRADDLE, WEIR_SINK_OBJECT_INVALID,
 * WEIR_SINK_FORMAT, WEIR_SINK_STORE_RIGHTS, WEIR_SINK_LOG_TRUNCATED, WEIR_SINK_POISON_RATE, WEIR_TRANSPORT_*.
 */
export async function startSink(options: SinkOptions): Promise<Stage> {
  const format = options.format ?? openParquetFormat();
  const context = contextOf(options, format);
  const { log, group } = options;
  const join = (of: string, topic: string, content: () => Content) => {
    const run = (assignment: Assignment): Promise<void> =>
      runPartition({ ...context, group: of }, assignment, content());
    return log.join(of, topic, run);
  };
  const singles = await joinSingles(options, context);
  const flows = await join(group, options.enrichedTopic, () => new FlowsContent());
  // A group of its own: a membership is of one topic.
  const ownership = await join(`${group}.ownership`, options.ownershipTopic, () => new OwnershipContent());
  const leave = async (): Promise<void> => {
    try {
      await Promise.all([flows.leave(), ownership.leave(), singles?.leave()]);
    } finally {
      await format.close();
    }
  };
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= leave();
    return stopping;
  };
  const done = Promise.all([flows.done, ownership.done, singles?.done]).then(
    () => undefined,
    async (error: unknown) => {
      // One chain cannot go on: the other stores what it holds, then the stage ends.
      await stop().catch((cause: unknown) => options.logger.warn({ error: String(cause) }, 'the sink stopped badly'));
      throw fromUnknown(error, 'WEIR_INTERNAL', 'the sink failed');
    },
  );
  // Nobody may wait for it before it rejects.
  done.then(
    () => undefined,
    () => undefined,
  );
  return { name: 'sink', done, stop };
}

function joinSingles(options: SinkOptions, context: SinkContext): Promise<Membership> | null {
  const { flowTopic = null, enrichedTopic, group } = options;
  if (flowTopic === null) return null;
  const { log = context.log } = flowTopic;
  return joinFlowTopic({ ...context, log, group: `${group}.flows` }, enrichedTopic, flowTopic);
}

function contextOf(options: SinkOptions, format: TableFormat): SinkContext {
  const { log, store, clock, logger, meter, group } = options;
  return {
    log,
    store,
    clock,
    logger,
    meter,
    group,
    limits: {
      rowsMax: options.flushRowsMax,
      bytesMax: options.flushBytesMax ?? FLUSH_BYTES_MAX,
      lossEntriesMax: LOSS_ENTRIES_MAX,
      messagesMax: MESSAGES_MAX,
      ageMs: options.flushAgeMs,
      emptyAgeMs: EMPTY_AGE_MS,
    },
    formats: new Map<ObjectFormat, TableFormat>([[format.format, format]]),
    format: format.format,
    deadLettersTopic: options.deadLettersTopic ?? null,
    keepsRefused: options.keepsRefused ?? true,
    stopMs: options.stopMs ?? STOP_MS,
    writer: randomUUID(),
    held: { flows: 0 },
  };
}
