/**
 * Messages to one partition, in order, one produce request in flight. A request whose outcome is unknown is sent again
 * as the same bytes, with a growing pause, until the log says yes: whoever reads drops what it has seen.
 *
 * With a spool, what waits goes there while the log is away and the ring fills; it is then durable, and is sent from there,
 * in order, before what came later. That a request under way may still land is one more repeat.
 */
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, type WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Log, OutgoingMessage } from '../transport/log.ts';
import type { Spool } from './spool.ts';

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
  readonly spool?: Spool | null;
  /** Asked while the log does not answer: what waits shall go to the spool. */
  readonly isPressed?: () => boolean;
}

const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 10_000;
/** How often a sender that waits for the log looks whether it should spool. */
const SPOOL_LOOK_MS = 25;
const DRAINED_LOOK_MS = 10;

export class Sender {
  readonly #options: SenderOptions;
  readonly #queue: OutgoingMessage[] = [];
  readonly #abort = new AbortController();
  #partition: number;
  #running: Promise<void> | null = null;
  /** The spool's disk failed last: until it takes something again, memory holds what waits. */
  #spoolFailed = false;
  /** Counts the times that what waited went to the spool. */
  #moved = 0;
  #failure: WeirError | null = null;
  #failed: (error: WeirError) => void = () => undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#partition = options.partition;
  }

  /** The spool takes a message of any size. */
  get canSpool(): boolean {
    if (this.#spoolFailed) return false;
    return this.#options.spool?.hasRoom(this.#options.requestBytesMax) ?? false;
  }

  /** What is enqueued from now on goes there; what waits in the spool keeps its own. Only while nothing waits here. */
  moveTo(partition: number): void {
    if (this.#queue.length > 0) throw new RangeError(`${this.#queue.length} messages wait for the old partition`);
    this.#partition = partition;
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

  /** Send what an earlier process has left in the spool. */
  start(): void {
    if (this.#options.spool?.isEmpty === false) this.#running ??= this.#run();
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

  /** Resolves when nothing waits but in the spool, when the sender gave up, or after `timeoutMs`; true when nothing waits. */
  async drained(timeoutMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + timeoutMs;
    while (this.#queue.length > 0 && this.#failure === null && clock.nowMs() < untilMs) {
      if (this.#running === null) break;
      await Promise.race([this.#running, clock.sleep(DRAINED_LOOK_MS)]);
    }
    return this.#queue.length === 0;
  }

  /** Try no more. What waits is not sent. */
  stop(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { spool } = this.#options;
    while (this.#failure === null && !this.#abort.signal.aborted) {
      if (spool !== undefined && spool !== null && !spool.isEmpty) {
        await this.#sendSpooled(spool);
        continue;
      }
      if (this.#queue.length === 0) break;
      const count = this.#requestLength();
      const from = this.#moved;
      if (!(await this.#send(this.#partition, this.#queue.slice(0, count))) || this.#moved !== from) continue;
      this.#queue.splice(0, count);
      this.#options.acknowledged(count);
    }
    this.#running = null;
  }

  async #sendSpooled(spool: Spool): Promise<void> {
    const run = await this.#tryLocal(() => spool.oldest(this.#options.requestBytesMax));
    if (run === undefined || run === null || !(await this.#send(run.partition, run.messages))) return;
    await this.#tryLocal(() => spool.sent(run));
    if (spool.isEmpty) this.#options.logger.info({}, 'the spool is empty again');
  }

  /** The spool's disk: an error that cannot be waited out ends the sender, one that can is tried again with the next run. */
  async #tryLocal<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (cause) {
      const error = fromUnknown(cause, 'WEIR_TRANSPORT_UNAVAILABLE', 'the spool cannot be read or written');
      this.#options.logger.warn({ code: error.code, detail: error.message }, 'the spool failed');
      if (error.disposition !== 'retry') this.#fail(error);
      else await this.#options.clock.sleep(PAUSE_MS_MIN, this.#abort.signal);
      return undefined;
    }
  }

  /** What waits goes to the spool, as far as there is room. */
  async #spool(): Promise<void> {
    const { spool, logger } = this.#options;
    if (spool === undefined || spool === null || this.#queue.length === 0) return;
    const wasEmpty = spool.isEmpty;
    const count = (await this.#tryLocal(() => this.#append(spool))) ?? 0;
    if (count === 0) return;
    if (wasEmpty) logger.warn({ batches: count }, 'the log is away: batches wait in the spool');
    this.#moved++;
    this.#queue.splice(0, count);
    this.#options.acknowledged(count);
  }

  async #append(spool: Spool): Promise<number> {
    // Known before the pause that follows: the ring may not wait for a disk that takes nothing.
    const failed = (cause: unknown): never => {
      this.#spoolFailed = true;
      throw cause;
    };
    const count = await spool.append(this.#partition, [...this.#queue]).catch(failed);
    this.#spoolFailed = false;
    return count;
  }

  /** Wait for `work`; meanwhile, where the ring fills, spool. */
  async #while(work: Promise<unknown>): Promise<void> {
    const { spool, isPressed, clock } = this.#options;
    if (spool === undefined || spool === null) return void (await work);
    let settled = false;
    const end = work.then(
      () => (settled = true),
      () => (settled = true),
    );
    while (!settled) {
      await Promise.race([end, clock.sleep(SPOOL_LOOK_MS)]);
      if (!settled && isPressed?.() === true) await this.#spool();
    }
    await work;
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

  #fail(error: WeirError): void {
    this.#failure = error;
    this.#failed(error);
  }

  /** True once it is durable; false when it gave up, or what waited was spooled: the oldest is then found there. */
  async #send(partition: number, messages: readonly OutgoingMessage[]): Promise<boolean> {
    const { log, topic, clock, logger } = this.#options;
    const from = this.#moved;
    let pauseMs = PAUSE_MS_MIN;
    while (!this.#abort.signal.aborted) {
      try {
        await this.#while(log.produce(topic, partition, messages));
        return true;
      } catch (cause) {
        const error = fromUnknown(cause, 'WEIR_TRANSPORT_UNAVAILABLE', `cannot write to ${topic}`);
        if (error.disposition !== 'retry') {
          this.#fail(error);
          return false;
        }
        logger.warn(
          { topic, partition, code: error.code, detail: error.message, pauseMs },
          'produce failed, tried again',
        );
        await this.#while(clock.sleep(pauseMs, this.#abort.signal));
        if (this.#moved !== from) return false;
        pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
      }
    }
    return false;
  }
}
