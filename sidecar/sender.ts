/**
 * Messages to one partition, in order, one produce request in flight. A request whose outcome is unknown is sent again
 * as the same bytes, with a growing pause, until the log says yes: whoever reads drops what it has seen.
 */
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, type WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Log, OutgoingMessage } from '../transport/log.ts';

export interface SenderOptions {
  readonly log: Log;
  readonly topic: string;
  readonly partition: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Messages of one request together; a single larger one goes alone. */
  readonly requestBytesMax: number;
  /** Called once a message and everything before it is durable. */
  readonly acknowledged: (count: number) => void;
}

const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 10_000;

export class Sender {
  readonly #options: SenderOptions;
  readonly #queue: OutgoingMessage[] = [];
  readonly #abort = new AbortController();
  #running: Promise<void> | null = null;
  #failure: WeirError | null = null;
  #failed: (error: WeirError) => void = () => undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Messages not yet acknowledged. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Why it gave up for good, or null. */
  get failure(): WeirError | null {
    return this.#failure;
  }

  /** Called once, when an error is not one to try again. */
  onFailure(listener: (error: WeirError) => void): void {
    this.#failed = listener;
  }

  /** The caller bounds the queue by looking at `waiting`. */
  enqueue(messages: readonly OutgoingMessage[]): void {
    this.#queue.push(...messages);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits, or it gave up. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Resolves when nothing waits, when the sender gave up, or after `timeoutMs`; true when nothing waits. */
  async drained(timeoutMs: number): Promise<boolean> {
    const timer = new AbortController();
    const timeout = this.#options.clock.sleep(timeoutMs, timer.signal);
    await Promise.race([this.#running ?? Promise.resolve(), timeout]);
    timer.abort();
    return this.#queue.length === 0;
  }

  /** Try no more. What waits is not sent. */
  stop(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && this.#failure === null && !this.#abort.signal.aborted) {
      const count = this.#requestLength();
      if (!(await this.#send(this.#queue.slice(0, count)))) break;
      this.#queue.splice(0, count);
      this.#options.acknowledged(count);
    }
    this.#running = null;
  }

  #requestLength(): number {
    let bytes = 0;
    let count = 0;
    for (const { value } of this.#queue) {
      bytes += value.length;
      if (count > 0 && bytes > this.#options.requestBytesMax) break;
      count++;
    }
    return count;
  }

  /** True once it is durable. */
  async #send(messages: readonly OutgoingMessage[]): Promise<boolean> {
    const { log, topic, partition, clock, logger } = this.#options;
    let pauseMs = PAUSE_MS_MIN;
    while (!this.#abort.signal.aborted) {
      try {
        await log.produce(topic, partition, messages);
        return true;
      } catch (cause) {
        const error = fromUnknown(cause, 'WEIR_TRANSPORT_UNAVAILABLE', `cannot write to ${topic}`);
        if (error.disposition !== 'retry') {
          this.#failure = error;
          this.#failed(error);
          return false;
        }
        logger.warn(
          { topic, partition, code: error.code, detail: error.message, pauseMs },
          'produce failed, tried again',
        );
        await clock.sleep(pauseMs, this.#abort.signal);
        pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
      }
    }
    return false;
  }
}
