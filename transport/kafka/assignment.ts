/**
 * Who works on which partition: even within one, moving as little as possible, and a partition that moves is given to
 * nobody until its owner has let it go (the two steps of KIP-429), so that two members never drain and start at once.
 */

export interface GroupMemberClaim {
  readonly id: string;
  /** Partitions that it works on now. */
  readonly owned: readonly number[];
}

/** Pure: the same claims give the same assignment, in whatever order they come. */
export function assign(
  claims: readonly GroupMemberClaim[],
  partitionsCount: number,
): ReadonlyMap<string, readonly number[]> {
  const members = [...claims].sort((a, b) => (a.id < b.id ? -1 : 1));
  const owners = ownersOf(members, partitionsCount);
  const target = balance(members, owners, partitionsCount);
  const given = new Map<string, number[]>(members.map(({ id }) => [id, []]));
  for (const [partition, id] of target.entries()) {
    const owner = owners.get(partition);
    if (owner === undefined || owner === id) given.get(id)?.push(partition);
  }
  return given;
}

/** A partition that two claim is its first one's. */
function ownersOf(members: readonly GroupMemberClaim[], partitionsCount: number): ReadonlyMap<number, string> {
  const owners = new Map<number, string>();
  for (const { id, owned } of members) {
    for (const partition of owned) {
      if (partition >= 0 && partition < partitionsCount && !owners.has(partition)) owners.set(partition, id);
    }
  }
  return owners;
}

/** The member of each partition, once all have moved. */
function balance(
  members: readonly GroupMemberClaim[],
  owners: ReadonlyMap<number, string>,
  partitionsCount: number,
): readonly string[] {
  const target: (string | null)[] = Array.from({ length: partitionsCount }, () => null);
  const loads = new Map(members.map(({ id }) => [id, 0]));
  const least = Math.floor(partitionsCount / Math.max(members.length, 1));
  let oneMore = partitionsCount - least * members.length;
  for (let partition = 0; partition < partitionsCount; partition++) {
    const owner = owners.get(partition);
    const load = owner === undefined ? Infinity : (loads.get(owner) ?? Infinity);
    if (owner === undefined || load > least || (load === least && oneMore === 0)) continue;
    if (load === least) oneMore--;
    target[partition] = owner;
    loads.set(owner, load + 1);
  }
  return target.map((kept) => {
    if (kept !== null) return kept;
    const [id, load] = [...loads].reduce((a, b) => (b[1] < a[1] ? b : a));
    loads.set(id, load + 1);
    return id;
  });
}
