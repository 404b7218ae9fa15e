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
/** What zlib takes. */
const CHUNK_BYTES_MIN = 64;
const WHOLE_BYTES_MAX = 4 * 1024 * 1024;

export const codecName = (codec: number): string => NAMES[codec] ?? `codec ${codec}`;

/** Level 1: the levels above cost more time than they save bytes here. */
export const compressZstd = (bytes: Uint8Array): Promise<Buffer> =>
  zstdCompressed(bytes, {
    chunkSize: CHUNK_BYTES,
    // Both ends take memory for that much, and not for the largest.
    pledgedSrcSize: bytes.length,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });

const ZSTD_MAGIC = 0xfd2fb528;

/** How much a frame holds, where its header says so (RFC 8878, section 3.1.1.1); null: it does not. */
export function zstdContentBytes(frame: Buffer): number | null {
  if (frame.length < 18 || frame.readUInt32LE(0) !== ZSTD_MAGIC) return null;
  const descriptor = frame[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  switch (descriptor >>> 6) {
    case 0:
      return isSingleSegment ? frame[at]! : null;
    case 1:
      return 256 + frame.readUInt16LE(at);
    case 2:
      return frame.readUInt32LE(at);
    default:
      return frame.readUInt32LE(at + 4) * 2 ** 32 + frame.readUInt32LE(at);
  }
}

/** All of it in one buffer where that is known; what a header claims is not believed without bound. */
function outputChunkBytes(frame: Buffer): number {
  const bytes = zstdContentBytes(frame);
  // A byte more: zlib makes another buffer once one is full.
  return bytes === null ? CHUNK_BYTES : Math.min(Math.max(bytes + 1, CHUNK_BYTES_MIN), WHOLE_BYTES_MAX);
}

/** Null for a codec that is not there. @throws what zlib throws, also beyond `bytesMax`. */
export async function decompress(codec: number, bytes: Buffer, bytesMax: number): Promise<Buffer | null> {
  switch (codec) {
    case CODEC.none:
      return bytes;
    case CODEC.gzip:
      return gunzipped(bytes, { maxOutputLength: bytesMax, chunkSize: CHUNK_BYTES });
    case CODEC.zstd:
      return zstdDecompressed(bytes, { maxOutputLength: bytesMax, chunkSize: outputChunkBytes(bytes) });
    default:
      return null;
  }
}
