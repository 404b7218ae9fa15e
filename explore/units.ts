/** Figures for people. Pure. */
const STEPS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** 999 B, 1.2 kB, 34 MB: decimal, two digits at least. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= 999.5 && step < STEPS.length - 1) {
    value /= 1000;
    step++;
  }
  const digits = step === 0 || value >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${STEPS[step]}`;
}

/** 0.21 ms, 34 ms, 1.2 s. */
export function formatMicros(us: number): string {
  const ms = us / 1000;
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

const V4_MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/** 16 bytes as text: IPv4 where it is mapped, else RFC 5952 (which is how the URL standard writes IPv6 too). */
export function formatAddress(bytes: Uint8Array): string {
  if (V4_MAPPED.equals(bytes.subarray(0, 12))) return bytes.subarray(12).join('.');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
