/**
 * The workloads that claims name, each once, counted by the claims that name it and forgotten with the last.
 * An *instance* is what makes two workloads the same owner: its uid within its cluster where it has one, else all of it.
 * Reporters may know different things of one instance; those are two workloads of one instance.
 *
 * A million of them are some 80 MB: a row of numbers each, the texts of its own outside the heap, what it shares with
 * others once. A `Workload` is made when it is asked for, and kept while it is asked for often.
 *
 *   ints | hash | references | who | where | place of uid and instance | their lengths |
 *
 * An instance mostly begins with the workload's name, and is kept without it: `NAMED` among the lengths.
 */
import type { Workload } from '../../schemas/generated/common.ts';
import { PodNames } from './pod-names.ts';
import { hashText, isFirstEmpty, TextStore } from './text-store.ts';
import { isWhere, isWho, PartTable, whereOf, whoOf } from './workload-parts.ts';

const INTS = 6;
const HASH = 0;
const REFERENCES = 1;
const WHO = 2;
const WHERE = 3;
const TEXTS = 4;
const LENGTHS = 5;
const NAMED = 1 << 30;
const CAPACITY_MIN = 128;
/** Workloads that are kept as objects, of 250 bytes each; a power of two. */
const OBJECTS = 1 << 17;
const POD = 'Pod';

export class WorkloadTable {
  /** Which pod a UID is. */
  readonly pods: PodNames = new PodNames(this);
  /** How many are known. */
  size = 0;
  #limit = 0;
  #ints = new Int32Array(INTS * CAPACITY_MIN);
  /** Open addressing: id + 1, 0: free. */
  #index = new Int32Array(2 * CAPACITY_MIN);
  readonly #free: number[] = [];
  readonly #texts = new TextStore();
  readonly #who = new PartTable();
  readonly #where = new PartTable();
  readonly #objects: (Workload | undefined)[] = [];
  #objectIds = new Int32Array(CAPACITY_MIN);
  /** By place: who was asked for last while another's object was there. */
  #wanted = new Int32Array(CAPACITY_MIN);

  /** The id of a workload, with one reference more. */
  acquire(workload: Workload): number {
    const hash = instanceHash(workload);
    const known = this.#find(workload, hash);
    if (known >= 0) {
      this.retain(known);
      return known;
    }
    const id = this.#free.pop() ?? this.#limit;
    if (id === this.#limit) this.#limit += 1;
    if (INTS * this.#limit > this.#ints.length) this.#growRows();
    const ints = this.#ints;
    const row = INTS * id;
    ints[row + HASH] = hash;
    ints[row + REFERENCES] = 1;
    ints[row + WHO] = this.#who.acquire(whoOf(workload));
    ints[row + WHERE] = this.#where.acquire(whereOf(workload));
    ints[row + TEXTS] = this.#texts.put(workload.instanceUid, shortInstance(workload));
    ints[row + LENGTHS] = this.#texts.lengths | (isNamedAfter(workload) ? NAMED : 0);
    this.size += 1;
    if (4 * this.size > 3 * this.#index.length) this.#growIndex();
    this.#place(id);
    if (workload.kind === POD) this.pods.met(id, workload);
    return id;
  }

  retain(id: number): void {
    this.#ints[INTS * id + REFERENCES]! += 1;
  }

  release(id: number): void {
    const ints = this.#ints;
    const row = INTS * id;
    ints[row + REFERENCES]! -= 1;
    if (ints[row + REFERENCES]! > 0) return;
    if (this.#who.get(ints[row + WHO]!)[4] === POD) this.pods.left(id, this.get(id));
    this.#unplace(id);
    this.#who.release(ints[row + WHO]!);
    this.#where.release(ints[row + WHERE]!);
    this.#texts.release(ints[row + TEXTS]!, ints[row + LENGTHS]! & ~NAMED);
    const slot = id & (OBJECTS - 1);
    if (this.#objectIds[slot] === id) this.#objects[slot] = undefined;
    this.#free.push(id);
    this.size -= 1;
  }

  /** The workload with that id; the same object is given to all, and is not to be changed. */
  get(id: number): Workload {
    const slot = id & (OBJECTS - 1);
    const kept = this.#objects[slot];
    if (kept !== undefined && this.#objectIds[slot] === id) return kept;
    const row = INTS * id;
    const ints = this.#ints;
    const who = this.#who.get(ints[row + WHO]!);
    const where = this.#where.get(ints[row + WHERE]!);
    const lengths = ints[row + LENGTHS]! & ~NAMED;
    const short = this.#texts.second(ints[row + TEXTS]!, lengths);
    const workload: Workload = {
      network: who[0],
      cluster: who[1],
      namespace: who[2],
      name: who[3],
      kind: who[4],
      instance: (ints[row + LENGTHS]! & NAMED) === 0 ? short : who[3] + short,
      instanceUid: this.#texts.first(ints[row + TEXTS]!, lengths),
      node: where[0],
      region: where[1],
      availabilityZone: where[2],
      accountId: where[3],
      vpcId: where[4],
      subnetId: where[5],
      labels: who[5],
    };
    this.#keep(slot, id, workload);
    return workload;
  }

  /** In a free place, or in another's where it is asked for twice in a row: what is asked for once dies young. */
  #keep(slot: number, id: number, workload: Workload): void {
    while (this.#objects.length <= slot) this.#objects.push(undefined);
    if (slot >= this.#objectIds.length) {
      this.#objectIds = grown(this.#objectIds, slot);
      this.#wanted = grown(this.#wanted, slot);
    }
    if (this.#objects[slot] !== undefined && this.#wanted[slot] !== id) {
      this.#wanted[slot] = id;
      return;
    }
    this.#objects[slot] = workload;
    this.#objectIds[slot] = id;
  }

  /** The id of a workload that is equal in every text, -1 when no claim names it. */
  find(workload: Workload): number {
    return this.#find(workload, instanceHash(workload));
  }

  /** False for one that only says where something is. */
  isNamed(id: number): boolean {
    return this.#who.get(this.#ints[INTS * id + WHO]!)[3] !== '';
  }

  /** Whether two workloads of the table are the same owner. */
  isSame(a: number, b: number): boolean {
    if (a === b) return true;
    if (this.#ints[INTS * a + HASH] !== this.#ints[INTS * b + HASH]) return false;
    return isSameInstance(this.get(a), this.get(b));
  }

  /** Whether a workload of the table and any other are the same owner. */
  isInstanceOf(id: number, workload: Workload): boolean {
    const row = INTS * id;
    const lengths = this.#ints[row + LENGTHS]! & ~NAMED;
    if (isFirstEmpty(lengths) || workload.instanceUid === '') return isSameInstance(this.get(id), workload);
    if (this.#who.get(this.#ints[row + WHO]!)[1] !== workload.cluster) return false;
    return this.#texts.isFirst(this.#ints[row + TEXTS]!, lengths, workload.instanceUid);
  }

  #find(workload: Workload, hash: number): number {
    const index = this.#index;
    const ints = this.#ints;
    const mask = index.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = index[slot]! - 1;
      if (id < 0) return -1;
      if (ints[INTS * id] === hash && this.#isEqual(id, workload)) return id;
    }
  }

  #isEqual(id: number, workload: Workload): boolean {
    const row = INTS * id;
    const ints = this.#ints;
    const place = ints[row + TEXTS]!;
    const lengths = ints[row + LENGTHS]! & ~NAMED;
    return (
      this.#texts.isFirst(place, lengths, workload.instanceUid) &&
      (ints[row + LENGTHS]! & NAMED) === (isNamedAfter(workload) ? NAMED : 0) &&
      this.#texts.isSecond(place, lengths, shortInstance(workload)) &&
      isWho(this.#who.get(ints[row + WHO]!), workload) &&
      isWhere(this.#where.get(ints[row + WHERE]!), workload)
    );
  }

  #place(id: number): void {
    const mask = this.#index.length - 1;
    let slot = this.#ints[INTS * id]! & mask;
    while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
    this.#index[slot] = id + 1;
  }

  #unplace(id: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let slot = this.#ints[INTS * id]! & mask;
    while (index[slot] !== id + 1) slot = (slot + 1) & mask;
    // Close the hole: a later one moves up when its own place is at or before the hole.
    for (let next = (slot + 1) & mask; index[next] !== 0; next = (next + 1) & mask) {
      const home = this.#ints[INTS * (index[next]! - 1)]! & mask;
      if (((next - home) & mask) < ((next - slot) & mask)) continue;
      index[slot] = index[next]!;
      slot = next;
    }
    index[slot] = 0;
  }

  #growIndex(): void {
    const old = this.#index;
    this.#index = new Int32Array(2 * old.length);
    for (const place of old) if (place !== 0) this.#place(place - 1);
  }

  #growRows(): void {
    const old = this.#ints;
    this.#ints = new Int32Array(2 * old.length);
    this.#ints.set(old);
    // At once, and not when the collector finds it.
    old.buffer.transfer(0);
  }
}

function grown(ids: Int32Array<ArrayBuffer>, slot: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.min(OBJECTS, Math.max(2 * ids.length, slot + 1)));
  larger.set(ids);
  return larger;
}

const isNamedAfter = ({ instance, name }: Workload): boolean => name !== '' && instance.startsWith(name);

/** The instance, without the name where it begins with it. */
const shortInstance = (workload: Workload): string =>
  isNamedAfter(workload) ? workload.instance.slice(workload.name.length) : workload.instance;

/** Equal for two workloads that are the same owner. */
function instanceHash(workload: Workload): number {
  const { instanceUid, instance, name } = workload;
  const h = instanceUid === '' ? hashText(name, hashText(instance, 17)) : hashText(instanceUid, 0x811c9dc5 | 0);
  const mixed = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}

function isSameInstance(a: Workload, b: Workload): boolean {
  if (a.instanceUid !== b.instanceUid || a.cluster !== b.cluster) return false;
  if (a.instanceUid !== '') return true;
  return a.node === b.node && a.network === b.network && continues(a, b);
}

/** Whether an old epoch's claim and a new one's may be one: the same instance, called the same. */
export function continues(before: Workload, after: Workload): boolean {
  return (
    before.namespace === after.namespace &&
    before.name === after.name &&
    before.kind === after.kind &&
    before.instance === after.instance
  );
}
