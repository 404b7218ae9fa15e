/**
 * One partition on its way into the lake: read from where the chain stands, fold, gather, close between messages,
 * store.
 * Everything that decides is in tiling.ts, chain.ts and roll.ts; here is the order of the steps.
 */
import { WeirError } from '../contract/errors.ts';
import { compareHours, type Hour, hourOfMs } from '../schemas/objects.ts';
import type { Assignment, Message, Offset, ReadResult } from '../transport/log.ts';
import { ChainWriter, type Stored } from './chain-writer.ts';
import { type Break, findBreak, needsRoll, rollState, sealState } from './chain.ts';
import type { Content, Decoded } from './content.ts';
import type { SinkContext } from './context.ts';
import { sendDeadLetter } from './dead-letter.ts';
import { Accounts } from './accounts.ts';
import { GaveUp, Patience } from './patience.ts';
import { closeAtMs, closeReason, type Held, wouldOverflow } from './roll.ts';

const READ_MESSAGES = 64;
const READ_BYTES = 8 * 1024 * 1024;
const READ_WAIT_MS = 1000;
/** After a leader change a broker may for a while know less than it did; longer than this, the log was cut. */
const TRUNCATED_MS_MAX = 60_000;
/** Messages refused in a row: rather another schema than poison. */
const REFUSED_IN_A_ROW_MAX = 16;

/** Resolves when the partition was taken away and what was held is stored (or the time for it is over). */
export async function runPartition(context: SinkContext, assignment: Assignment, content: Content): Promise<void> {
  const patience = new Patience(context.clock, context.logger, assignment.signal, context.stopMs);
  const accounts = new Accounts(context, content.table, assignment.partition);
  try {
    await new PartitionRun(context, assignment, content, patience, accounts).run();
  } catch (error) {
    if (!(error instanceof GaveUp)) throw error;
    accounts.left();
    context.logger.warn(
      { partition: assignment.partition, rows: content.rows },
      'stopped with rows that are not stored; the log keeps them',
    );
  } finally {
    patience.end();
  }
}

class PartitionRun {
  readonly #context: SinkContext;
  readonly #assignment: Assignment;
  readonly #content: Content;
  readonly #patience: Patience;
  readonly #accounts: Accounts;
  #chain: ChainWriter | null = null;
  /** Of the held messages; the offset to read next is after the last of them. */
  #messages = 0;
  #sinceMs = 0;
  #oldestAppendMs = 0;
  #nextOffset = 0;
  #lastAppendMs = 0;
  #refusedInARow = 0;
  #truncatedSinceMs: number | null = null;

  constructor(context: SinkContext, assignment: Assignment, content: Content, patience: Patience, accounts: Accounts) {
    this.#context = context;
    this.#assignment = assignment;
    this.#content = content;
    this.#patience = patience;
    this.#accounts = accounts;
  }

  async run(): Promise<void> {
    await this.#locate();
    while (!this.#assignment.signal.aborted) await this.#step();
    // Trailing heartbeats too: after a clean stop the chain ends where the log does.
    if (this.#messages > 0) await this.#close(null);
  }

  async #locate(): Promise<void> {
    const { table } = this.#content;
    this.#chain = await ChainWriter.locate(this.#context, this.#patience, table, this.#assignment.partition);
    this.#begin();
  }

  /** Start an empty object from the chain's state. */
  #begin(): void {
    this.#messages = 0;
    if (this.#chain === null) return;
    this.#nextOffset = this.#chain.state.nextOffset;
    this.#content.begin(this.#chain.state);
  }

  async #step(): Promise<void> {
    const read = await this.#read(this.#nextOffset, this.#waitMs());
    if (read === null) return;
    if (this.#chain === null) {
      if (read.messages.length > 0) await this.#beginChain(read);
      return;
    }
    const broken = findBreak(this.#chain.state, this.#nextOffset, read.topicId, read.bounds);
    if (broken !== null) return await this.#mend(broken);
    this.#truncatedSinceMs = null;
    for (const message of read.messages) {
      if (this.#assignment.signal.aborted || !(await this.#take(message))) break;
    }
    this.#accounts.lag(read.bounds.end, this.#chain.state.nextOffset, this.#messages > 0 ? this.#oldestAppendMs : null);
    if (closeReason(this.#held(), this.#context.limits, this.#context.clock.nowMs()) !== null) await this.#close(null);
  }

  /** False: the rest of what was read must be read again, because another writer's object ends elsewhere. */
  async #take(message: Message): Promise<boolean> {
    const decoded = await this.#decode(message);
    const rows = decoded instanceof WeirError ? 0 : decoded.rows;
    for (;;) {
      const later = needsRoll(this.#chain!.state, message.appendMs);
      const full = wouldOverflow(this.#held(), this.#context.limits, rows);
      if (!later && !full) break;
      const stored =
        this.#messages > 0
          ? await this.#close(later ? hourOfMs(message.appendMs) : null)
          : await this.#roll(message.appendMs);
      if (stored === 'adopted') return false;
    }
    if (this.#messages === 0) {
      this.#sinceMs = this.#context.clock.nowMs();
      this.#oldestAppendMs = message.appendMs;
    }
    if (decoded instanceof WeirError) this.#content.refuse(message, decoded);
    else {
      const refused = this.#content.fold(decoded);
      if (refused !== null) await this.#bury(message, refused);
    }
    this.#accounts.folded(this.#content);
    this.#messages++;
    this.#nextOffset = message.offset + 1;
    this.#lastAppendMs = Math.max(this.#lastAppendMs, message.appendMs);
    if (closeReason(this.#held(), this.#context.limits, this.#context.clock.nowMs()) === null) return true;
    return (await this.#close(null)) === 'own';
  }

  /** The error: refused, a dead letter, and to be told as a loss. */
  async #decode(message: Message): Promise<Decoded | WeirError> {
    try {
      const decoded = this.#content.decode(message);
      this.#refusedInARow = 0;
      return decoded;
    } catch (error) {
      if (!(error instanceof WeirError) || error.disposition !== 'drop') throw error;
      const { topic, partition } = this.#assignment;
      const where = { topic, partition, offset: message.offset };
      if (++this.#refusedInARow >= REFUSED_IN_A_ROW_MAX) {
        const what =
          `${this.#refusedInARow} messages of ${topic}-${partition} in a row, ` +
          `the last at offset ${message.offset}: ${error.message}`;
        throw new WeirError('WEIR_SINK_POISON_RATE', what, where, error);
      }
      await this.#bury(message, error);
      return error;
    }
  }

  async #bury(message: Message, error: WeirError): Promise<void> {
    const { topic, partition } = this.#assignment;
    const why = { code: error.code, error: error.message };
    this.#context.logger.error({ topic, partition, offset: message.offset, ...why }, 'a message was refused');
    await this.#patience.until('writing a dead letter', () =>
      sendDeadLetter(this.#context, this.#assignment, message, error),
    );
  }

  /** Close the object that is held; the next one lies in `later`, or in the same hour. */
  async #close(later: Hour | null): Promise<Stored> {
    const chain = this.#chain!;
    const { state } = chain;
    const hour = later !== null && compareHours(later, state.hour) > 0 ? later : state.hour;
    const { streams, marks, table } = this.#content.finish(this.#lastAppendMs);
    const { rows, flows, losses } = this.#content;
    const next = { logId: state.logId, nextOffset: this.#nextOffset, hour, streams, marks };
    const stored = await chain.store({ state: next, rows, flows, losses }, table);
    this.#accounts.stored(this.#content, stored);
    const { partition } = this.#assignment;
    this.#context.logger.debug({ table: this.#content.table, partition, rows, stored }, 'an object was stored');
    this.#begin();
    await this.#commit();
    return stored;
  }

  /** A zero-row object that only changes the state. */
  async #storeEmpty(next: ChainWriter['state']): Promise<Stored> {
    const chain = this.#chain!;
    this.#content.begin(chain.state);
    const { table } = this.#content.finish(0);
    const stored = await chain.store({ state: next, rows: 0, flows: 0, losses: [] }, table);
    this.#begin();
    return stored;
  }

  #roll(appendMs: number): Promise<Stored> {
    return this.#storeEmpty(rollState(this.#chain!.state, appendMs));
  }

  /** The log does not go on where the chain stands: store what is held, then seal. */
  async #mend(broken: Exclude<Break, null>): Promise<void> {
    if (broken === 'truncated') return await this.#waitForLog();
    if (this.#messages > 0) {
      await this.#close(null);
      return;
    }
    const first = await this.#read(0, 0);
    if (first === null) return;
    const { state } = this.#chain!;
    if (findBreak(state, state.nextOffset, first.topicId, first.bounds) === null) return;
    const appendMs = first.messages[0]?.appendMs ?? 0;
    this.#context.logger.warn(
      { partition: this.#assignment.partition, broken, from: state.nextOffset, to: first.bounds.start },
      'the log does not go on where the lake ends; the chain is sealed',
    );
    await this.#storeEmpty(sealState(state, first.topicId, first.bounds.start, appendMs));
  }

  async #waitForLog(): Promise<void> {
    const now = this.#context.clock.nowMs();
    this.#truncatedSinceMs ??= now;
    const { topic, partition } = this.#assignment;
    if (now - this.#truncatedSinceMs > TRUNCATED_MS_MAX) {
      const what = `${topic}-${partition} ends before offset ${this.#nextOffset}, up to which the lake holds it`;
      throw new WeirError('WEIR_SINK_LOG_TRUNCATED', what, { topic, partition, next: this.#nextOffset });
    }
    await this.#context.clock.sleep(READ_WAIT_MS, this.#assignment.signal);
  }

  /** The chain begins at the first message that the log still has. */
  async #beginChain(read: ReadResult): Promise<void> {
    const { table } = this.#content;
    const genesis = {
      logId: read.topicId,
      firstOffset: read.bounds.start,
      hour: hourOfMs(read.messages[0]!.appendMs),
      format: this.#context.format,
    };
    await ChainWriter.begin(this.#context, this.#patience, table, this.#assignment.partition, genesis);
    await this.#locate();
  }

  /** Null: nothing could be read now. */
  async #read(from: number, waitMs: number): Promise<ReadResult | null> {
    const { topic, partition, signal } = this.#assignment;
    const { log, logger, clock } = this.#context;
    try {
      const options = { messagesMax: READ_MESSAGES, bytesMax: READ_BYTES, waitMs, signal };
      return await this.#patience.bounded(log.read(topic, partition, from as Offset, options));
    } catch (error) {
      if (signal.aborted && !(error instanceof GaveUp)) return null;
      if (!(error instanceof WeirError)) throw error;
      if (error.code === 'WEIR_TRANSPORT_OUT_OF_RANGE') return await this.#describe();
      if (error.disposition !== 'retry') throw error;
      logger.warn({ topic, partition, code: error.code, error: error.message }, 'reading failed, tried again');
      await clock.sleep(READ_WAIT_MS, signal);
      return null;
    }
  }

  /** What a read beyond the end would have said: the topic may have been made anew, or cut at its end. */
  #describe(): Promise<ReadResult> {
    const { topic, partition } = this.#assignment;
    return this.#patience.until('describing the topic', async () => {
      const { id, partitions } = await this.#context.log.describe(topic);
      const bounds = partitions[partition];
      if (bounds === undefined) {
        throw new WeirError('WEIR_TRANSPORT_UNKNOWN_TOPIC', `${topic} has no partition ${partition} any more`, {
          topic,
        });
      }
      return { topicId: id, bounds, messages: [] };
    });
  }

  /** A hint for people and lag tools only: the lake says where it ends. */
  async #commit(): Promise<void> {
    const { log, group, logger } = this.#context;
    const { topic, partition } = this.#assignment;
    const chain = this.#chain!;
    if (chain.state.logId !== this.#assignment.topicId) return;
    try {
      await this.#patience.bounded(log.commit(group, topic, partition, chain.state.nextOffset as Offset));
    } catch (error) {
      if (!(error instanceof WeirError) || error.disposition === 'fatal') throw error;
      logger.warn({ topic, partition, code: error.code, error: error.message }, 'the position was not committed');
    }
  }

  #held(): Held {
    const { rows, bytes, losses } = this.#content;
    return { messages: this.#messages, rows, bytes, lossEntries: losses.length, sinceMs: this.#sinceMs };
  }

  #waitMs(): number {
    if (this.#messages === 0) return READ_WAIT_MS;
    const left = closeAtMs(this.#held(), this.#context.limits) - this.#context.clock.nowMs();
    return Math.max(0, Math.min(READ_WAIT_MS, left));
  }
}
