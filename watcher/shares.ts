/** The objects of a cluster among the reporters of one watcher: by UID, so that each stays with one. Pure. */
import type { Workload } from '../schemas/generated/common.ts';
import type { Changes } from './cluster.ts';

export type Share = Changes;

/** `count` shares; what has no UID is the first one's. */
export function shares(changes: Changes, count: number): Share[] {
  if (count === 1) return [changes];
  const split = Array.from({ length: count }, () => ({
    claims: [] as Changes['claims'][number][],
    pods: [] as Changes['pods'][number][],
  }));
  for (const claim of changes.claims) split[shareOf(claim.workload, count)]!.claims.push(claim);
  for (const pod of changes.pods) split[shareOf(pod.workload, count)]!.pods.push(pod);
  return split;
}

/** FNV-1a. */
function shareOf(workload: Workload | null, count: number): number {
  const uid = workload?.instanceUid ?? '';
  if (uid === '') return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < uid.length; i += 1) hash = Math.imul(hash ^ uid.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % count;
}
