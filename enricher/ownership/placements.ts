/**
 * Where an address is, as static tables say of the prefixes around it: each fact from the longest prefix that has it.
 * A place belongs to an address whoever holds it, so it fills what the owner's own claim leaves out.
 */
import { ReporterKind } from '../../schemas/generated/common.ts';
import { reporterOf } from './claims.ts';
import type { Network } from './reporters.ts';
import type { HistoryTables } from './tables.ts';

export const PLACE_FIELDS = ['region', 'availabilityZone', 'accountId', 'vpcId', 'subnetId'] as const;

export type Placement = { readonly [F in (typeof PLACE_FIELDS)[number]]: string };

export class Placements {
  readonly #history: HistoryTables;
  /** Of this batch: each place once. */
  #numbers = new Map<string, number>();
  list: Placement[] = [];
  /** Outputs of `find`: within this stretch of time the answer is the same. Born as doubles. */
  loUs: number = Number.NaN;
  hiUs: number = Number.NaN;

  constructor(history: HistoryTables) {
    this.#history = history;
  }

  /** Begin a batch. */
  reset(): void {
    if (this.list.length === 0) return;
    this.#numbers = new Map();
    this.list = [];
  }

  /** The number in `list` of where the address is at that time, -1: no table says. */
  find(network: Network, words: Int32Array, at: number, timeUs: number): number {
    this.loUs = Number.NEGATIVE_INFINITY;
    this.hiUs = Number.POSITIVE_INFINITY;
    if (!network.hasTables) return -1;
    const { prefixes } = network;
    const place: Record<keyof Placement, string> = {
      region: '',
      availabilityZone: '',
      accountId: '',
      vpcId: '',
      subnetId: '',
    };
    let isPlaced = false;
    for (let prefix = prefixes.longest(words, at); prefix >= 0; prefix = prefixes.around(prefix)) {
      if (this.#fill(prefixes.entryAt(prefix), timeUs, place)) isPlaced = true;
    }
    return isPlaced ? this.#number(place) : -1;
  }

  #fill(entry: number, timeUs: number, place: Record<keyof Placement, string>): boolean {
    const { entries, claims, reporters, workloads } = this.#history;
    const block = entries.block(entry);
    let isFilled = false;
    for (let claim = block; claim < block + entries.count(entry); claim += 1) {
      const reporter = reporterOf(claims.meta(claim));
      if (claims.workload(claim) < 0 || reporters.all[reporter]!.kind !== ReporterKind.static) continue;
      const toUs = claims.isOpen(claim) ? reporters.confirmedUs[reporter]! : claims.toUs(claim);
      if (!this.#holds(claims.fromUs(claim), toUs, timeUs)) continue;
      const workload = workloads.get(claims.workload(claim));
      for (const field of PLACE_FIELDS) {
        if (place[field] !== '' || workload[field] === '') continue;
        place[field] = workload[field];
        isFilled = true;
      }
    }
    return isFilled;
  }

  /** Narrows the stretch as it goes. */
  #holds(fromUs: number, toUs: number, timeUs: number): boolean {
    if (timeUs < fromUs) {
      this.hiUs = Math.min(this.hiUs, fromUs - 1);
      return false;
    }
    if (timeUs > toUs) {
      this.loUs = Math.max(this.loUs, toUs + 1);
      return false;
    }
    this.loUs = Math.max(this.loUs, fromUs);
    this.hiUs = Math.min(this.hiUs, toUs);
    return true;
  }

  #number(place: Placement): number {
    const key = PLACE_FIELDS.map((field) => place[field]).join('\0');
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.list.length);
    return this.list.push(place) - 1;
  }
}
