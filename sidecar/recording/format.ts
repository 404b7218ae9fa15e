/**
 * The file of a recording.
 *
 *   magic  8 bytes "WEIRREC" NUL
 *   u32    version (1)
 *   block* u32 bytes on disk, u32 bytes of frames, u32 CRC-32 of what is on disk, zstd
 *
 * A block's frames, back to back: u32 payload bytes, u8 kind, u8 zero, u16 node, f64 when (us since 1970), payload.
 * The last frame of the last block is `end`. Everything is little endian. Each count is checked against what is there
 * before anything is read by it: WEIR_SIDECAR_RECORDING_INVALID names the byte offset in the file.
 */
import { WeirError } from '../../contract/errors.ts';

export const MAGIC: Uint8Array = new TextEncoder().encode('WEIRREC\0');
export const VERSION = 1;
export const FILE_HEADER_BYTES = 12;
export const BLOCK_HEADER_BYTES = 12;
export const FRAME_HEADER_BYTES = 16;
/** Frames of one block at most; a reader holds two. */
export const BLOCK_BYTES_MAX: number = 16 * 1024 * 1024;
/** A writer closes a block at this size: large enough to compress well. */
export const BLOCK_BYTES_AIM: number = 1024 * 1024;
/** Nodes of one file. */
export const NODES_MAX = 256;

export const FRAME = {
  /** JSON: node, cluster, network, ring, clock. First of its node. */
  node: 1,
  /** JSON HostSnapshot. */
  snapshot: 2,
  /** The capture begins. JSON SourceStart. */
  start: 3,
  /** Ring bytes as `read` gave them. */
  ring: 4,
  /** JSON SourceCounters. */
  counters: 5,
  /** JSON: cgroup id, process name or "", identity. */
  identity: 6,
  /** The next scan saw what the last snapshot frame says: JSON [startedUs, finishedUs]. */
  unchanged: 7,
  /** The node's last frame. */
  stop: 8,
  /** Free-form bytes that travel with the recording; node 0. */
  truth: 9,
  /** The file's last frame: u32 frames before it. */
  end: 10,
} as const;
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

export interface Frame {
  readonly kind: FrameKind;
  readonly node: number;
  readonly atUs: number;
  /** A view of the block's bytes. */
  readonly payload: Uint8Array;
  /** Of the block in the file, for messages. */
  readonly fileOffset: number;
}

export function invalidRecording(what: string, fileOffset: number, cause?: unknown): WeirError {
  const message = `not a whole Weir recording: ${what} at byte ${fileOffset}`;
  return new WeirError('WEIR_SIDECAR_RECORDING_INVALID', message, { offset: fileOffset }, cause);
}

/** One frame as bytes. */
export function encodeFrame(kind: FrameKind, node: number, atUs: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint8(4, kind);
  view.setUint16(6, node, true);
  view.setFloat64(8, atUs, true);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** The frames of a block. */
export function* framesOf(block: Uint8Array, fileOffset: number): Generator<Frame> {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  let at = 0;
  while (at < block.length) {
    if (block.length - at < FRAME_HEADER_BYTES) throw invalidRecording('a frame header is cut', fileOffset);
    const length = view.getUint32(at, true);
    const kind = view.getUint8(at + 4);
    const node = view.getUint16(at + 6, true);
    const atUs = view.getFloat64(at + 8, true);
    if (length > block.length - at - FRAME_HEADER_BYTES) throw invalidRecording('a frame is cut', fileOffset);
    if (kind < FRAME.node || kind > FRAME.end) throw invalidRecording(`a frame of unknown kind ${kind}`, fileOffset);
    if (node >= NODES_MAX || !Number.isFinite(atUs)) throw invalidRecording('an impossible frame', fileOffset);
    const payload = block.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length);
    yield { kind: kind as FrameKind, node, atUs, payload, fileOffset };
    at += FRAME_HEADER_BYTES + length;
  }
}
