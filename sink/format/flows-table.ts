/**
 * Rows of the table `flows`: enriched batches added up column by column, dictionaries interned once a file.
 * About 300 bytes a row. Column names and meanings: CONTRACT, Table flows.
 */
import { constants } from 'node:os';
import type { EnrichedBatch, EnrichedFlowColumns } from '../../schemas/generated/flows-enriched-v1.ts';
import {
  METHOD_SYMBOLS,
  NAT_SOURCE_SYMBOLS,
  OUTCOME_SYMBOLS,
  type Place,
  type Process,
  REASON_SYMBOLS,
  Report,
  REPORT_SYMBOLS,
  REPORTER_SYMBOLS,
  ROLE_METHOD_SYMBOLS,
  type Service,
  type Source,
  type Translation,
  type Workload,
} from '../../schemas/generated/common.ts';
import { Addresses, formatAddress, scopeOf } from './addresses.ts';
import type { ColumnData, TableData } from './columns.ts';
import { sortRows } from './order.ts';
import { Entities, markUsed, textColumn } from './texts.ts';
import { WORKLOAD_COLUMNS, workloadKey } from './workloads.ts';

/** SQL column -> field of the batch, copied as it is; true: negative is null. */
const DOUBLES = {
  start_time: ['startUs', false],
  end_time: ['endUs', false],
  connection_start_time: ['openedUs', true],
  connection_count: ['connectionCount', false],
  src_since: ['srcSinceUs', true],
  dst_since: ['dstSinceUs', true],
  bytes_to_dst: ['bytesToDst', false],
  bytes_to_src: ['bytesToSrc', false],
  segments_to_dst: ['segmentsToDst', false],
  segments_to_src: ['segmentsToSrc', false],
  retransmitted_segments: ['retransmittedSegments', false],
  retransmitted_bytes: ['retransmittedBytes', false],
  lost_segments: ['lostSegments', false],
  reordering_events: ['reorderingEvents', false],
  out_of_order_segments: ['outOfOrderSegments', false],
  rto_timeouts: ['rtoTimeouts', false],
  busy_us: ['busyUs', false],
  rwnd_limited_us: ['rwndLimitedUs', false],
  sndbuf_limited_us: ['sndbufLimitedUs', false],
  unsent_bytes: ['unsentBytes', true],
  flow_number: ['flowNumber', false],
  connection_id: ['connectionId', true],
} as const;
const INTS = {
  src_port: 'srcPort',
  dst_port: 'dstPort',
  rtt_us: 'rttUs',
  rtt_var_us: 'rttVarUs',
  rtt_min_us: 'rttMinUs',
  connect_us: 'connectUs',
} as const;
const FLAGS = { peer_reports: 'peerReports', seeded: 'seeded' } as const;
/** SQL column -> field and the texts of its values; an empty text is null. */
const SYMBOLS = {
  report: ['report', REPORT_SYMBOLS],
  reporter: ['reporter', REPORTER_SYMBOLS],
  role_method: ['roleMethod', ROLE_METHOD_SYMBOLS],
  outcome: ['outcome', OUTCOME_SYMBOLS],
  src_method: ['srcMethod', METHOD_SYMBOLS],
  dst_method: ['dstMethod', METHOD_SYMBOLS],
  src_reason: ['srcReason', REASON_SYMBOLS.map((symbol) => (symbol === 'none' ? '' : symbol))],
  dst_reason: ['dstReason', REASON_SYMBOLS.map((symbol) => (symbol === 'none' ? '' : symbol))],
} as const;
/** What few rows have, -1 in the others: numbers of addresses, ports, index of the source. */
const NAT_FIELDS = ['srcNatAddr', 'srcNatPort', 'dstNatAddr', 'dstNatPort', 'natSource'] as const;

type DoubleField = (typeof DOUBLES)[keyof typeof DOUBLES][0];
type IntField = (typeof INTS)[keyof typeof INTS] | (typeof SYMBOLS)[keyof typeof SYMBOLS][0] | 'error';
type NatField = (typeof NAT_FIELDS)[number];
type FlagField = (typeof FLAGS)[keyof typeof FLAGS];
type IndexField = 'srcWorkload' | 'dstWorkload' | 'srcPlace' | 'dstPlace' | 'dstService' | 'process';

const DOUBLE_FIELDS: readonly DoubleField[] = Object.values(DOUBLES).map(([field]) => field);
const INT_FIELDS: readonly IntField[] = [
  ...Object.values(INTS),
  ...Object.values(SYMBOLS).map(([field]) => field),
  'error',
];
const FLAG_FIELDS: readonly FlagField[] = Object.values(FLAGS);
const INDEX_FIELDS: readonly IndexField[] = [
  'srcWorkload',
  'dstWorkload',
  'srcPlace',
  'dstPlace',
  'dstService',
  'process',
];

/** Bytes that one row holds: the arrays below. */
export const FLOW_ROW_BYTES: number =
  8 * (DOUBLE_FIELDS.length + 1) +
  4 * (INT_FIELDS.length + INDEX_FIELDS.length + NAT_FIELDS.length + 3) +
  FLAG_FIELDS.length;

/** Linux errno is below 134; MAX_ERRNO is 4095 (include/linux/err.h). */
const ERRNO_MAX = 4095;
const ERRNO_NAMES: readonly string[] = errnoNames();

interface SourceRow {
  readonly node: string;
  readonly ring: string;
  readonly appendUs: number;
}

/** What the rows of one batch point at, as numbers of this file. */
interface Remap extends Readonly<Record<IndexField, Int32Array>> {
  readonly natAddresses: Int32Array;
  readonly translations: readonly Translation[];
}

export class FlowsTable {
  /** Rows held. */
  rows = 0;
  #capacity = 0;
  #doubles = {} as Record<DoubleField, Float64Array>;
  #durationUs = new Float64Array(0);
  #ints = {} as Record<IntField, Int32Array>;
  #flags = {} as Record<FlagField, Uint8Array>;
  #indexes = {} as Record<IndexField, Int32Array>;
  #nat = {} as Record<NatField, Int32Array>;
  /** Rows with a translation; most files have none. */
  #translated = 0;
  #srcAddr = new Int32Array(0);
  #dstAddr = new Int32Array(0);
  #source = new Int32Array(0);
  readonly #addresses = new Addresses();
  readonly #workloads = new Entities<Workload>();
  readonly #processes = new Entities<Process>();
  readonly #places = new Entities<Place>();
  readonly #services = new Entities<Service>();
  readonly #sources = new Entities<SourceRow>();

  constructor() {
    this.#resize(0);
  }

  /** Bytes that the rows hold. */
  get bytes(): number {
    return this.rows * FLOW_ROW_BYTES;
  }

  /** Once a batch, before its rows. */
  remap(batch: EnrichedBatch): Remap {
    const workloads = Int32Array.from(batch.workloads, (entry) => this.#workloads.number(workloadKey(entry), entry));
    const places = Int32Array.from(batch.places, (entry) =>
      this.#places.number(`${entry.country}\0${entry.asNumber}\0${entry.asOrg}`, entry),
    );
    return {
      srcWorkload: workloads,
      dstWorkload: workloads,
      srcPlace: places,
      dstPlace: places,
      dstService: Int32Array.from(batch.services, (entry) =>
        this.#services.number(`${entry.namespace}\0${entry.name}`, entry),
      ),
      process: Int32Array.from(batch.processes, (entry) =>
        this.#processes.number(`${entry.pid}\0${entry.userId}\0${entry.name}\0${entry.containerId}`, entry),
      ),
      natAddresses: Int32Array.from(batch.natAddresses, ({ addr }) =>
        isZero(addr, 0) ? -1 : this.#addresses.number(addr, 0),
      ),
      translations: batch.translations,
    };
  }

  /** Take rows [from, to) of the batch, which are those of one source. The batch's arrays are free afterwards. */
  append(flows: EnrichedFlowColumns, from: number, to: number, source: Source, remap: Remap): void {
    const count = to - from;
    if (count <= 0) return;
    const at = this.rows;
    if (at + count > this.#capacity) this.#resize(Math.max(at + count, 2 * this.#capacity, 1024));
    for (const field of DOUBLE_FIELDS) this.#doubles[field].set(flows[field].subarray(from, to), at);
    for (const field of INT_FIELDS) this.#ints[field].set(flows[field].subarray(from, to), at);
    for (const field of FLAG_FIELDS) this.#flags[field].set(flows[field].subarray(from, to), at);
    for (const field of INDEX_FIELDS) translate(flows[field], from, to, remap[field], this.#indexes[field], at);
    this.#appendAddresses(flows, from, to, at);
    this.#appendDerived(flows, from, to, at);
    this.#appendTranslations(remap, from, to, at);
    const { node, ring, appendUs } = source;
    this.#source.fill(this.#sources.number(`${appendUs}\0${ring}\0${node}`, { node, ring, appendUs }), at, at + count);
    this.rows += count;
  }

  /** The table as it stands; borrows the arrays until `clear` or the next `append`. */
  finish(): TableData {
    const columns: Record<string, ColumnData> = {
      duration_us: { kind: 'doubles', values: this.#durationUs, sentinel: true },
      protocol: { kind: 'constant', value: 6 },
    };
    for (const [name, [field, sentinel]] of Object.entries(DOUBLES)) {
      columns[name] = { kind: 'doubles', values: this.#doubles[field], sentinel };
    }
    for (const [name, field] of Object.entries(INTS)) {
      columns[name] = { kind: 'ints', values: this.#ints[field], sentinel: true };
    }
    for (const [name, field] of Object.entries(FLAGS)) columns[name] = { kind: 'flags', values: this.#flags[field] };
    for (const [name, [field, symbols]] of Object.entries(SYMBOLS)) {
      columns[name] = this.#symbolColumn(this.#ints[field], symbols);
    }
    columns['error'] = this.#symbolColumn(this.#ints.error, ERRNO_NAMES);
    this.#finishEnds(columns);
    this.#finishTranslations(columns);
    this.#finishReporter(columns);
    return { table: 'flows', rows: this.rows, order: this.#order(columns), columns };
  }

  /** Forget all rows and dictionaries; the arrays stay for the next object. */
  clear(): void {
    this.rows = 0;
    this.#translated = 0;
    this.#addresses.clear();
    for (const entities of [this.#workloads, this.#processes, this.#places, this.#services, this.#sources]) {
      entities.clear();
    }
  }

  #appendAddresses(flows: EnrichedFlowColumns, from: number, to: number, at: number): void {
    const { srcAddr, dstAddr } = flows;
    for (let row = from, out = at; row < to; row++, out++) {
      // All zeroes, which no connection has: addresses that differ in a merged row, or that privacy leaves out.
      this.#srcAddr[out] = isZero(srcAddr, 16 * row) ? -1 : this.#addresses.number(srcAddr, 16 * row);
      this.#dstAddr[out] = isZero(dstAddr, 16 * row) ? -1 : this.#addresses.number(dstAddr, 16 * row);
    }
  }

  /** duration_us, and errno within the table of names. */
  #appendDerived(flows: EnrichedFlowColumns, from: number, to: number, at: number): void {
    const { endUs, openedUs, report, error } = flows;
    const errors = this.#ints.error;
    for (let row = from, out = at; row < to; row++, out++) {
      const opened = openedUs[row]!;
      this.#durationUs[out] = opened < 0 || report[row] === Report.merged ? -1 : Math.max(0, endUs[row]! - opened);
      const errno = error[row]!;
      errors[out] = errno < 0 || errno > ERRNO_MAX ? ERRNO_MAX : errno;
    }
  }

  /** Those of rows [from, to); they stand in the order of their rows. */
  #appendTranslations({ natAddresses, translations }: Remap, from: number, to: number, at: number): void {
    for (const field of NAT_FIELDS) this.#nat[field].fill(-1, at, at + to - from);
    const address = (index: number): number => (index < 0 ? -1 : natAddresses[index]!);
    const { srcNatAddr, srcNatPort, dstNatAddr, dstNatPort, natSource } = this.#nat;
    for (let i = firstFrom(translations, from); i < translations.length && translations[i]!.row < to; i++) {
      const translation = translations[i]!;
      const out = at + translation.row - from;
      this.#translated += 1;
      srcNatAddr[out] = address(translation.srcAddr);
      srcNatPort[out] = translation.srcPort;
      dstNatAddr[out] = address(translation.dstAddr);
      dstNatPort[out] = translation.dstPort;
      natSource[out] = translation.source;
    }
  }

  #symbolColumn(index: Int32Array, symbols: readonly string[]): ColumnData {
    return textColumn(index, markUsed(index, this.rows, symbols.length), (value) => symbols[value]!);
  }

  #finishEnds(columns: Record<string, ColumnData>): void {
    for (const end of ['src', 'dst'] as const) {
      const address = end === 'src' ? this.#srcAddr : this.#dstAddr;
      const usedAddresses = markUsed(address, this.rows, this.#addresses.count);
      columns[`${end}_addr`] = textColumn(address, usedAddresses, (n) => formatAddress(this.#addresses.bytes(n)));
      columns[`${end}_addr_scope`] = textColumn(address, usedAddresses, (n) => scopeOf(this.#addresses.bytes(n)));
      const workload = this.#indexes[`${end}Workload`];
      const workloads = this.#workloads.list;
      const usedWorkloads = markUsed(workload, this.rows, workloads.length);
      for (const [name, field] of WORKLOAD_COLUMNS) {
        const sorted = name === 'workload';
        columns[`${end}_${name}`] = textColumn(workload, usedWorkloads, (n) => workloads[n]![field], sorted);
      }
      const place = this.#indexes[`${end}Place`];
      const places = this.#places.list;
      const usedPlaces = markUsed(place, this.rows, places.length);
      columns[`${end}_country`] = textColumn(place, usedPlaces, (n) => places[n]!.country);
      columns[`${end}_as_org`] = textColumn(place, usedPlaces, (n) => places[n]!.asOrg);
      columns[`${end}_as_number`] = lookedUp(place, places, (entry) => entry.asNumber);
    }
    const service = this.#indexes.dstService;
    const services = this.#services.list;
    const usedServices = markUsed(service, this.rows, services.length);
    columns['dst_service'] = textColumn(service, usedServices, (n) => services[n]!.name);
    columns['dst_service_namespace'] = textColumn(service, usedServices, (n) => services[n]!.namespace);
  }

  #finishTranslations(columns: Record<string, ColumnData>): void {
    for (const name of ['src_nat_addr', 'src_nat_port', 'dst_nat_addr', 'dst_nat_port', 'nat_source']) {
      columns[name] = { kind: 'none' };
    }
    if (this.#translated === 0) return;
    for (const end of ['src', 'dst'] as const) {
      const address = this.#nat[`${end}NatAddr`];
      const used = markUsed(address, this.rows, this.#addresses.count);
      columns[`${end}_nat_addr`] = textColumn(address, used, (n) => formatAddress(this.#addresses.bytes(n)));
      columns[`${end}_nat_port`] = { kind: 'ints', values: this.#nat[`${end}NatPort`], sentinel: true };
    }
    columns['nat_source'] = this.#symbolColumn(this.#nat.natSource, NAT_SOURCE_SYMBOLS);
  }

  #finishReporter(columns: Record<string, ColumnData>): void {
    const process = this.#indexes.process;
    const processes = this.#processes.list;
    const usedProcesses = markUsed(process, this.rows, processes.length);
    columns['process_name'] = textColumn(process, usedProcesses, (n) => processes[n]!.name);
    columns['container_id'] = textColumn(process, usedProcesses, (n) => processes[n]!.containerId);
    columns['process_pid'] = lookedUp(process, processes, (entry) => (entry.pid > 0 ? entry.pid : -1));
    columns['process_user_id'] = lookedUp(process, processes, (entry) => entry.userId);
    const sources = this.#sources.list;
    const usedSources = markUsed(this.#source, this.rows, sources.length);
    columns['reporter_node'] = textColumn(this.#source, usedSources, (n) => sources[n]!.node);
    columns['ring_id'] = textColumn(this.#source, usedSources, (n) => sources[n]!.ring);
    columns['arrival_time'] = lookedUp(this.#source, sources, (entry) => entry.appendUs);
  }

  #order(columns: Record<string, ColumnData>): Int32Array {
    const rank = (column: ColumnData): [(row: number) => number, number] => {
      if (column.kind !== 'texts') return [() => -1, 0];
      const { index, codes } = column;
      return [(row) => (index[row]! < 0 ? -1 : codes[index[row]!]!), column.texts.length];
    };
    const [dst, dstRanks] = rank(columns['dst_workload']!);
    const [src, srcRanks] = rank(columns['src_workload']!);
    return sortRows(this.rows, dst, dstRanks, src, srcRanks, this.#doubles.endUs);
  }

  #resize(capacity: number): void {
    const rows = this.rows;
    const grow = <T extends Float64Array | Int32Array | Uint8Array>(from: T | undefined, to: T): T => {
      if (from !== undefined) to.set(from.subarray(0, rows) as never);
      return to;
    };
    for (const field of DOUBLE_FIELDS) this.#doubles[field] = grow(this.#doubles[field], new Float64Array(capacity));
    for (const field of INT_FIELDS) this.#ints[field] = grow(this.#ints[field], new Int32Array(capacity));
    for (const field of INDEX_FIELDS) this.#indexes[field] = grow(this.#indexes[field], new Int32Array(capacity));
    for (const field of NAT_FIELDS) this.#nat[field] = grow(this.#nat[field], new Int32Array(capacity));
    for (const field of FLAG_FIELDS) this.#flags[field] = grow(this.#flags[field], new Uint8Array(capacity));
    this.#durationUs = grow(this.#durationUs, new Float64Array(capacity));
    this.#srcAddr = grow(this.#srcAddr, new Int32Array(capacity));
    this.#dstAddr = grow(this.#dstAddr, new Int32Array(capacity));
    this.#source = grow(this.#source, new Int32Array(capacity));
    this.#capacity = capacity;
  }
}

function translate(from: Int32Array, start: number, end: number, map: Int32Array, to: Int32Array, at: number): void {
  for (let row = start, out = at; row < end; row++, out++) {
    const entry = from[row]!;
    to[out] = entry < 0 ? -1 : map[entry]!;
  }
}

/** The first translation of a row from `row` on. */
function firstFrom(translations: readonly Translation[], row: number): number {
  let low = 0;
  let high = translations.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (translations[middle]!.row < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lookedUp<T>(index: Int32Array, entries: readonly T[], valueOf: (entry: T) => number): ColumnData {
  if (entries.length === 0) return { kind: 'none' };
  return { kind: 'looked_up', index, values: Float64Array.from(entries, valueOf) };
}

function isZero(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 16; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** errno -> name; 0 is none. Where two names share a number, the one that Linux's own headers define first. */
function errnoNames(): readonly string[] {
  const names: string[] = Array.from({ length: ERRNO_MAX + 1 }, (_, errno) => (errno === 0 ? '' : `E${errno}`));
  const seconds = new Set(['EWOULDBLOCK', 'ENOTSUP']);
  for (const [name, errno] of Object.entries(constants.errno)) {
    if (!seconds.has(name) && errno > 0 && errno <= ERRNO_MAX) names[errno] = name;
  }
  return names;
}
