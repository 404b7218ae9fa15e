/**
 * The container of a cgroup path. Runtimes name the cgroup by the container's id of 64 hex digits:
 * docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope, nerdctl-ID.scope (systemd driver),
 * ID, crio-ID, libpod-ID (cgroupfs driver), slice:cri-containerd:ID (containerd with the wrong driver).
 * conmon's scopes (crio-conmon-ID, libpod-conmon-ID) are the monitor's and not the container's.
 */
const SCOPE = /^(?:(?:docker|cri-containerd|containerd|crio|libpod|nerdctl)-)?([0-9a-f]{64})(?:\.scope)?$/;
const COLON = /:(?:cri-containerd|crio|docker|nerdctl|containerd):([0-9a-f]{64})$/;
/** Amazon ECS on cgroup v2: ecs/<task>/<task>-<number>, or with the systemd driver ecstasks-<task>-….scope. */
const ECS = /^(?:[0-9a-f]{32})-(\d{6,20})$/;
/** LXC and Incus name by the container's name. */
const LXC = /^lxc\.payload\.(.+)$/;

/** The container's id (its name for LXC), null when no part of the path is a container's. The innermost one. */
export function containerOf(parts: readonly string[]): string | null {
  for (let i = parts.length - 1; i >= 0; i--) {
    const part = parts[i]!;
    const found = SCOPE.exec(part) ?? COLON.exec(part) ?? LXC.exec(part);
    if (found?.[1] !== undefined) return found[1];
    if (ECS.test(part) && parts.some((above) => above.startsWith('ecs'))) return part;
  }
  return null;
}
