/** The dictionaries of one enriched batch, put together from those of its raw batches and from the history. */
import type { NatAddress, Place, Process, Service, Translation, Workload } from '../schemas/generated/common.ts';
import { PLACE_FIELDS, type Placement } from './ownership/placements.ts';
import type { WorkloadTable } from './ownership/workloads.ts';

/**
 * One object serves many batches: `reset` begins the next. What the history knows goes by its number there, so that
 * a workload's fourteen strings are only looked at for the few that a raw batch brings along.
 */
export class BatchDictionaries {
  workloads: Workload[] = [];
  processes: Process[] = [];
  services: Service[] = [];
  places: Place[] = [];
  natAddresses: NatAddress[] = [];
  /** In the order of their rows. */
  translations: Translation[] = [];
  readonly #owners: WorkloadTable;
  /** By workload of the history: its index, where `#stamps` has this batch's number. */
  #indices = new Int32Array(1024);
  #stamps = new Int32Array(1024);
  #stamp = 0;
  #workloadIndex = new Map<string, number>();
  #processIndex = new Map<string, number>();
  #serviceIndex = new Map<string, number>();
  readonly #natAddressIndex = new Map<string, number>();
  /** By number of a table's place, and by index of a workload and place of its address. */
  readonly #placeIndex = new Map<number, number>();
  readonly #placedIndex = new Map<string, number>();

  constructor(owners: WorkloadTable) {
    this.#owners = owners;
    this.reset();
  }

  /** Begin the next batch; the arrays of the last one stay the caller's. */
  reset(): void {
    this.workloads = [];
    this.processes = [];
    this.services = [];
    this.places = [];
    this.natAddresses = [];
    this.translations = [];
    this.#natAddressIndex.clear();
    this.#placeIndex.clear();
    this.#placedIndex.clear();
    this.#workloadIndex.clear();
    this.#processIndex.clear();
    this.#serviceIndex.clear();
    this.#stamp = (this.#stamp + 1) | 0;
    if (this.#stamp > 0) return;
    this.#stamps.fill(0);
    this.#stamp = 1;
  }

  /** A pod that is only known by its UID gets its name where a watcher has said it. */
  addWorkload(bare: Workload): number {
    const known = this.#owners.find(bare);
    if (known >= 0) return this.addOwner(known);
    const workload = this.#owners.pods.resolve(bare);
    const owner = workload === bare ? -1 : this.#owners.find(workload);
    if (owner >= 0) return this.addOwner(owner);
    return indexOf(this.#workloadIndex, this.workloads, workloadKey(workload), workload);
  }

  /** The index of a workload of the history, by its name where it is a pod that was named. */
  addOwner(id: number): number {
    if (id >= this.#indices.length) this.#grow(id);
    if (this.#stamps[id] === this.#stamp) return this.#indices[id]!;
    const { pods } = this.#owners;
    // The object itself is only looked at where there are names to give: to compare it is to miss the cache.
    const named = pods.size === 0 ? id : pods.resolveId(id);
    const index = named === id ? this.workloads.push(this.#owners.get(id)) - 1 : this.addOwner(named);
    this.#stamps[id] = this.#stamp;
    this.#indices[id] = index;
    return index;
  }

  /** The index of a workload with what it does not say itself of where it is. */
  addPlaced(index: number, placement: Placement): number {
    const workload = this.workloads[index]!;
    if (PLACE_FIELDS.every((field) => workload[field] !== '' || placement[field] === '')) return index;
    const key = `${index}\0${PLACE_FIELDS.map((field) => placement[field]).join('\0')}`;
    const known = this.#placedIndex.get(key);
    if (known !== undefined) return known;
    const placed = { ...workload };
    for (const field of PLACE_FIELDS) if (placed[field] === '') placed[field] = placement[field];
    const added = this.workloads.push(placed) - 1;
    this.#placedIndex.set(key, added);
    return added;
  }

  /** The index of place `number` of a table of places. */
  addPlace(number: number, places: readonly Place[]): number {
    const known = this.#placeIndex.get(number);
    if (known !== undefined) return known;
    const index = this.places.push(places[number]!) - 1;
    this.#placeIndex.set(number, index);
    return index;
  }

  addProcess(process: Process): number {
    const key = `${process.name}\0${process.pid}\0${process.userId}\0${process.containerId}`;
    return indexOf(this.#processIndex, this.processes, key, process);
  }

  /** The index of an address of 16 bytes; the bytes are the dictionary's from here on. */
  addNatAddress(addr: Uint8Array): number {
    return indexOf(this.#natAddressIndex, this.natAddresses, Buffer.from(addr).toString('latin1'), { addr });
  }

  /** The index of the Service that a workload of the history is. */
  addService(id: number): number {
    const { name, namespace } = this.#owners.get(id);
    return indexOf(this.#serviceIndex, this.services, `${namespace}\0${name}`, { name, namespace });
  }

  #grow(id: number): void {
    const length = Math.max(id + 1, 2 * this.#indices.length);
    const indices = new Int32Array(length);
    const stamps = new Int32Array(length);
    indices.set(this.#indices);
    stamps.set(this.#stamps);
    this.#indices = indices;
    this.#stamps = stamps;
  }
}

/** Two workloads with the same key are equal in every text. */
function workloadKey(w: Workload): string {
  const who = `${w.network}\0${w.cluster}\0${w.namespace}\0${w.name}\0${w.kind}\0${w.instance}\0${w.instanceUid}`;
  const where = `${w.node}\0${w.region}\0${w.availabilityZone}\0${w.accountId}\0${w.vpcId}\0${w.subnetId}`;
  return `${who}\0${where}\0${w.labels}`;
}

function indexOf<V>(index: Map<string, number>, list: V[], key: string, value: V): number {
  const known = index.get(key);
  if (known !== undefined) return known;
  index.set(key, list.length);
  return list.push(value) - 1;
}
