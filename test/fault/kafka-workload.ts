/** A producer and a member of a group that go on through faults, and what they may and must have seen. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { WeirError } from '../../contract/errors.ts';
import type { Assignment, Log, Membership, Offset } from '../../transport/log.ts';
import { message, offset, text } from '../integration/transport-contract.ts';

/** Ten seconds. */
const EMPTY_READS_MAX = 40;

const assertRetriable = (error: unknown): void =>
  assert.ok(error instanceof WeirError && error.disposition === 'retry', String(error));

/** Sends numbered messages one after the other; each until it is acknowledged. */
export class Sending {
  readonly acknowledged: string[] = [];
  failures = 0;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(log: Log, topic: string, partition: number, everyMs: number) {
    this.#ended = this.#run(log, topic, partition, everyMs);
    this.#ended.catch(() => undefined);
  }

  async #run(log: Log, topic: string, partition: number, everyMs: number): Promise<void> {
    for (let index = 0; !this.#stop.signal.aborted; index++) {
      const value = `${partition}:${index}`;
      while (!(await this.#once(log, topic, partition, value))) if (this.#stop.signal.aborted) return;
      this.acknowledged.push(value);
      await pause(everyMs);
    }
  }

  async #once(log: Log, topic: string, partition: number, value: string): Promise<boolean> {
    try {
      await log.produce(topic, partition, [message(value)]);
      return true;
    } catch (error) {
      assertRetriable(error);
      this.failures++;
      return false;
    }
  }

  /** Resolves when it has acknowledged so many more. */
  async more(count: number, withinMs: number): Promise<void> {
    await grows('acknowledged', () => this.acknowledged.length, count, withinMs);
  }

  async stop(): Promise<readonly string[]> {
    this.#stop.abort();
    await this.#ended;
    return this.acknowledged;
  }
}

/** Reads on from the committed position, commits after each read, and notes every message and every commit. */
export class Working {
  readonly seen: { readonly partition: number; readonly offset: number; readonly value: string }[] = [];
  /** Errors of commits, all of disposition retry. */
  readonly refused: string[] = [];
  commits = 0;
  /** Offsets that were skipped or out of order within an assignment. */
  readonly faults: string[] = [];
  readonly #log: Log;
  readonly #group: string;
  readonly #topic: string;
  #membership: Membership | null = null;

  constructor(log: Log, group: string, topic: string) {
    this.#log = log;
    this.#group = group;
    this.#topic = topic;
  }

  async join(): Promise<void> {
    this.#membership = await this.#log.join(this.#group, this.#topic, (assignment) => this.#work(assignment));
  }

  async more(count: number, withinMs: number): Promise<void> {
    await grows('commits', () => this.commits, count, withinMs);
  }

  async leave(): Promise<void> {
    await this.#membership?.leave();
    await this.#membership?.done;
  }

  async #work({ partition, signal }: Assignment): Promise<void> {
    let next: Offset | null = null;
    while (!signal.aborted) {
      try {
        next ??= (await this.#log.position(this.#group, this.#topic, partition)) ?? offset(0);
        const options = { messagesMax: 100, bytesMax: 1 << 20, waitMs: 500, signal };
        const { messages } = await this.#log.read(this.#topic, partition, next, options);
        for (const each of messages) {
          // No transactions and no compaction: every offset is a message.
          if (each.offset !== next) this.faults.push(`${partition}: ${each.offset} came in place of ${next}`);
          this.seen.push({ partition, offset: each.offset, value: text(each) });
          next = offset(each.offset + 1);
        }
        if (messages.length === 0) continue;
        await this.#log.commit(this.#group, this.#topic, partition, next);
        this.commits++;
      } catch (error) {
        assertRetriable(error);
        this.refused.push((error as WeirError).code);
        await pause(50);
      }
    }
  }
}

async function grows(what: string, count: () => number, by: number, withinMs: number): Promise<void> {
  const target = count() + by;
  const endMs = performance.now() + withinMs;
  while (count() < target) {
    assert.ok(performance.now() < endMs, `${what}: ${count()} of ${target} after ${withinMs} ms`);
    await pause(20);
  }
}

/** Every acknowledged value stands in the log once or more, the first appearances in the order in which they were sent. */
export async function checkLog(log: Log, topic: string, partition: number, sent: readonly string[]): Promise<string[]> {
  const { start, end } = (await log.describe(topic)).partitions[partition] ?? { start: 0, end: 0 };
  const found: string[] = [];
  let empty = 0;
  for (let next: number = start; next < end; ) {
    const options = { messagesMax: 10_000, bytesMax: 1 << 22, waitMs: 5_000 };
    const { messages } = await log.read(topic, partition, offset(next), options);
    // A member of this process that is between two sessions on the partition makes a read empty.
    if (messages.length === 0) {
      assert.ok(empty++ < EMPTY_READS_MAX, `messages from ${next} on`);
      await pause(250);
      continue;
    }
    found.push(...messages.map(text));
    next = (messages.at(-1)?.offset ?? next) + 1;
  }
  const firsts = [...new Set(found)];
  const isSent = new Set(sent);
  assert.deepEqual(
    firsts.filter((value) => isSent.has(value)),
    sent,
    'acknowledged and in the log',
  );
  return firsts;
}
