/**
 * The pod of a cgroup path, as the kubelet names it (pkg/kubelet/cm/cgroup_manager_linux.go, qos_container_manager).
 * cgroupfs driver: kubepods[/burstable|/besteffort]/pod<uid>
 * systemd driver:  kubepods[-burstable|-besteffort]-pod<uid with _ for ->.slice, possibly as slice:cri-containerd:id
 * A static pod's uid is the 32 hex digits of its manifest's hash, any other a UUID.
 */
const UID = '([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})';
const CGROUPFS = new RegExp(`^pod${UID}$`);
const SYSTEMD = new RegExp(`^(?:[a-z0-9]+-)*kubepods(?:-burstable|-besteffort)?-pod${UID}\\.slice(?::.*)?$`);

/** The pod's UID, null when the path is not a pod's. The innermost one where clusters are nested. */
export function podOf(parts: readonly string[]): string | null {
  const first = parts.findIndex((part) => part.includes('kubepods'));
  if (first < 0) return null;
  for (let i = parts.length - 1; i >= first; i--) {
    const found = SYSTEMD.exec(parts[i]!) ?? CGROUPFS.exec(parts[i]!);
    if (found?.[1] !== undefined) return found[1].replaceAll('_', '-');
  }
  return null;
}
