/**
 * Translations of this process's network namespace, from the kernel. Nothing is listened to before something translates
 * here: a namespace without a chain of the type nat costs one look a second, and its connections cost the kernel nothing.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fromUnknown, WeirError } from '../../contract/errors.ts';
import type { Logger } from '../../contract/log.ts';
import type { Meter } from '../../contract/meter.ts';
import type { TranslationFeed } from './feed.ts';
import type { ConntrackAddon, ConntrackHandle } from './native-conntrack.ts';
import { CONNTRACK_RECORD } from './record.ts';
import type { TranslationTable } from './translation-table.ts';

/** How often a namespace without translation is looked at. */
const LOOK_US = 1_000_000;
/** What the kernel keeps for us between two reads: some 8,000 beginnings and ends. */
const BUFFER_BYTES: number = 8 * 1024 * 1024;
const RECORDS_AT_ONCE = 4096;
const ENOBUFS = 105;
/** Parts of a list: more than this is no list any more, but a kernel that adds faster than is read. */
const LIST_PARTS_MAX = 65_536;
/** Of a list, as many as the table holds. */
const LIST_RECORDS_MAX = 131_072;
/** Reads that clear the socket before a list; what comes faster than that is told by the next overrun. */
const DISCARD_READS_MAX = 64;
/** Until the next list, where events come faster than a list is read. It doubles. */
const LIST_PAUSE_US_MIN = 1_000_000;
const LIST_PAUSE_US_MAX = 60_000_000;

/** What this process's namespace says of itself. */
export interface NamespaceFiles {
  /** There once connection tracking is in the kernel. */
  readonly tracked: string;
  /** Tables of the older iptables, which nf_tables does not list. */
  readonly oldTables: readonly string[];
  /** 0: the kernel tells nobody of beginnings and ends. */
  readonly events: string;
}

const FILES: NamespaceFiles = {
  tracked: '/proc/sys/net/netfilter/nf_conntrack_count',
  oldTables: ['/proc/net/ip_tables_names', '/proc/net/ip6_tables_names'],
  events: '/proc/sys/net/netfilter/nf_conntrack_events',
};

export interface KernelFeedOptions {
  readonly addon: ConntrackAddon;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly nowMs: () => number;
  readonly files?: NamespaceFiles;
}

export class KernelFeed implements TranslationFeed {
  readonly netns: number;
  readonly #options: KernelFeedOptions;
  readonly #records = new Uint8Array(CONNTRACK_RECORD.bytes * RECORDS_AT_ONCE);
  readonly #words: Int32Array = new Int32Array(this.#records.buffer);
  #handle: ConntrackHandle | null = null;
  #isOff = false;
  #isStale = false;
  #nextListUs = 0;
  #listPauseUs = LIST_PAUSE_US_MIN;
  #nextLookUs = 0;
  /** When the last read began: what it did not bring happened later. */
  #sinceUs = 0;

  constructor(options: KernelFeedOptions) {
    this.#options = options;
    this.netns = statSync('/proc/self/ns/net').ino;
  }

  poll(table: TranslationTable): void {
    if (this.#isOff) return;
    try {
      if (this.#handle === null && !this.#open()) return;
      const isListed = this.#isStale;
      if (isListed && !this.#mayList()) return;
      if (isListed) this.#list(table);
      this.#read(table, isListed);
      table.sweep(this.#sinceUs);
      this.#options.meter.set('weir_sidecar_translations_held', table.size);
    } catch (cause) {
      table.forget();
      this.close();
      this.#isOff = true;
      const error = fromUnknown(cause, 'WEIR_SIDECAR_NO_CONNTRACK', 'translations are not followed from here on');
      this.#options.logger.warn({ code: error.code, why: error.message }, 'connection tracking cannot be read');
    }
  }

  restart(): void {
    this.#isStale = true;
  }

  close(): void {
    if (this.#handle !== null) this.#options.addon.conntrackClose(this.#handle);
    this.#handle = null;
  }

  #nowUs(): number {
    return this.#options.nowMs() * 1000;
  }

  /** False as long as nothing translates here. */
  #open(): boolean {
    const nowUs = this.#nowUs();
    if (nowUs < this.#nextLookUs && nowUs > this.#nextLookUs - 2 * LOOK_US) return false;
    this.#nextLookUs = nowUs + LOOK_US;
    if (!this.#translates()) return false;
    this.#assertEvents();
    this.#handle = this.#options.addon.conntrackOpen({ bufferBytes: BUFFER_BYTES });
    this.#isStale = true;
    this.#options.logger.info({ netns: this.netns }, 'translated connections are followed');
    return true;
  }

  #translates(): boolean {
    const { addon, files = FILES } = this.#options;
    if (!existsSync(files.tracked)) return false;
    return addon.conntrackNatChains() || files.oldTables.some((file) => namesNat(file));
  }

  /** Without events a list would be believed for ever. */
  #assertEvents(): void {
    const { events } = this.#options.files ?? FILES;
    if (!existsSync(events) || readFileSync(events, 'utf8').trim() !== '0') return;
    const remedy = 'sysctl net.netfilter.nf_conntrack_events=1 and start the sidecar again';
    throw new WeirError('WEIR_SIDECAR_NO_CONNTRACK', `the kernel tells of no connections (${events} is 0); ${remedy}`);
  }

  /** The clock may have been set meanwhile: no pause is longer than the longest. */
  #mayList(): boolean {
    const waitUs = this.#nextListUs - this.#nowUs();
    return waitUs <= 0 || waitUs > LIST_PAUSE_US_MAX;
  }

  /** All that is there, before any event is applied: one that ends during the list ends after it here, too. */
  #list(table: TranslationTable): void {
    const { addon } = this.#options;
    this.#discard();
    table.forget();
    this.#sinceUs = this.#nowUs();
    const loUs = this.#sinceUs;
    const parts: { words: Int32Array; records: number }[] = [];
    for (let part = 0; ; part += 1) {
      const { records, done } = addon.conntrackDump(this.#handle!, this.#records);
      const isKept = records > 0 && parts.length * RECORDS_AT_ONCE < LIST_RECORDS_MAX;
      if (isKept) parts.push({ words: this.#words.slice(0, CONNTRACK_RECORD.words * records), records });
      if (done || part === LIST_PARTS_MAX) break;
    }
    const hiUs = this.#nowUs() + 1000;
    for (const { words, records } of parts) table.apply(words, records, loUs, hiUs);
    this.#isStale = false;
  }

  /** Events from before a list say nothing that it does not. */
  #discard(): void {
    for (let reads = 0; reads < DISCARD_READS_MAX; reads += 1) {
      try {
        if (!this.#options.addon.conntrackRead(this.#handle!, this.#records).more) return;
      } catch (cause) {
        if (errnoOf(cause) !== ENOBUFS) throw cause;
      }
    }
  }

  /** `isListed`: in this poll already. What overruns the buffer again within one waits for its next list. */
  #read(table: TranslationTable, isListed: boolean): void {
    const { addon, meter } = this.#options;
    const beginUs = this.#nowUs();
    let lists = isListed ? 1 : 0;
    for (let more = true; more; ) {
      let read: { readonly records: number; readonly more: boolean };
      try {
        read = addon.conntrackRead(this.#handle!, this.#records);
      } catch (cause) {
        if (errnoOf(cause) !== ENOBUFS) throw cause;
        meter.add('weir_sidecar_translation_overruns_total', 1);
        if (lists > 0) return this.#listLater(table);
        this.#list(table);
        lists += 1;
        continue;
      }
      table.apply(this.#words, read.records, this.#sinceUs, this.#nowUs() + 1000);
      if (read.records > 0) meter.add('weir_sidecar_translation_events_total', read.records);
      ({ more } = read);
    }
    this.#sinceUs = Math.max(this.#sinceUs, beginUs);
    if (lists === 0) this.#listPauseUs = LIST_PAUSE_US_MIN;
  }

  /** Nothing is known meanwhile: rather no translation than no capture. */
  #listLater(table: TranslationTable): void {
    table.forget();
    this.#isStale = true;
    this.#nextListUs = this.#nowUs() + this.#listPauseUs;
    this.#listPauseUs = Math.min(2 * this.#listPauseUs, LIST_PAUSE_US_MAX);
  }
}

const errnoOf = (cause: unknown): number =>
  cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number' ? cause.errno : 0;

/** A table file that this process may not read could name it. */
function namesNat(file: string): boolean {
  if (!existsSync(file)) return false;
  try {
    return readFileSync(file, 'utf8').split('\n').includes('nat');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EACCES') return true;
    throw cause;
  }
}
