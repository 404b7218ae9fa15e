/** From a cgroup's path, and the process where the path does not say, to the workload that a flow names. */
import type { Workload } from '../../schemas/generated/common.ts';
import type { LocalIdentity } from '../host-view.ts';
import { ownerOfCgroup } from './cgroup-owner.ts';

export interface IdentityScope {
  readonly cluster: string;
  readonly network: string;
  readonly node: string;
}

/** Enough of a container's id to tell containers of one machine apart, as docker ps prints it. */
const SHORT_ID_CHARACTERS = 12;

/**
 * Null where the cgroup is the root one and the process is not known: nothing honest can be said.
 * A pod has its UID as name until the watcher names it.
 */
export function localIdentity(
  scope: IdentityScope,
  cgroupId: number,
  path: string,
  comm: string,
): LocalIdentity | null {
  const owner = ownerOfCgroup(path);
  const byCgroup = `${scope.node}/${cgroupId}`;
  switch (owner.kind) {
    case 'Pod':
      return identity(scope, 'Pod', owner.podUid, owner.podUid, owner.podUid, owner.containerId);
    case 'Container': {
      const name = owner.containerId.slice(0, SHORT_ID_CHARACTERS);
      const short = /^[0-9a-f]{64}$/.test(owner.containerId);
      const uid = short ? owner.containerId : byCgroup;
      return identity(scope, 'Container', short ? name : owner.containerId, owner.containerId, uid, owner.containerId);
    }
    case 'SystemdUnit':
      return identity(scope, 'SystemdUnit', owner.template, owner.unit, byCgroup, '');
    case 'Cgroup':
      return identity(scope, 'Cgroup', owner.name, path, byCgroup, '');
    case 'Process':
      return comm === '' ? null : identity(scope, 'Process', comm, comm, `${byCgroup}/${comm}`, '');
  }
}

function identity(
  scope: IdentityScope,
  kind: string,
  name: string,
  instance: string,
  instanceUid: string,
  containerId: string,
): LocalIdentity {
  const workload: Workload = {
    network: scope.network,
    cluster: scope.cluster,
    namespace: '',
    name,
    kind,
    instance,
    instanceUid,
    node: scope.node,
    region: '',
    availabilityZone: '',
    accountId: '',
    vpcId: '',
    subnetId: '',
    labels: '',
  };
  return { workload, containerId };
}
