/**
 * The topic of single flows (`transport.flowTopic`), written beside the lake from the enriched topic, by a consumer group of
 * its own. At least once: what was written and not committed when a sink ended is written again.
 */
import { WeirError } from '../contract/errors.ts';
import { partitionOf } from '../transport/key-partition.ts';
import type { Assignment, Membership, Message, Offset, OutgoingMessage } from '../transport/log.ts';
import type { SinkContext } from './context.ts';
import { FlowMessages } from './flow-messages.ts';
import type { TableData } from './format/columns.ts';

export interface FlowTopic {
  readonly topic: string;
  /** Takes out what privacy leaves out. */
  readonly hide: ((table: TableData) => TableData) | null;
}

type Context = Pick<SinkContext, 'log' | 'clock' | 'logger' | 'meter' | 'group'>;

const READ = { messagesMax: 16, bytesMax: 4 * 1024 * 1024, waitMs: 500 };
/**
 * Of all partitions together, so of one request at most: with its keys and headers far below what a topic that Weir
 * makes takes at once (RAW_MESSAGE_BYTES_MAX), however the keys fall.
 */
const PART_MESSAGES = 2000;
const PART_BYTES: number = 512 * 1024;
const PAUSE_MS = 500;

/** Fails: WEIR_TRANSPORT_UNKNOWN_TOPIC where the topic is not there. */
export async function joinFlowTopic(context: Context, enrichedTopic: string, flows: FlowTopic): Promise<Membership> {
  const partitions = (await context.log.describe(flows.topic)).partitions.length;
  return context.log.join(context.group, enrichedTopic, (assignment) =>
    new FlowTopicRun(context, assignment, flows, partitions).run(),
  );
}

class FlowTopicRun {
  readonly #context: Context;
  readonly #assignment: Assignment;
  readonly #topic: string;
  readonly #partitions: number;
  readonly #messages: FlowMessages;
  #parts = new Map<number, OutgoingMessage[]>();

  constructor(context: Context, assignment: Assignment, { topic, hide }: FlowTopic, partitions: number) {
    this.#context = context;
    this.#assignment = assignment;
    this.#topic = topic;
    this.#partitions = partitions;
    this.#messages = new FlowMessages(hide);
  }

  async run(): Promise<void> {
    const { log, group } = this.#context;
    const { topic, partition, signal } = this.#assignment;
    let next = ((await this.#retry(() => log.position(group, topic, partition))) ?? 0) as Offset;
    while (!signal.aborted) {
      for (const message of await this.#read(next)) {
        if (!(await this.#write(message))) return;
        next = (message.offset + 1) as Offset;
        await this.#retry(async () => [await log.commit(group, topic, partition, next)]);
      }
    }
  }

  /** Nothing, after a pause, while another topic is there under the name: offsets are of the one that was given. */
  async #read(from: Offset): Promise<readonly Message[]> {
    const { log, clock, logger } = this.#context;
    const { topic, topicId, partition, signal } = this.#assignment;
    const read = await this.#retry(() => log.read(topic, partition, from, { ...READ, signal }), isReadAgain);
    if (read === null || read.topicId === topicId) return read?.messages ?? [];
    logger.warn({ topic, partition, topicId: read.topicId }, 'topic_made_anew');
    await clock.sleep(PAUSE_MS, signal);
    return [];
  }

  /** False: the partition is taken away, and the message is not written whole. Produces outside of any `catch`. */
  async #write(message: Message): Promise<boolean> {
    let count = 0;
    let bytes = 0;
    for (const flow of this.#flowsOf(message)) {
      const key = flow.key ?? '';
      const flowBytes = flow.value.byteLength + key.length;
      if (count === PART_MESSAGES || bytes + flowBytes > PART_BYTES) {
        if (!(await this.#flush())) return false;
        [count, bytes] = [0, 0];
      }
      const to = partitionOf(key, this.#partitions);
      const part = this.#parts.get(to);
      if (part === undefined) this.#parts.set(to, [flow]);
      else part.push(flow);
      count += 1;
      bytes += flowBytes;
    }
    return this.#flush();
  }

  /** What cannot be read has no flows. */
  *#flowsOf({ value, offset }: Message): Generator<OutgoingMessage> {
    try {
      yield* this.#messages.of(value);
    } catch (error) {
      if (!(error instanceof WeirError) || error.disposition !== 'drop') throw error;
      // The lake's sink tells of it, and keeps it as a dead letter.
      const { partition } = this.#assignment;
      this.#context.logger.warn({ partition, offset, code: error.code }, 'no_single_flows');
    }
  }

  async #flush(): Promise<boolean> {
    const { log, meter } = this.#context;
    const parts = this.#parts;
    this.#parts = new Map();
    for (const [partition, flows] of parts) {
      if ((await this.#retry(() => log.produce(this.#topic, partition, flows))) === null) return false;
      meter.add('weir_sink_flow_messages_total', flows.length);
    }
    return true;
  }

  /** Null when the partition is taken away first. */
  async #retry<T>(call: () => Promise<T>, isAgain: (error: WeirError) => boolean = isRetry): Promise<T | null> {
    const { clock, logger } = this.#context;
    const { signal } = this.#assignment;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof WeirError) || !isAgain(error)) throw error;
        if (signal.aborted) return null;
        logger.warn({ topic: this.#topic, code: error.code, error: error.message }, 'tried again');
      }
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}

const isRetry = ({ disposition }: WeirError): boolean => disposition === 'retry';

/** Beyond the end is who reads a topic that was made anew: the partition is taken away soon, and given anew. */
const isReadAgain = (error: WeirError): boolean => isRetry(error) || error.code === 'WEIR_TRANSPORT_OUT_OF_RANGE';
