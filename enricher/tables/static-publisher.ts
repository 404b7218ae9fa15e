/**
 * Keeps the static tables alive in the ownership log. Any number of enrichers publish the same tables: each sees in the
 * log what was said last, and only says what is missing, so that the same content is one epoch whoever speaks.
 *
 * What a table says holds a while ahead (`AHEAD_MS`): flows do not wait for the next word. Of two enrichers with
 * different files the one that read its file last is believed; the other keeps silent.
 */
import { fromUnknown } from '../../contract/errors.ts';
import type { Clock } from '../../contract/clock.ts';
import type { Logger } from '../../contract/log.ts';
import { OwnershipKind, ReporterKind } from '../../schemas/generated/common.ts';
import { decodeOwnershipMessage, type OwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { CONTENT_TYPE_AVRO_SINGLE_OBJECT, HEADER, type Log, type Message } from '../../transport/log.ts';
import { untilDone } from '../retry.ts';
import { encodeStaticMessage, type StaticReporter } from './static-messages.ts';

/** Something is said at least so often. */
const INTERVAL_MS = 5000;
/** The whole list, so that it does not leave the log before it leaves a table. */
const FULL_MS: number = 15 * 60 * 1000;
const AHEAD_MS = 20_000;

/** What the log says of one reporter. */
interface Said {
  epoch: string;
  seq: number;
  kind: OwnershipKind;
  asOfUs: number;
  fullAppendMs: number;
}

export interface PublisherOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly topic: string;
  readonly cluster: string;
  readonly signal: AbortSignal;
}

export class StaticPublisher {
  readonly #options: PublisherOptions;
  readonly #said = new Map<string, Said>();
  #tables = new Map<string, readonly StaticReporter[]>();
  /** Reporters whose content was read since it was last said: they may begin an epoch. */
  readonly #fresh = new Set<string>();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Every message of the ownership topic, in log order: most are other reporters'. */
  observe(message: Message): void {
    if (message.key === null || !message.key.startsWith(this.#keyOf(''))) return;
    const said = decoded(message);
    if (said === null) return;
    const { epoch, seq, kind, asOfUs, network, reporter, reporterKind } = said;
    if (reporterKind !== ReporterKind.static) return;
    const key = `${network}\0${reporter}`;
    const known = this.#said.get(key);
    if (known !== undefined && known.epoch === epoch && seq <= known.seq) return;
    const fullAppendMs = kind === OwnershipKind.full ? message.appendMs : (known?.fullAppendMs ?? 0);
    this.#said.set(key, { epoch, seq, kind, asOfUs, fullAppendMs });
  }

  /** A table was read, for the first time or anew. */
  setTable(file: string, reporters: readonly StaticReporter[]): void {
    this.#tables = new Map(this.#tables).set(file, reporters);
    for (const reporter of reporters) this.#fresh.add(keyOfReporter(reporter));
  }

  /** Say what is due. */
  async publish(): Promise<void> {
    for (const [file, reporters] of this.#tables) {
      for (const reporter of reporters) await this.#publishOne(reporter);
      await this.#endOthers(file, reporters);
    }
  }

  async #publishOne(reporter: StaticReporter): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const key = keyOfReporter(reporter);
    const said = this.#said.get(key);
    const isMine =
      said !== undefined && digestIn(said.epoch) === reporter.digest && said.kind !== OwnershipKind.goodbye;
    if (!isMine) {
      if (!this.#fresh.has(key)) return;
      const number = said === undefined ? 0 : numberIn(said.epoch) + 1;
      await this.#say(reporter, `${reporter.digest}.${number}`, 0, OwnershipKind.full);
      this.#fresh.delete(key);
      return;
    }
    this.#fresh.delete(key);
    const isFullDue = nowMs - said.fullAppendMs >= FULL_MS;
    if (!isFullDue && said.asOfUs / 1000 - AHEAD_MS > nowMs - INTERVAL_MS) return;
    await this.#say(reporter, said.epoch, said.seq + 1, isFullDue ? OwnershipKind.full : OwnershipKind.asOf);
  }

  /** Parts that the table has no more say goodbye: what is left of it is said by the others. */
  async #endOthers(file: string, reporters: readonly StaticReporter[]): Promise<void> {
    const live = new Set(reporters.map(keyOfReporter));
    for (const [key, said] of this.#said) {
      const [network = '', name = ''] = key.split('\0');
      const isOfTable = name === file || /^#\d+$/.test(name.startsWith(file) ? name.slice(file.length) : '');
      if (!isOfTable || live.has(key) || said.kind === OwnershipKind.goodbye) continue;
      const gone: StaticReporter = { network, name, rows: [], digest: '' };
      await this.#say(gone, said.epoch, said.seq + 1, OwnershipKind.goodbye);
    }
  }

  async #say(reporter: StaticReporter, epoch: string, seq: number, kind: OwnershipKind): Promise<void> {
    const { log, clock, logger, topic, cluster, signal } = this.#options;
    const nowMs = clock.nowMs();
    const aheadMs = kind === OwnershipKind.goodbye ? 0 : AHEAD_MS;
    const asOfUs = 1000 * (nowMs + aheadMs);
    const value = encodeStaticMessage(reporter, { cluster, epoch, seq, kind, asOfUs, intervalMs: INTERVAL_MS });
    const headers = { [HEADER.contentType]: CONTENT_TYPE_AVRO_SINGLE_OBJECT };
    const message = { key: this.#keyOf(reporter.name), value, headers };
    const done = await untilDone(() => log.produce(topic, 0, [message]), {
      clock,
      signal,
      onRetry: (error, pauseMs) => logger.warn({ code: error.code, pauseMs, topic }, 'static_table_not_published'),
    });
    if (done === null) return;
    // As the log will say: another enricher's word before it makes this one a repeat.
    const known = this.#said.get(keyOfReporter(reporter));
    const fullAppendMs = kind === OwnershipKind.full ? nowMs : (known?.fullAppendMs ?? 0);
    this.#said.set(keyOfReporter(reporter), { epoch, seq, kind, asOfUs, fullAppendMs });
  }

  #keyOf(name: string): string {
    return `${this.#options.cluster}/table:${name}`;
  }
}

/** Null for what is no ownership message: the workers refuse it, and count it. */
function decoded(message: Message): OwnershipMessage | null {
  try {
    return decodeOwnershipMessage(message.value);
  } catch (cause) {
    const error = fromUnknown(cause, 'WEIR_INTERNAL', `ownership message ${message.offset}`);
    if (error.disposition !== 'drop') throw error;
    return null;
  }
}

const keyOfReporter = ({ network, name }: StaticReporter): string => `${network}\0${name}`;
/** An epoch is a digest and a number, so that a table may go back to what it was. */
const digestIn = (epoch: string): string => epoch.split('.')[0] ?? '';
const numberIn = (epoch: string): number => Number(epoch.split('.')[1] ?? 0) || 0;
