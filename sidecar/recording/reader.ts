/** Reads a recording's frames, block by block, holding one block at a time. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32, zstdDecompressSync } from 'node:zlib';
import { fromUnknown } from '../../contract/errors.ts';
import {
  BLOCK_BYTES_MAX,
  BLOCK_HEADER_BYTES,
  FILE_HEADER_BYTES,
  FRAME,
  framesOf,
  invalidRecording,
  MAGIC,
  VERSION,
  type Frame,
} from './format.ts';

/** Where bytes come from: a file, or memory in tests. */
export interface RecordingBytes {
  readonly length: number;
  /** Exactly these bytes. */
  read(offset: number, length: number): Uint8Array;
  close(): void;
}

/** Errors: WEIR_SIDECAR_RECORDING_INVALID when it cannot be opened. */
export function recordingFile(path: string): RecordingBytes {
  try {
    const fd = openSync(path, 'r');
    const { size } = fstatSync(fd);
    return {
      length: size,
      read(offset, length) {
        const bytes = new Uint8Array(length);
        let at = 0;
        while (at < length) {
          const more = readSync(fd, bytes, at, length - at, offset + at);
          if (more === 0) throw invalidRecording('the file ends', offset + at);
          at += more;
        }
        return bytes;
      },
      close: () => closeSync(fd),
    };
  } catch (cause) {
    throw fromUnknown(cause, 'WEIR_SIDECAR_RECORDING_INVALID', `cannot open the recording ${path}`, { path });
  }
}

export function recordingInMemory(bytes: Uint8Array): RecordingBytes {
  return {
    length: bytes.length,
    read: (offset, length) => bytes.slice(offset, offset + length),
    close: () => undefined,
  };
}

/**
 * All frames in order, checked; the end frame last. Returns null, or where a recording stops that has no end because its
 * recorder was killed: behind the last whole block. Whatever is wrong is WEIR_SIDECAR_RECORDING_INVALID.
 */
export function* readFrames(bytes: RecordingBytes): Generator<Frame, number | null> {
  if (bytes.length < FILE_HEADER_BYTES) throw invalidRecording('the header is cut', bytes.length);
  const header = bytes.read(0, FILE_HEADER_BYTES);
  if (!MAGIC.every((byte, i) => header[i] === byte)) throw invalidRecording('another kind of file', 0);
  const version = new DataView(header.buffer, header.byteOffset).getUint32(8, true);
  if (version !== VERSION) throw invalidRecording(`version ${version}, this Weir reads ${VERSION},`, 8);
  let at = FILE_HEADER_BYTES;
  let frames = 0;
  while (at < bytes.length) {
    const read = readBlock(bytes, at);
    if (read === null) break;
    const { block, next } = read;
    for (const frame of framesOf(block, at)) {
      if (frame.kind === FRAME.end) {
        checkEnd(frame, frames, next, bytes.length);
        yield frame;
        return null;
      }
      yield frame;
      frames++;
    }
    at = next;
  }
  return at;
}

/** Null where the file ends inside it. */
function readBlock(bytes: RecordingBytes, at: number): { readonly block: Uint8Array; readonly next: number } | null {
  if (bytes.length - at < BLOCK_HEADER_BYTES) return null;
  const header = bytes.read(at, BLOCK_HEADER_BYTES);
  const view = new DataView(header.buffer, header.byteOffset);
  const packedBytes = view.getUint32(0, true);
  const rawBytes = view.getUint32(4, true);
  const from = at + BLOCK_HEADER_BYTES;
  if (rawBytes > BLOCK_BYTES_MAX || packedBytes > BLOCK_BYTES_MAX) throw invalidRecording('a block too large', at);
  if (packedBytes > bytes.length - from) return null;
  const packed = bytes.read(from, packedBytes);
  if (crc32(packed) !== view.getUint32(8, true)) throw invalidRecording('a damaged block', at);
  return { block: unpack(packed, rawBytes, at), next: from + packedBytes };
}

function unpack(packed: Uint8Array, rawBytes: number, at: number): Uint8Array {
  let block: Uint8Array;
  try {
    block = zstdDecompressSync(packed, { maxOutputLength: Math.max(1, rawBytes) });
  } catch (cause) {
    throw invalidRecording('a block that cannot be unpacked', at, cause);
  }
  if (block.length !== rawBytes) throw invalidRecording('a block of another length than it says', at);
  return block;
}

function checkEnd(frame: Frame, frames: number, next: number, length: number): void {
  const { payload, fileOffset } = frame;
  const said = payload.length === 4 ? new DataView(payload.buffer, payload.byteOffset).getUint32(0, true) : -1;
  if (said !== frames) throw invalidRecording(`${frames} frames where ${said} are announced`, fileOffset);
  if (next !== length) throw invalidRecording('something follows the end', next);
}
