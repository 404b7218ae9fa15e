/** The owner's columns, which `flows` has once an end and `ownership` once. */
import type { Workload } from '../../schemas/generated/common.ts';

/** SQL name (without `src_`/`dst_`) and field. */
export const WORKLOAD_COLUMNS: readonly (readonly [string, keyof Workload])[] = [
  ['network', 'network'],
  ['cluster', 'cluster'],
  ['namespace', 'namespace'],
  ['workload', 'name'],
  ['workload_kind', 'kind'],
  ['instance', 'instance'],
  ['instance_uid', 'instanceUid'],
  ['node', 'node'],
  ['region', 'region'],
  ['availability_zone', 'availabilityZone'],
  ['account_id', 'accountId'],
  ['vpc_id', 'vpcId'],
  ['subnet_id', 'subnetId'],
  ['labels', 'labels'],
];

/** Equal for equal workloads only: no field holds a NUL that is not a separator's place. */
export function workloadKey(workload: Workload): string {
  let key = '';
  for (const [, field] of WORKLOAD_COLUMNS) key += `${workload[field]}\0`;
  return key;
}
