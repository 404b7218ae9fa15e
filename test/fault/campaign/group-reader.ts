/** A reader of the raw topic as a member of a group, met by the same faults as the stages: what it sees of each assignment. */
import { setTimeout as pause } from 'node:timers/promises';
import { WeirError } from '../../../contract/errors.ts';
import { type KafkaLog, openKafkaLog } from '../../../transport/kafka/kafka-log.ts';
import type { Assignment, Membership, Offset } from '../../../transport/log.ts';
import { ANSWER_MS, SESSION_MS } from './pace.ts';
import { RAW } from './topic-admin.ts';

const GROUP = 'campaign-readers';
const LIMITS = {
  ...{ connectMs: ANSWER_MS, answerMs: ANSWER_MS, patienceMs: 2 * ANSWER_MS, sessionMs: SESSION_MS },
  ...{ heartbeatMs: 700, drainMs: 2000, metadataMs: 2000 },
};
const AGAIN_MS = 500;

export class GroupReader {
  readonly findings: string[] = [];
  messages = 0;
  readonly #name: string;
  readonly #log: KafkaLog;
  readonly #stop = new AbortController();
  #membership: Membership | null = null;
  #joining: Promise<void> = Promise.resolve();

  private constructor(name: string, log: KafkaLog) {
    this.#name = name;
    this.#log = log;
  }

  static async start(brokers: readonly string[], name: string): Promise<GroupReader> {
    const reader = new GroupReader(name, await openKafkaLog({ brokers, clientId: name, limits: LIMITS }));
    reader.#joining = reader.#run();
    return reader;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#membership?.leave();
    await this.#joining;
    await this.#log.close();
  }

  /** A topic that is made anew ends the membership: then another one. */
  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        this.#membership = await this.#log.join(GROUP, RAW, (assignment) => this.#work(assignment));
        await this.#membership.done;
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        await this.#membership?.leave();
      }
      await pause(AGAIN_MS);
    }
  }

  async #work({ partition, signal, topicId }: Assignment): Promise<void> {
    let next: Offset | null = null;
    while (!signal.aborted) {
      try {
        next ??= (await this.#log.position(`${GROUP}`, RAW, partition)) ?? (0 as Offset);
        const options = { messagesMax: 50, bytesMax: 1 << 20, waitMs: 500, signal };
        const { messages, bounds, topicId: id } = await this.#log.read(RAW, partition, next, options);
        if (id !== topicId) return;
        for (const { offset } of messages) {
          if (offset !== next && offset !== bounds.start) {
            this.findings.push(`${this.#name}, raw/${partition}: ${offset} came where ${next} was due`);
          }
          next = (offset + 1) as Offset;
          this.messages++;
        }
        if (messages.length > 0) await this.#log.commit(GROUP, RAW, partition, next);
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        if (error.disposition !== 'retry') return;
        await pause(50);
      }
    }
  }
}
