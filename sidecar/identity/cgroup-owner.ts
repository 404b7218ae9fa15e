/**
 * What a cgroup path says of who lives in it. Pure: fixtures of real paths are in test/fixtures/cgroup-paths.json.
 * The path is relative to the cgroup2 mount and begins with `/`.
 */
import { containerOf } from './container.ts';
import { podOf } from './kubernetes.ts';
import { systemdUnitOf } from './systemd.ts';

export type CgroupOwner =
  | { readonly kind: 'Pod'; readonly podUid: string; readonly containerId: string }
  | { readonly kind: 'Container'; readonly containerId: string }
  | { readonly kind: 'SystemdUnit'; readonly unit: string; readonly template: string }
  | { readonly kind: 'Cgroup'; readonly name: string }
  /** The root cgroup says nothing: the process must. */
  | { readonly kind: 'Process' };

/**
 * The most exact owner: a pod before a container, a container before a unit, a unit before a bare cgroup.
 * A container runtime's own helpers (conmon) are the unit that they run in, not the container.
 */
export function ownerOfCgroup(path: string): CgroupOwner {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  const last = parts.at(-1);
  if (last === undefined) return { kind: 'Process' };
  const container = containerOf(parts);
  const podUid = podOf(parts);
  if (podUid !== null) return { kind: 'Pod', podUid, containerId: container ?? '' };
  if (container !== null) return { kind: 'Container', containerId: container };
  const unit = systemdUnitOf(parts);
  if (unit !== null) return { kind: 'SystemdUnit', ...unit };
  return { kind: 'Cgroup', name: last };
}
