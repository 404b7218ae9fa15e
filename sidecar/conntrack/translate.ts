/**
 * The translation of each row, once, before its other end is looked for: what the socket at the other end sees. A row
 * that this end opened is found by the addresses before the translation, one that the other end opened by those after it.
 */
import type { Meter } from '../../contract/meter.ts';
import { Report, Role } from '../../schemas/generated/common.ts';
import { isLoopback } from '../address.ts';
import { wordsOf } from '../address-table.ts';
import type { CapturedColumns } from '../captured-columns.ts';
import type { LocalSockets } from '../local-sockets.ts';
import type { TranslationFeed } from './feed.ts';
import { NAT_CLIENT, NAT_LOCAL, NAT_LOOKED, NAT_REMOTE } from './nat-flags.ts';
import { TUPLE } from './record.ts';
import type { FlowQuestion } from './translation-store.ts';
import { KEEP_US, TranslationTable } from './translation-table.ts';

/** The question that is asked for every row. */
type Question = { -readonly [K in keyof FlowQuestion]: FlowQuestion[K] };

export class Translator {
  readonly #feed: TranslationFeed;
  readonly #meter: Meter;
  readonly #table = new TranslationTable();
  readonly #question: Question = {
    local: new Int32Array(0),
    remote: new Int32Array(0),
    at: 0,
    localPort: 0,
    remotePort: 0,
    asClient: true,
    openedUs: 0,
    sinceUs: 0,
    endUs: 0,
    failed: false,
  };
  #lookups = 0;
  #polledUs = 0;

  constructor(feed: TranslationFeed, meter: Meter) {
    this.#feed = feed;
    this.#meter = meter;
  }

  /** After the ring was read: what has happened to the flows that it told of is then in the table. */
  poll(nowMs: number): void {
    this.#feed.poll(this.#table);
    this.#polledUs = nowMs * 1000;
  }

  /** The wall clock was set: times of before mean nothing any more. */
  clockSet(): void {
    this.#table.forget();
    this.#feed.restart();
  }

  /** Fill `nat` and its columns of the rows that were not looked at. Allocates nothing per row. */
  translate(columns: CapturedColumns, sockets: LocalSockets | null): void {
    const { nat, report, length } = columns;
    const isKnown = sockets !== null && this.#table.size > 0;
    this.#begin(columns);
    let found = 0;
    for (let row = 0; row < length; row += 1) {
      if ((nat[row]! & NAT_LOOKED) !== 0) continue;
      nat[row] = NAT_LOOKED;
      if (!isKnown || report[row] === Report.merged || columns.endUs[row]! < this.#polledUs - KEEP_US) continue;
      if (!this.#isOurs(columns, row, sockets)) continue;
      if (this.#look(columns, row)) found += 1;
    }
    if (this.#lookups > 0) this.#meter.add('weir_sidecar_translation_lookups_total', this.#lookups);
    if (found > 0) this.#meter.add('weir_sidecar_flows_translated_total', found);
    this.#lookups = 0;
  }

  #begin(columns: CapturedColumns): void {
    this.#question.local = wordsOf(columns.localAddr);
    this.#question.remote = wordsOf(columns.remoteAddr);
  }

  /** The row's addresses mean the same here as in the namespace of its socket. */
  #isOurs(columns: CapturedColumns, row: number, sockets: LocalSockets): boolean {
    const isHere = columns.netns[row] === this.#feed.netns;
    if (isLoopback(columns.localAddr, 16 * row)) return isHere;
    return sockets.holders(this.#question.local, row) <= 1;
  }

  #look(columns: CapturedColumns, row: number): boolean {
    const question = this.#question;
    question.at = 4 * row;
    question.localPort = columns.localPort[row]!;
    question.remotePort = columns.remotePort[row]!;
    question.asClient = columns.role[row] !== Role.server;
    question.openedUs = columns.openedUs[row]!;
    question.sinceUs = columns.startUs[row]!;
    question.endUs = columns.endUs[row]!;
    question.failed = columns.report[row] === Report.failed;
    this.#lookups += 1;
    let entry = this.#table.find(question);
    if (entry < 0 && columns.role[row] === Role.unknown) {
      question.asClient = false;
      entry = this.#table.find(question);
    }
    if (entry < 0) return false;
    this.#fill(columns, row, entry);
    if (question.asClient && columns.report[row] !== Report.interim) this.#table.finish(entry, this.#polledUs);
    return true;
  }

  /** The other direction's addresses are what the other end sees: of a client the answer's, of a server the question's. */
  #fill(columns: CapturedColumns, row: number, entry: number): void {
    const { tuples } = this.#table;
    const { asClient, local, remote, at } = this.#question;
    const t = TUPLE.words * entry;
    const localAt = t + (asClient ? TUPLE.replyDst : TUPLE.origDst);
    const remoteAt = t + (asClient ? TUPLE.replySrc : TUPLE.origSrc);
    const ports = tuples[t + (asClient ? TUPLE.replyPorts : TUPLE.origPorts)]!;
    // Of that direction the source is the other end.
    const remotePort = ports & 0xffff;
    const localPort = ports >>> 16;
    let flags = NAT_LOOKED | (asClient ? NAT_CLIENT : 0);
    if (localPort !== this.#question.localPort || differs(tuples, localAt, local, at)) {
      flags |= NAT_LOCAL;
      copy(tuples, localAt, wordsOf(columns.natLocalAddr), at);
      columns.natLocalPort[row] = localPort;
    }
    if (remotePort !== this.#question.remotePort || differs(tuples, remoteAt, remote, at)) {
      flags |= NAT_REMOTE;
      copy(tuples, remoteAt, wordsOf(columns.natRemoteAddr), at);
      columns.natRemotePort[row] = remotePort;
    }
    columns.nat[row] = flags;
  }
}

function differs(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  return a[i + 3] !== b[j + 3] || a[i + 2] !== b[j + 2] || a[i + 1] !== b[j + 1] || a[i] !== b[j];
}

function copy(from: Int32Array, i: number, to: Int32Array, j: number): void {
  for (let k = 0; k < 4; k += 1) to[j + k] = from[i + k]!;
}
