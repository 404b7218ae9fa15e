/**
 * The systemd unit of a cgroup path: its innermost unit (systemd.unit(5), "CGROUPS" in systemd.resource-control(5)).
 * `template` names the workload, so that instances of one template are one workload: getty@.service.
 */
export interface SystemdUnit {
  /** As systemctl shows it, escapes and all. */
  readonly unit: string;
  readonly template: string;
}

const UNIT = /^[A-Za-z0-9:_.\\@-]+\.(?:service|scope|slice|socket|mount|swap)$/;

/** Null when no part of the path is a unit. A slice counts only where nothing more exact lies below it. */
export function systemdUnitOf(parts: readonly string[]): SystemdUnit | null {
  let slice: string | null = null;
  for (let i = parts.length - 1; i >= 0; i--) {
    const unit = unescapeCgroupName(parts[i]!);
    if (!UNIT.test(unit)) continue;
    // The user manager's own processes live in init.scope below user@UID.service.
    if (unit === 'init.scope' && i > 0) continue;
    if (!unit.endsWith('.slice')) return { unit, template: templateOf(unit) };
    slice ??= unit;
  }
  return slice === null ? null : { unit: slice, template: templateOf(slice) };
}

/** systemd puts `_` before a name that would clash with a cgroup file or begins with `_` or `.` (cg_escape). */
function unescapeCgroupName(name: string): string {
  return name.startsWith('_') ? name.slice(1) : name;
}

/**
 * getty@tty1.service -> getty@.service; session-3.scope -> session.scope; run-u12.service, run-r<hex>.scope -> run.*;
 * app-gnome-firefox-1234.scope -> app-gnome-firefox.scope (XDG: the last part is random); the rest stays.
 */
function templateOf(unit: string): string {
  const dot = unit.lastIndexOf('.');
  const stem = unit.slice(0, dot);
  const suffix = unit.slice(dot);
  const at = stem.indexOf('@');
  if (at > 0) return `${stem.slice(0, at)}@${suffix}`;
  const transient = /^(session-[0-9c]+|run-(?:u\d+|r[0-9a-f]{32}|p\d+-i\d+))$/.exec(stem);
  if (transient !== null) return `${stem.slice(0, stem.indexOf('-'))}${suffix}`;
  if (suffix === '.scope') {
    const app = /^((?:app|vte-spawn)(?:-.+)?)-(?:\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;
    const found = app.exec(stem);
    if (found?.[1] !== undefined) return `${found[1]}${suffix}`;
  }
  return unit;
}
