/** The dictionaries of one enriched batch, put together from those of its raw batches and from the history. */
import type { Process, Service, Workload } from '../schemas/generated/common.ts';
import { workloadKey } from './ownership/workloads.ts';
import type { WorkloadTable } from './ownership/workloads.ts';

export class BatchDictionaries {
  readonly workloads: Workload[] = [];
  readonly processes: Process[] = [];
  readonly services: Service[] = [];
  readonly #workloadIndex = new Map<string, number>();
  readonly #ownerIndex = new Map<number, number>();
  readonly #processIndex = new Map<string, number>();
  readonly #serviceIndex = new Map<number, number>();
  readonly #owners: WorkloadTable;

  constructor(owners: WorkloadTable) {
    this.#owners = owners;
  }

  addWorkload(workload: Workload): number {
    return indexOf(this.#workloadIndex, this.workloads, workloadKey(workload), workload);
  }

  /** The index of a workload of the history. */
  addOwner(id: number): number {
    const known = this.#ownerIndex.get(id);
    if (known !== undefined) return known;
    const index = this.addWorkload(this.#owners.get(id));
    this.#ownerIndex.set(id, index);
    return index;
  }

  addProcess(process: Process): number {
    const key = `${process.name}\0${process.pid}\0${process.userId}\0${process.containerId}`;
    return indexOf(this.#processIndex, this.processes, key, process);
  }

  /** The index of the Service that a workload of the history is. */
  addService(id: number): number {
    const known = this.#serviceIndex.get(id);
    if (known !== undefined) return known;
    const { name, namespace } = this.#owners.get(id);
    const equal = this.services.findIndex((service) => service.name === name && service.namespace === namespace);
    const index = equal >= 0 ? equal : this.services.push({ name, namespace }) - 1;
    this.#serviceIndex.set(id, index);
    return index;
  }
}

function indexOf<K, V>(index: Map<K, number>, list: V[], key: K, value: V): number {
  const known = index.get(key);
  if (known !== undefined) return known;
  index.set(key, list.length);
  return list.push(value) - 1;
}
