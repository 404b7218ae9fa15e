/** Below it a buffer may lie in Node's pool, or is not worth it. */
const FREED_BYTES_MIN = 64 * 1024;

/**
 * Frees a buffer's memory now, and not when the collector finds it: V8 collects its whole heap for every few megabytes of
 * buffers that have gathered. Only for one that nobody else holds: all views of it are empty from here on. One that may
 * lie in Node's pool, and so beside others, is left alone.
 */
export function freeBuffer({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Math.max(FREED_BYTES_MIN, Buffer.poolSize))
    buffer.transfer(0);
}
