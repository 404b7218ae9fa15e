/** Addresses of 16 bytes, IPv4 as ::ffff:a.b.c.d: the few questions that the sidecar asks of them. Pure. */

export function hexOf(addr: Uint8Array): string {
  return Buffer.from(addr.buffer, addr.byteOffset, addr.length).toString('hex');
}

export function isV4(bytes: Uint8Array, at = 0): boolean {
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return false;
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(bytes: Uint8Array, at = 0): boolean {
  if (isV4(bytes, at)) return bytes[at + 12] === 127;
  for (let i = 0; i < 15; i++) if (bytes[at + i] !== 0) return false;
  return bytes[at + 15] === 1;
}

/** 0.0.0.0 or ::. */
export function isWildcard(bytes: Uint8Array): boolean {
  const from = isV4(bytes) ? 12 : 0;
  for (let i = from; i < 16; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** fe80::/10 and 169.254.0.0/16: good for one link only, so no address of a network. */
export function isLinkLocal(bytes: Uint8Array): boolean {
  if (isV4(bytes)) return bytes[12] === 169 && bytes[13] === 254;
  return bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

/** The first address of the prefix. */
export function masked(addr: Uint8Array, prefixLength: number): Uint8Array {
  const bytes = Uint8Array.from(addr);
  for (let i = 0; i < 16; i++) {
    const bits = Math.min(8, Math.max(0, prefixLength - 8 * i));
    bytes[i] = bytes[i]! & (0xff << (8 - bits));
  }
  return bytes;
}

/** Whether two addresses agree in their first bits. */
export function samePrefix(a: Uint8Array, b: Uint8Array, prefixLength: number): boolean {
  for (let i = 0; 8 * i < prefixLength; i++) {
    const mask = 0xff << (8 - Math.min(8, prefixLength - 8 * i));
    if (((a[i]! ^ b[i]!) & mask & 0xff) !== 0) return false;
  }
  return true;
}
