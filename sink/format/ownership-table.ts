/** Rows of the table `ownership`: claims, as the reporters said them. CONTRACT, Tables losses and ownership. */
import { Method, METHOD_SYMBOLS, type Workload } from '../../schemas/generated/common.ts';
import type { OwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { Addresses, formatAddress, isIpv4Mapped } from './addresses.ts';
import type { ColumnData, TableData } from './columns.ts';
import { Entities, markUsed, textColumn } from './texts.ts';
import { WORKLOAD_COLUMNS, workloadKey } from './workloads.ts';

/** Bytes that one row holds. */
export const CLAIM_ROW_BYTES: number = 2 * 8 + 6 * 4;

export type ReporterLife = Pick<OwnershipMessage, 'network' | 'reporter' | 'epoch'>;

/** No address: the row tells of its reporter. */
const NO_ADDRESS = new Uint8Array(16);

export class OwnershipTable {
  rows = 0;
  #capacity = 0;
  #validFrom = new Float64Array(0);
  #validTo = new Float64Array(0);
  #addr = new Int32Array(0);
  #prefixLength = new Int32Array(0);
  #port = new Int32Array(0);
  #method = new Int32Array(0);
  #workload = new Int32Array(0);
  #reporter = new Int32Array(0);
  readonly #addresses = new Addresses();
  readonly #workloads = new Entities<Workload>();
  readonly #reporters = new Entities<ReporterLife>();

  get bytes(): number {
    return this.rows * CLAIM_ROW_BYTES;
  }

  /** All claims of a message. */
  append(message: OwnershipMessage): void {
    const { claims } = message;
    const at = this.rows;
    this.#room(claims.length);
    const workloads = Int32Array.from(message.workloads, (w) => this.#workloads.number(workloadKey(w), w));
    const reporterNumber = this.#lifeNumber(message);
    for (let row = 0, out = at; row < claims.length; row++, out++) {
      const number = this.#addresses.number(claims.addr, 16 * row);
      const workload = claims.workload[row]!;
      this.#addr[out] = number;
      this.#prefixLength[out] = this.#shownPrefix(number, claims.prefixLength[row]!);
      // Port 0 says the whole address: null.
      this.#port[out] = claims.port[row]! > 0 ? claims.port[row]! : -1;
      this.#workload[out] = workload < 0 ? -1 : workloads[workload]!;
      this.#method[out] = claims.method[row]!;
      this.#validFrom[out] = claims.fromUs[row]!;
      this.#validTo[out] = claims.toUs[row]!;
      this.#reporter[out] = reporterNumber;
    }
    this.rows += claims.length;
  }

  /** A reporter's life has ended at `untilUs`: what it held open was held until then. -1: it goes on, from `atUs`. */
  appendEnd(life: ReporterLife, atUs: number, untilUs: number): void {
    this.#room(1);
    const out = this.rows++;
    this.#addr[out] = this.#addresses.number(NO_ADDRESS, 0);
    this.#prefixLength[out] = 0;
    this.#port[out] = -1;
    this.#workload[out] = -1;
    this.#method[out] = Method.none;
    this.#validFrom[out] = atUs;
    this.#validTo[out] = untilUs;
    this.#reporter[out] = this.#lifeNumber(life);
  }

  #lifeNumber({ network, reporter, epoch }: ReporterLife): number {
    return this.#reporters.number(`${network}\0${reporter}\0${epoch}`, { network, reporter, epoch });
  }

  #room(rows: number): void {
    const wanted = this.rows + rows;
    if (wanted > this.#capacity) this.#resize(Math.max(wanted, 2 * this.#capacity, 64));
  }

  finish(): TableData {
    const workloads = this.#workloads.list;
    const reporters = this.#reporters.list;
    const usedAddresses = markUsed(this.#addr, this.rows, this.#addresses.count);
    const usedWorkloads = markUsed(this.#workload, this.rows, workloads.length);
    const usedReporters = markUsed(this.#reporter, this.rows, reporters.length);
    const usedMethods = markUsed(this.#method, this.rows, METHOD_SYMBOLS.length);
    const columns: Record<string, ColumnData> = {
      addr: textColumn(this.#addr, usedAddresses, (n) => formatAddress(this.#addresses.bytes(n))),
      prefix_length: { kind: 'ints', values: this.#prefixLength, sentinel: true },
      port: { kind: 'ints', values: this.#port, sentinel: true },
      valid_from: { kind: 'doubles', values: this.#validFrom, sentinel: true },
      valid_to: { kind: 'doubles', values: this.#validTo, sentinel: true },
      method: textColumn(this.#method, usedMethods, (n) => METHOD_SYMBOLS[n]!),
      claimed_by: textColumn(this.#reporter, usedReporters, (n) => reporters[n]!.reporter),
      epoch: textColumn(this.#reporter, usedReporters, (n) => reporters[n]!.epoch),
    };
    for (const [name, field] of WORKLOAD_COLUMNS) {
      columns[name] = textColumn(this.#workload, usedWorkloads, (n) => workloads[n]![field]);
    }
    // The scope of the address is the message's: a known prefix belongs to no workload.
    columns['network'] = textColumn(this.#reporter, usedReporters, (n) => reporters[n]!.network);
    return { table: 'ownership', rows: this.rows, order: null, columns };
  }

  clear(): void {
    this.rows = 0;
    this.#addresses.clear();
    this.#workloads.clear();
    this.#reporters.clear();
  }

  /** In the table a prefix of an IPv4 address counts its own 32 bits. */
  #shownPrefix(address: number, prefixLength: number): number {
    return isIpv4Mapped(this.#addresses.bytes(address)) && prefixLength >= 96 ? prefixLength - 96 : prefixLength;
  }

  #resize(capacity: number): void {
    const rows = this.rows;
    const ints = (from: Int32Array) => {
      const to = new Int32Array(capacity);
      to.set(from.subarray(0, rows));
      return to;
    };
    const doubles = (from: Float64Array) => {
      const to = new Float64Array(capacity);
      to.set(from.subarray(0, rows));
      return to;
    };
    this.#validFrom = doubles(this.#validFrom);
    this.#validTo = doubles(this.#validTo);
    this.#addr = ints(this.#addr);
    this.#prefixLength = ints(this.#prefixLength);
    this.#port = ints(this.#port);
    this.#method = ints(this.#method);
    this.#workload = ints(this.#workload);
    this.#reporter = ints(this.#reporter);
    this.#capacity = capacity;
  }
}
