/** Compression of record batches by node:zlib, on libuv's threads. Of Kafka's codecs: none, gzip and zstd. */
import { promisify } from 'node:util';
import { constants, gunzip, zstdCompress, zstdDecompress } from 'node:zlib';

const zstdCompressed = promisify(zstdCompress);
const zstdDecompressed = promisify(zstdDecompress);
const gunzipped = promisify(gunzip);

/** As in the attributes of a record batch. */
export const CODEC = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

const NAMES: readonly string[] = Object.keys(CODEC);

/** zlib's own 16 KiB costs a callback and a copy each: a batch is 10 to 60 of them. */
const CHUNK_BYTES = 128 * 1024;

export const codecName = (codec: number): string => NAMES[codec] ?? `codec ${codec}`;

/** Level 1: the levels above cost more time than they save bytes here. */
export const compressZstd = (bytes: Uint8Array): Promise<Buffer> =>
  zstdCompressed(bytes, {
    chunkSize: CHUNK_BYTES,
    // Both ends take memory for that much, and not for the largest.
    pledgedSrcSize: bytes.length,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });

/** Null for a codec that is not there. @throws what zlib throws, also beyond `bytesMax`. */
export async function decompress(codec: number, bytes: Buffer, bytesMax: number): Promise<Buffer | null> {
  const options = { maxOutputLength: bytesMax, chunkSize: CHUNK_BYTES };
  switch (codec) {
    case CODEC.none:
      return bytes;
    case CODEC.gzip:
      return gunzipped(bytes, options);
    case CODEC.zstd:
      return zstdDecompressed(bytes, options);
    default:
      return null;
  }
}
