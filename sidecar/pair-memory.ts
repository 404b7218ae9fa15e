/**
 * What pairing remembers of rows that are gone: ends whose other end may still come, and the partners of open
 * connections. Bounded; the least recently used goes, and its partner is then found by its address like any other.
 */
import { LRUCache } from 'lru-cache';
import { NO_OWNER } from './captured-columns.ts';

export interface RememberedEnd {
  readonly owner: number;
  readonly netns: number;
  readonly beginUs: number;
  /** Infinity while it is open. */
  readonly endUs: number;
}

/** Ends on this machine that wait for their partner: half-closed and long-lived connections. */
const ENDS_MAX = 16_384;
/** Ends of one tuple: a port that is used again at once. */
const ENDS_OF_TUPLE_MAX = 4;
const CONNECTIONS_MAX = 16_384;

export class PairMemory {
  readonly #ends = new LRUCache<string, readonly RememberedEnd[]>({ max: ENDS_MAX });
  readonly #partners = new LRUCache<number, number>({ max: CONNECTIONS_MAX });

  /** `tuple` as tupleKey gives it, seen from that end. */
  rememberEnd(tuple: string, end: RememberedEnd): void {
    this.#ends.set(tuple, [end, ...(this.#ends.get(tuple) ?? [])].slice(0, ENDS_OF_TUPLE_MAX));
  }

  endsOf(tuple: string): readonly RememberedEnd[] {
    return this.#ends.get(tuple) ?? [];
  }

  /** By the kernel's socket cookie, for the later rows of an open connection. */
  rememberPartner(cookie: number, owner: number): void {
    this.#partners.set(cookie, owner);
  }

  partnerOf(cookie: number): number {
    return this.#partners.get(cookie) ?? NO_OWNER;
  }

  clear(): void {
    this.#ends.clear();
    this.#partners.clear();
  }
}
