/**
 * What the last scan says about this machine's addresses and listeners, as the pairing of flows asks for it.
 * Made once a scan; asked by rows of columns.
 */
import { hexOf, isV4, isWildcard } from './address.ts';
import { AddressTable } from './address-table.ts';
import { NO_OWNER } from './captured-columns.ts';
import type { HostSnapshot, Listener } from './host-view.ts';
import type { OwnerTable } from './owners.ts';

interface ListenerSpan {
  readonly owner: number;
  /** Finish of the first scan in a row that saw it. */
  readonly fromUs: number;
}

/** Several owners listen there: nobody can say whose it is. */
const CLASH = null;

export class LocalSockets {
  /** Start of the scan: a listener that it saw was there at that moment or soon after. */
  readonly startedUs: number;
  readonly #addresses: AddressTable;
  readonly #listeners = new Map<string, ListenerSpan | typeof CLASH>();
  /** Ports that anybody listens on: most rows ask for another, and need no key made of text. */
  readonly #ports = new Set<number>();

  constructor(snapshot: HostSnapshot, owners: OwnerTable, before: LocalSockets | null) {
    this.startedUs = snapshot.startedUs;
    this.#addresses = addressTable(snapshot);
    for (const listener of snapshot.listeners) {
      const owner = owners.of(listener.cgroupId, listener.pid, listener.comm);
      this.#ports.add(listener.port);
      for (const key of keysOf(listener)) this.#see(key, owner, snapshot.finishedUs, before);
    }
  }

  /** Namespaces of this machine that have the address of a row: 0 for a foreign one. */
  holders(words: Int32Array, row: number): number {
    return Math.max(0, this.#addresses.find(words, row));
  }

  /** The one owner that listened on a port of an address at that moment for certain, else NO_OWNER. */
  listenerAt(netns: number, addr: Uint8Array, port: number, atUs: number): number {
    if (atUs > this.startedUs) return NO_OWNER;
    const found = this.#find(netns, addr, port);
    return found === undefined || found === CLASH || found.fromUs > atUs ? NO_OWNER : found.owner;
  }

  /** Whether anybody listened on a port of an address at the scan. */
  listens(netns: number, addr: Uint8Array, port: number): boolean {
    return this.#find(netns, addr, port) !== undefined;
  }

  #find(netns: number, addr: Uint8Array, port: number): ListenerSpan | typeof CLASH | undefined {
    if (!this.#ports.has(port)) return undefined;
    const exact = this.#listeners.get(`${netns}/${port}/${hexOf(addr)}`);
    return exact === undefined ? this.#listeners.get(`${netns}/${port}/${isV4(addr) ? 'v4' : 'v6'}`) : exact;
  }

  #see(key: string, owner: number, finishedUs: number, before: LocalSockets | null): void {
    const known = this.#listeners.get(key);
    if (owner === NO_OWNER || known === CLASH || (known !== undefined && known.owner !== owner)) {
      this.#listeners.set(key, CLASH);
      return;
    }
    const earlier = before === null ? undefined : before.#listeners.get(key);
    const same = earlier !== undefined && earlier !== CLASH && earlier.owner === owner;
    this.#listeners.set(key, { owner, fromUs: same ? earlier.fromUs : finishedUs });
  }
}

function addressTable(snapshot: HostSnapshot): AddressTable {
  const counts = new Map<string, { addr: Uint8Array; namespaces: number }>();
  for (const { addresses } of snapshot.namespaces) {
    for (const { addr } of addresses) {
      const key = hexOf(addr);
      counts.set(key, { addr, namespaces: (counts.get(key)?.namespaces ?? 0) + 1 });
    }
  }
  const list = [...counts.values()];
  return new AddressTable(
    list.map(({ addr }) => addr),
    list.map(({ namespaces }) => namespaces),
  );
}

/** A `::` listener takes IPv4 too, or clashes with the IPv4 listener of the port and then says nothing. */
function keysOf({ netns, addr, port }: Listener): readonly string[] {
  if (!isWildcard(addr)) return [`${netns}/${port}/${hexOf(addr)}`];
  return isV4(addr) ? [`${netns}/${port}/v4`] : [`${netns}/${port}/v4`, `${netns}/${port}/v6`];
}
