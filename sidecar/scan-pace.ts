/** How far apart the looks at the machine are. Pure. */

/** A scan may take this share of the time; one that takes longer is made less often. */
const SCAN_SHARE = 1 / 20;

/**
 * Pause after a scan that took `tookMs` of wall time, which on a busy machine says more of others than of the scan. Never
 * longer than a heartbeat: claims are certain up to the last scan only, and a reporter whose `as of` stands still for
 * three of them is not believed any more.
 */
export function scanPauseMs(tookMs: number, scanMs: number, heartbeatMs: number): number {
  return Math.max(scanMs, Math.min(tookMs / SCAN_SHARE, heartbeatMs));
}
