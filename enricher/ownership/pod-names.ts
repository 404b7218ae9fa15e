/**
 * Which pod a UID is: sidecars know a pod by its UID alone, watchers say its name and for whom it runs. A UID is never
 * reused, so a name holds for all times; of two watchers the later word in the log counts.
 */
import type { Workload } from '../../schemas/generated/common.ts';
import type { Reporter } from './reporters.ts';

/** What keeps the workloads: the table of the history. */
export interface WorkloadStore {
  acquire(workload: Workload): number;
  release(id: number): void;
  get(id: number): Workload;
}

interface PodName {
  workload: number;
  reporter: Reporter;
  /** The reporter's full list that named it last, or that came before it was told. */
  generation: number;
  /** Until then it was surely there, us. */
  aliveUs: number;
  isOpen: boolean;
}

/** Names beyond are refused: some 300 bytes each. */
const NAMES_MAX: number = 1 << 20;
/** Names looked at a message, besides two for each that it states. */
const SWEEP_NAMES = 16;
const KNOWN_MAX = 0x7fff_ffff;

/** As a sidecar claims it: by its UID. */
export const isBare = ({ kind, name, instanceUid }: Workload): boolean => kind === 'Pod' && name === instanceUid;

const keyOf = ({ cluster, instanceUid }: Workload): string => `${cluster}\0${instanceUid}`;

export class PodNames {
  readonly #store: WorkloadStore;
  readonly #names = new Map<string, PodName>();
  /** Pods of claims that nobody has named, by how many workloads of the table. */
  readonly #unnamed = new Map<string, number>();
  #sweeping: Iterator<[string, PodName]> | null = null;
  /** By workload of the table: the one that names it, or itself, where `#foundAt` has the number of what is known now. */
  #found = new Int32Array(1024);
  #foundAt = new Int32Array(1024);
  #known = 1;

  constructor(store: WorkloadStore) {
    this.#store = store;
  }

  get size(): number {
    return this.#names.size;
  }

  /** Pods of claims that nobody has named: mostly none, which spares a look at every claim. */
  get unnamed(): number {
    return this.#unnamed.size;
  }

  /** The table has a new workload, a pod. */
  met(id: number, workload: Workload): void {
    this.#forget(id);
    if (!isBare(workload)) return;
    const key = keyOf(workload);
    if (!this.#names.has(key)) this.#unnamed.set(key, (this.#unnamed.get(key) ?? 0) + 1);
  }

  /** The table has one less. */
  left(id: number, workload: Workload): void {
    this.#forget(id);
    if (!isBare(workload)) return;
    const key = keyOf(workload);
    const count = this.#unnamed.get(key) ?? 0;
    if (count > 1) this.#unnamed.set(key, count - 1);
    else this.#unnamed.delete(key);
  }

  /** What a watcher says of a pod; false when there is no room. `toUs`: -1 while it is there. */
  state(reporter: Reporter, workload: Workload, toUs: number, asOfUs: number): boolean {
    const key = keyOf(workload);
    const known = this.#names.get(key);
    if (known === undefined && this.#names.size >= NAMES_MAX) return false;
    const id = this.#store.acquire(workload);
    if (known?.workload !== id) this.#change();
    if (known !== undefined) this.#store.release(known.workload);
    const name = known ?? { workload: id, reporter, generation: 0, aliveUs: 0, isOpen: true };
    name.workload = id;
    name.reporter = reporter;
    name.generation = reporter.generation;
    name.aliveUs = Math.max(name.aliveUs, toUs < 0 ? asOfUs : Math.min(toUs, asOfUs));
    name.isOpen = toUs < 0;
    if (known === undefined) this.#names.set(key, name);
    this.#unnamed.delete(key);
    return true;
  }

  /** The workload by its name where it is a pod that was named, else as it is. */
  resolve(workload: Workload): Workload {
    if (!isBare(workload)) return workload;
    const name = this.#names.get(keyOf(workload));
    return name === undefined ? workload : this.#store.get(name.workload);
  }

  /** As `resolve`, of workloads of the table. Once found it is two reads, until a name comes or goes. */
  resolveId(id: number): number {
    if (this.#foundAt[id] === this.#known) return this.#found[id]!;
    const workload = this.#store.get(id);
    const name = isBare(workload) ? this.#names.get(keyOf(workload)) : undefined;
    const found = name === undefined ? id : name.workload;
    if (id >= this.#found.length) this.#grow(id);
    this.#found[id] = found;
    this.#foundAt[id] = this.#known;
    return found;
  }

  isUnnamed(workload: Workload): boolean {
    return isBare(workload) && !this.#names.has(keyOf(workload));
  }

  isNamed(key: string): boolean {
    return this.#names.has(key);
  }

  keyOf(workload: Workload): string {
    return keyOf(workload);
  }

  /** Forget, a few at a time, what was gone or fell silent `retainUs` before its network's newest time. */
  sweep(asOfUs: Float64Array, retainUs: number, stated: number): void {
    for (let steps = Math.min(this.#names.size, SWEEP_NAMES + 2 * stated); steps > 0; steps -= 1) {
      this.#sweeping ??= this.#names.entries();
      const next = this.#sweeping.next();
      if (next.done === true) this.#sweeping = null;
      else this.#forgetOld(next.value[0], next.value[1], asOfUs, retainUs);
    }
  }

  #forgetOld(key: string, name: PodName, asOfUs: Float64Array, retainUs: number): void {
    const { reporter } = name;
    const horizonUs = reporter.network.newestUs - retainUs;
    if (name.aliveUs >= horizonUs) return;
    const isTold = name.isOpen && name.generation === reporter.generation;
    if (isTold && asOfUs[reporter.id]! >= horizonUs) return;
    this.#store.release(name.workload);
    this.#names.delete(key);
    this.#change();
  }

  /** What was found before holds no longer. */
  #change(): void {
    this.#known += 1;
    if (this.#known < KNOWN_MAX) return;
    this.#foundAt.fill(0);
    this.#known = 1;
  }

  #forget(id: number): void {
    if (id < this.#foundAt.length) this.#foundAt[id] = 0;
  }

  #grow(id: number): void {
    const length = Math.max(id + 1, 2 * this.#found.length);
    const found = new Int32Array(length);
    const foundAt = new Int32Array(length);
    found.set(this.#found);
    foundAt.set(this.#foundAt);
    this.#found = found;
    this.#foundAt = foundAt;
  }
}
