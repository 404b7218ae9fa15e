/**
 * The workloads that claims name, each once, counted by the claims that name it and forgotten with the last.
 * An *instance* is what makes two workloads the same owner: its uid within its cluster where it has one, else all of it.
 * Reporters may know different things of one instance; those are two workloads of one instance.
 */
import type { Workload } from '../../schemas/generated/common.ts';

/** Free numbers, counted references, and a key each. */
class Numbering {
  readonly #byKey = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #references: number[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#byKey.size;
  }

  find(key: string): number {
    return this.#byKey.get(key) ?? -1;
  }

  /** The number of a key, with one reference more; `isNew` when it was not known. */
  acquire(key: string): number {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      this.#references[known]! += 1;
      return known;
    }
    const id = this.#free.pop() ?? this.#keys.length;
    this.#keys[id] = key;
    this.#references[id] = 1;
    this.#byKey.set(key, id);
    return id;
  }

  retain(id: number): void {
    this.#references[id]! += 1;
  }

  /** True when that was the last reference: the number is free now. */
  release(id: number): boolean {
    this.#references[id]! -= 1;
    if (this.#references[id]! > 0) return false;
    this.#byKey.delete(this.#keys[id]!);
    this.#keys[id] = '';
    this.#free.push(id);
    return true;
  }
}

/** Two workloads with the same key are the same owner. */
export function instanceKey(workload: Workload): string {
  if (workload.instanceUid !== '') return `${workload.cluster}\0${workload.instanceUid}`;
  const { cluster, network, namespace, name, kind, instance, node } = workload;
  return `${cluster}\0\0${network}\0${namespace}\0${name}\0${kind}\0${instance}\0${node}`;
}

/** Two workloads with the same key are equal in every field. */
export function workloadKey(workload: Workload): string {
  const w = workload;
  const who = `${w.network}\0${w.cluster}\0${w.namespace}\0${w.name}\0${w.kind}\0${w.instance}\0${w.instanceUid}`;
  const where = `${w.node}\0${w.region}\0${w.availabilityZone}\0${w.accountId}\0${w.vpcId}\0${w.subnetId}`;
  return `${who}\0${where}\0${w.labels}`;
}

export class WorkloadTable {
  readonly #workloads = new Numbering();
  readonly #instances = new Numbering();
  readonly #values: (Workload | null)[] = [];
  #instanceIds = new Int32Array(256);

  /** How many are known. */
  get size(): number {
    return this.#workloads.size;
  }

  /** The id of a workload, with one reference more. */
  acquire(workload: Workload): number {
    const id = this.#workloads.acquire(workloadKey(workload));
    if ((this.#values[id] ?? null) === null) {
      this.#values[id] = workload;
      if (id >= this.#instanceIds.length) {
        const grown = new Int32Array(2 * this.#instanceIds.length);
        grown.set(this.#instanceIds);
        this.#instanceIds = grown;
      }
      this.#instanceIds[id] = this.#instances.acquire(instanceKey(workload));
    }
    return id;
  }

  retain(id: number): void {
    this.#workloads.retain(id);
  }

  release(id: number): void {
    if (!this.#workloads.release(id)) return;
    this.#values[id] = null;
    this.#instances.release(this.#instanceIds[id]!);
  }

  get(id: number): Workload {
    return this.#values[id]!;
  }

  /** The id of the workload with that `workloadKey`, -1 when no claim names it. */
  find(key: string): number {
    return this.#workloads.find(key);
  }

  /** The instance of a workload of the table. */
  instanceOf(id: number): number {
    return this.#instanceIds[id]!;
  }

  /** The instance of any workload, -1 when no claim names it. */
  findInstance(workload: Workload): number {
    return this.#instances.find(instanceKey(workload));
  }
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
