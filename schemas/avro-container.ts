/**
 * Avro object container files, as far as the lake needs them: the head with its metadata, and the blocks after it.
 * Defensive: whatever the bytes, the answer is a head or a sentence.
 * Format: Avro 1.12 specification, "Object Container Files":
 *
 *   'Obj' 1 | map<bytes> metadata | sync (16) | blocks of: rows (long), size (long), data (size), sync (16)
 */
import { inflateRawSync } from 'node:zlib';
import { WeirError } from '../contract/errors.ts';
import { AvroReader } from './avro-reader.ts';
import { truncated } from './schema-error.ts';

export const CONTAINER_MAGIC: Uint8Array = Uint8Array.of(0x4f, 0x62, 0x6a, 1);
export const SYNC_BYTES = 16;
/** Weir's own key: length of the whole file, 20 digits, written last. A file that was cut does not have it. */
export const FILE_BYTES_KEY = 'weir-file-bytes';

/** A head holds the streams of 30 days (60 bytes each) and the ledger of one object; beyond this it is forged. */
export const HEAD_BYTES_MAX: number = 64 * 1024 * 1024;
/** Most heads lie within, and then one range is read. */
const FIRST_READ_BYTES = 64 * 1024;
const GROW = 8;
const METADATA_KEYS_MAX = 1000;
/** An uncompressed block of Weir's is 1 MiB and one row at most; others write up to some MiB. */
const BLOCK_BYTES_MAX: number = 256 * 1024 * 1024;

export interface ContainerHead {
  /** The file's own key-value metadata, `avro.*` too. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly sync: Uint8Array;
  /** Length of the head: the first block begins here. */
  readonly bytes: number;
}

/** What is wrong with a file. cut: it ends early or was damaged; invalid: it never was right. */
export interface BrokenContainer {
  readonly broken: 'cut' | 'invalid';
  readonly why: string;
}

/**
 * The head of a file of `fileBytes` bytes, in one range or a few. Errors: those of `read` alone.
 * @param read [start, end) of the file; may give less where it ends.
 */
export async function readContainerHead(
  read: (start: number, end: number) => Promise<Uint8Array>,
  fileBytes: number,
): Promise<ContainerHead | BrokenContainer> {
  for (let bytes = FIRST_READ_BYTES; ; bytes *= GROW) {
    const wanted = Math.min(bytes, fileBytes, HEAD_BYTES_MAX);
    const start = await read(0, wanted);
    if (start.length < wanted)
      return { broken: 'cut', why: `only ${start.length} of its first ${wanted} bytes could be read` };
    const head = parseHead(start);
    if (head !== null) return head;
    if (wanted === fileBytes) return { broken: 'cut', why: `it ends within its head, after ${fileBytes} bytes` };
    if (wanted === HEAD_BYTES_MAX) return { broken: 'invalid', why: `its head is longer than ${HEAD_BYTES_MAX} bytes` };
  }
}

/** Null: more of the file is needed. */
function parseHead(start: Uint8Array): ContainerHead | BrokenContainer | null {
  if (!startsWith(start, CONTAINER_MAGIC)) return { broken: 'invalid', why: 'it does not begin as an Avro file does' };
  const reader = new AvroReader(start, CONTAINER_MAGIC.length, 'the head of an Avro file');
  try {
    const metadata = readMetadata(reader);
    const sync = take(reader, SYNC_BYTES);
    return { metadata, sync: sync.slice(), bytes: reader.position };
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    if (error.code === 'WEIR_SCHEMA_TRUNCATED') return null;
    return { broken: 'invalid', why: error.message };
  }
}

function readMetadata(reader: AvroReader): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  const text = new TextDecoder();
  let keys = 0;
  for (let count = reader.readLong(); count !== 0; count = reader.readLong()) {
    // A negative count is followed by the block's size.
    if (count < 0) reader.readLong();
    keys += Math.abs(count);
    if (keys > METADATA_KEYS_MAX) throw new WeirError('WEIR_SCHEMA_TOO_LARGE', `its head names ${keys} keys`);
    for (let left = Math.abs(count); left > 0; left--) {
      const key = text.decode(take(reader, reader.readLong()));
      metadata[key] = text.decode(take(reader, reader.readLong()));
    }
  }
  return metadata;
}

function take(reader: AvroReader, bytes: number): Uint8Array {
  if (bytes < 0 || bytes > HEAD_BYTES_MAX) {
    throw new WeirError('WEIR_SCHEMA_INVALID', `a length of ${bytes} bytes in an Avro file`);
  }
  const { position, end } = reader;
  if (end - position < bytes) throw truncated('an Avro file', end);
  reader.position += bytes;
  return reader.bytes.subarray(position, position + bytes);
}

/** A block's rows, decompressed. */
export interface ContainerBlock {
  readonly rows: number;
  readonly data: Uint8Array;
}

/** The blocks of a whole file. Fails: WEIR_SCHEMA_*. */
export function* containerBlocks(file: Uint8Array, head: ContainerHead): Generator<ContainerBlock> {
  const reader = new AvroReader(file, head.bytes, 'an Avro file');
  const codec = head.metadata['avro.codec'] ?? 'null';
  if (codec !== 'null' && codec !== 'deflate') throw new WeirError('WEIR_SCHEMA_INVALID', `its codec is ${codec}`);
  while (reader.position < reader.end) {
    const rows = reader.readLong();
    const bytes = reader.readLong();
    if (rows < 0 || bytes > BLOCK_BYTES_MAX) {
      throw new WeirError('WEIR_SCHEMA_INVALID', `a block of ${rows} rows in ${bytes} bytes`);
    }
    const data = take(reader, bytes);
    if (!startsWith(take(reader, SYNC_BYTES), head.sync)) {
      throw new WeirError('WEIR_SCHEMA_INVALID', `the mark after the block at ${reader.position} is another`);
    }
    yield { rows, data: codec === 'null' ? data : inflate(data) };
  }
}

function inflate(data: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(data, { maxOutputLength: BLOCK_BYTES_MAX });
  } catch (error) {
    throw new WeirError('WEIR_SCHEMA_INVALID', `a block cannot be inflated: ${String(error)}`, {}, error);
  }
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, i) => bytes[i] === byte);
}
