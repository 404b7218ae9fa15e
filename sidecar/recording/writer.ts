/** Writes a recording, block by block: what is in a closed block is readable even if the program dies. */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { constants, crc32, zstdCompressSync } from 'node:zlib';
import { fromUnknown } from '../../contract/errors.ts';
import {
  BLOCK_BYTES_AIM,
  BLOCK_HEADER_BYTES,
  encodeFrame,
  FILE_HEADER_BYTES,
  FRAME,
  MAGIC,
  VERSION,
  type FrameKind,
} from './format.ts';

/** Written once, read many times: at 15 MB/s this is far above what a ring gives. */
const ZSTD_LEVEL = 12;

export class RecordingWriter {
  readonly path: string;
  readonly #fd: number;
  readonly #blockAgeUs: number;
  #frames: Uint8Array[] = [];
  /** When the oldest frame of the open block was. */
  #sinceUs = 0;
  #bytes = 0;
  #count = 0;
  #closed = false;

  /**
   * The file must not exist. `blockAgeUs`: a block is closed at the latest when it covers so much time, which is then what a
   * kill costs. Errors: WEIR_DATA_RIGHTS.
   */
  constructor(path: string, blockAgeUs: number = Infinity) {
    this.path = path;
    this.#blockAgeUs = blockAgeUs;
    try {
      this.#fd = openSync(path, 'wx');
    } catch (cause) {
      throw fromUnknown(cause, 'WEIR_DATA_RIGHTS', `cannot make the recording ${path}`, { path });
    }
    const header = new Uint8Array(FILE_HEADER_BYTES);
    header.set(MAGIC);
    new DataView(header.buffer).setUint32(8, VERSION, true);
    this.#write(header);
  }

  /** Copies the payload. */
  frame(kind: FrameKind, node: number, atUs: number, payload: Uint8Array): void {
    if (this.#frames.length === 0) this.#sinceUs = atUs;
    this.#frames.push(encodeFrame(kind, node, atUs, payload));
    this.#bytes += this.#frames.at(-1)!.length;
    this.#count++;
    if (this.#bytes >= BLOCK_BYTES_AIM || atUs - this.#sinceUs >= this.#blockAgeUs) this.#flush();
  }

  /** Bytes that travel with the recording, such as what the demo knows to be true. */
  truth(bytes: Uint8Array): void {
    this.frame(FRAME.truth, 0, 0, bytes);
  }

  /** The end frame, on the disk. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const count = new Uint8Array(4);
    new DataView(count.buffer).setUint32(0, this.#count, true);
    this.#frames.push(encodeFrame(FRAME.end, 0, 0, count));
    this.#flush();
    fsyncSync(this.#fd);
    closeSync(this.#fd);
  }

  #flush(): void {
    if (this.#frames.length === 0) return;
    const raw = Buffer.concat(this.#frames);
    const packed = zstdCompressSync(raw, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
    const header = new Uint8Array(BLOCK_HEADER_BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(0, packed.length, true);
    view.setUint32(4, raw.length, true);
    view.setUint32(8, crc32(packed), true);
    this.#write(Buffer.concat([header, packed]));
    this.#frames = [];
    this.#bytes = 0;
  }

  #write(bytes: Uint8Array): void {
    let at = 0;
    try {
      while (at < bytes.length) at += writeSync(this.#fd, bytes, at);
    } catch (cause) {
      throw fromUnknown(cause, 'WEIR_DATA_RIGHTS', `cannot write the recording ${this.path}`, { path: this.path });
    }
  }
}
