/**
 * Who owns the sockets of this machine, numbered, so that rows carry an int32 in place of an object.
 * A cgroup is one owner, but for the root one, where every process name is an owner of its own.
 */
import { Report } from '../schemas/generated/common.ts';
import type { CapturedColumns } from './captured-columns.ts';
import { NO_OWNER } from './captured-columns.ts';
import { commText } from './decode.ts';
import type { HostView, LocalIdentity } from './host-view.ts';

/** A table that grew past this is begun anew at a moment when few rows refer to it. */
export const OWNERS_MAX = 16_384;

export class OwnerTable {
  readonly #host: Pick<HostView, 'identify'>;
  readonly #identities: LocalIdentity[] = [];
  readonly #byUid = new Map<string, number>();
  /** Owner of a cgroup, or NO_OWNER where the process decides. */
  readonly #byCgroup = new Map<number, number>();

  constructor(host: Pick<HostView, 'identify'>) {
    this.#host = host;
  }

  get size(): number {
    return this.#identities.length;
  }

  get(owner: number): LocalIdentity {
    const identity = this.#identities[owner];
    if (identity === undefined) throw new RangeError(`owner ${owner} of ${this.#identities.length}`);
    return identity;
  }

  /** The owner of a process in a cgroup, NO_OWNER when nobody knows. */
  of(cgroupId: number, pid: number, comm: string): number {
    const known = this.#byCgroup.get(cgroupId);
    if (known !== undefined && known !== NO_OWNER) return known;
    const identity = this.#host.identify(cgroupId, pid, comm);
    if (identity === null) return NO_OWNER;
    const { instanceUid, kind, name } = identity.workload;
    const key = `${kind}\n${name}\n${instanceUid}\n${identity.containerId}`;
    let owner = this.#byUid.get(key);
    if (owner === undefined) {
      owner = this.#identities.push(identity) - 1;
      this.#byUid.set(key, owner);
    }
    if (kind !== 'Process') this.#byCgroup.set(cgroupId, owner);
    return owner;
  }

  /** Fill `owner` of the rows from `from` on that have none. Neighbours in the ring are often of one owner. */
  assign(columns: CapturedColumns, from: number): void {
    const { cgroupId, owner, pid, comm, report } = columns;
    for (let row = from; row < columns.length; row++) {
      if (owner[row] !== NO_OWNER || report[row] === Report.merged) continue;
      const known = this.#byCgroup.get(cgroupId[row]!);
      owner[row] = known ?? this.of(cgroupId[row]!, pid[row]!, commText(comm, 16 * row));
    }
  }
}
