/** Durations (`30s`, `1h30m`) and sizes (`64MiB`) as people write them. Values are milliseconds and bytes. */

const DURATION_UNITS_MS: ReadonlyMap<string, number> = new Map([
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]);

const SIZE_UNITS_BYTES: ReadonlyMap<string, number> = new Map([
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
  ['B', 1],
]);

/** Milliseconds of `250ms`, `30s`, `1.5m`, `1h30m`, `7d` or `0`; null when it is none. Whole milliseconds only. */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|[dhms]))+$/.test(text)) return null;
  let totalMs = 0;
  let previousMs = Infinity;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)) {
    const unitMs = DURATION_UNITS_MS.get(unit ?? '') ?? Number.NaN;
    if (unitMs >= previousMs) return null;
    previousMs = unitMs;
    totalMs += Number(count) * unitMs;
  }
  return Number.isSafeInteger(totalMs) ? totalMs : null;
}

/** The shortest text that `parseDuration` reads as `ms`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0';
  let rest = ms;
  let text = '';
  for (const [unit, unitMs] of DURATION_UNITS_MS) {
    const count = Math.floor(rest / unitMs);
    if (count === 0) continue;
    text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text;
}

/** Bytes of `64MiB`, `1.5GiB`, `100MB`, `512B` or `0`; null when it is none. Whole bytes only. */
export function parseSize(text: string): number | null {
  if (text === '0') return 0;
  const match = /^(\d+(?:\.\d+)?)([KMGT]iB|kB|[MGT]?B)$/.exec(text);
  if (match === null) return null;
  const bytes = Number(match[1]) * (SIZE_UNITS_BYTES.get(match[2] ?? '') ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The greatest binary unit that divides `bytes`: text that `parseSize` reads as the same number. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0';
  for (const [unit, unitBytes] of SIZE_UNITS_BYTES) {
    if (unit.endsWith('iB') && bytes % unitBytes === 0) return `${bytes / unitBytes}${unit}`;
  }
  return `${bytes}B`;
}
