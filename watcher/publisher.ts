/**
 * Messages on their way to the ownership topic, in order, one produce request in flight. A request whose outcome is not
 * known is sent again as the same bytes: readers drop what they have seen by epoch and number.
 */
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, type WeirError } from '../contract/errors.ts';
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import { OWNERSHIP_KIND_SYMBOLS, OwnershipKind } from '../schemas/generated/common.ts';
import { CONTENT_TYPE_AVRO_SINGLE_OBJECT, HEADER, type Log, type OutgoingMessage } from '../transport/log.ts';
import type { Changes } from './cluster.ts';
import { bytesOf, type Part, ReporterMessages } from './messages.ts';
import { type Share, shares } from './shares.ts';

export interface PublisherOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly topic: string;
  readonly cluster: string;
  readonly network: string;
  /** Name of this watcher: no other that is alive may have it. */
  readonly name: string;
  readonly intervalMs: number;
  /** A new epoch each time that it is called. */
  readonly newEpoch: () => string;
}

const FULL_MS = 60_000;
/** With more waiting for the log nothing new is said: changes gather where they are found. */
const WAITING_MAX = 64;
const REQUEST_BYTES_MAX: number = OWNERSHIP_MESSAGE_BYTES_MAX;
/** A share begins at most this full, so that it may grow. */
const SHARE_BYTES: number = OWNERSHIP_MESSAGE_BYTES_MAX / 2;
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 10_000;

/** One reporter of this watcher. */
interface Voice {
  readonly key: string;
  readonly messages: ReporterMessages;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #queue: OutgoingMessage[] = [];
  readonly #abort = new AbortController();
  #running: Promise<void> | null = null;
  #failure: WeirError | null = null;
  #voices: Voice[] = [];
  #asOfUs = -1;
  #spokeMs = 0;
  #fullMs = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Whether the log takes what is said. */
  get maySpeak(): boolean {
    return this.#queue.length < WAITING_MAX;
  }

  /** Why it gave up for good, or null. */
  get failure(): WeirError | null {
    return this.#failure;
  }

  /** The last `as of` that was said, -1 before. */
  get asOfUs(): number {
    return this.#asOfUs;
  }

  get hasBegun(): boolean {
    return this.#voices.length > 0;
  }

  /** A new life: the whole list, with what ended before it was said. */
  begin(open: Changes, ended: Changes, asOfUs: number): void {
    const { cluster, network, name, intervalMs, newEpoch, logger } = this.#options;
    const count = Math.max(1, Math.ceil(bytesOf(open) / SHARE_BYTES));
    const epoch = newEpoch();
    this.#voices = Array.from({ length: count }, (_, i): Voice => {
      const reporter = count === 1 ? name : `${name}.${i}`;
      const messages = new ReporterMessages({ cluster, network, reporter, epoch, intervalMs });
      return { key: `${cluster}/${reporter}`, messages };
    });
    this.#advance(asOfUs);
    const whole = { claims: [...open.claims, ...ended.claims], pods: [...open.pods, ...ended.pods] };
    this.#each(whole, (voice, share) =>
      voice.messages.encodeAll(OwnershipKind.full, share, this.#asOfUs, this.#asOfUs),
    );
    this.#spokeMs = this.#options.clock.nowMs();
    this.#fullMs = this.#spokeMs;
    logger.info({ reporters: count, claims: open.claims.length, pods: open.pods.length, epoch }, 'lists_published');
  }

  /** What changed, at once. */
  tell(changes: Changes, asOfUs: number): void {
    const previousUs = this.#asOfUs;
    this.#advance(asOfUs);
    this.#each(changes, (voice, share) =>
      share.claims.length + share.pods.length === 0
        ? []
        : voice.messages.encodeAll(OwnershipKind.delta, share, this.#asOfUs, previousUs),
    );
  }

  /** The heartbeat, when it is due: all is said up to `asOfUs`. Now and then the whole list. */
  speak(asOfUs: number, open: () => Changes): void {
    const nowMs = this.#options.clock.nowMs();
    // Sooner than promised: a late one must not make readers wait for the next.
    if (nowMs - this.#spokeMs < this.#options.intervalMs / 2) return;
    this.#spokeMs = nowMs;
    this.#advance(asOfUs);
    if (nowMs - this.#fullMs < FULL_MS) {
      return this.#each(NOTHING, ({ messages }) => [messages.encode(OwnershipKind.asOf, NOTHING, this.#asOfUs)]);
    }
    this.#fullMs = nowMs;
    const whole = open();
    const fits = shares(whole, this.#voices.length).every((share) => bytesOf(share) <= OWNERSHIP_MESSAGE_BYTES_MAX);
    if (fits) {
      return this.#each(whole, ({ messages }, share) => [messages.encode(OwnershipKind.full, share, this.#asOfUs)]);
    }
    // Grown out of its shares: say goodbye as these reporters, and begin as more.
    this.goodbye();
    this.begin(whole, NOTHING, this.#asOfUs);
  }

  /** All open claims end at what was said last. */
  goodbye(): void {
    this.#each(NOTHING, ({ messages }) => [messages.encode(OwnershipKind.goodbye, NOTHING, this.#asOfUs)]);
    this.#voices = [];
  }

  /** Resolves when nothing waits, when it gave up, or after `timeoutMs`, when it gives up. */
  async close(timeoutMs: number): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.#running, this.#options.clock.sleep(timeoutMs, timer.signal)]);
    timer.abort();
    this.#abort.abort();
    await this.#running;
  }

  #advance(asOfUs: number): void {
    this.#asOfUs = Math.max(this.#asOfUs, asOfUs);
  }

  #each(changes: Changes, encode: (voice: Voice, share: Share) => readonly Part[]): void {
    const { meter, name } = this.#options;
    const split = shares(changes, this.#voices.length);
    this.#voices.forEach((voice, i) => {
      for (const { kind, bytes } of encode(voice, split[i]!)) {
        const headers = { [HEADER.contentType]: CONTENT_TYPE_AVRO_SINGLE_OBJECT, [HEADER.node]: name };
        this.#queue.push({ key: voice.key, value: bytes, headers });
        meter.add('weir_watcher_messages_total', 1, { kind: OWNERSHIP_KIND_SYMBOLS[kind] });
      }
    });
    if (this.#queue.length > 0) this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && this.#failure === null && !this.#abort.signal.aborted) {
      const count = this.#requestLength();
      if (!(await this.#send(this.#queue.slice(0, count)))) break;
      this.#queue.splice(0, count);
    }
    this.#running = null;
  }

  #requestLength(): number {
    let bytes = 0;
    const past = this.#queue.findIndex(({ value }) => (bytes += value.byteLength) > REQUEST_BYTES_MAX);
    return past < 0 ? this.#queue.length : Math.max(1, past);
  }

  /** True once it is durable. */
  async #send(messages: readonly OutgoingMessage[]): Promise<boolean> {
    const { log, topic, clock, logger } = this.#options;
    const { signal } = this.#abort;
    for (let pauseMs = PAUSE_MS_MIN; !signal.aborted; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      try {
        await log.produce(topic, 0, messages);
        return true;
      } catch (cause) {
        const error = fromUnknown(cause, 'WEIR_TRANSPORT_UNAVAILABLE', `cannot write to ${topic}`);
        if (error.disposition !== 'retry') {
          this.#failure = error;
          return false;
        }
        logger.warn({ topic, code: error.code, problem: error.message, pauseMs }, 'produce_failed');
        await clock.sleep(pauseMs, signal);
      }
    }
    return false;
  }
}

const NOTHING: Changes = { claims: [], pods: [] };
