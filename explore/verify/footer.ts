/** What an object says of itself, from its footer alone. Defensive: whatever the bytes, the answer is facts or a sentence. */
import { type FileMetaData, parquetMetadata } from 'hyparquet';
import type { Store, StoredObject } from '../../contract/store.ts';
import { type Broken, readAvroHead } from './avro-file.ts';
import { type ObjectFacts, parseFileMetadata } from '../../schemas/objects.ts';

/** `weir-streams` of a large fleet is some hundred KB; a footer beyond this is forged. */
export const FOOTER_BYTES_MAX: number = 64 * 1024 * 1024;
/** The first read of an object that nothing is known of: most footers lie within. */
export const FIRST_READ_BYTES: number = 32 * 1024;
const MAGIC = 0x31524150; // "PAR1", little-endian
const TAIL_BYTES = 8; // length of the footer, magic

/** A Parquet file, whoever wrote it. */
export interface ParquetFooter {
  readonly kind: 'parquet';
  readonly metadata: FileMetaData;
  /** The file's own key-value metadata. */
  readonly pairs: Readonly<Record<string, string>>;
  readonly rowsCount: number;
  /** Of the footer, its length and the magic. */
  readonly tailBytes: number;
}

/** An object of a chain. */
export interface ObjectFooter {
  readonly kind: 'facts';
  readonly facts: ObjectFacts;
  readonly rowsCount: number;
  /** How many of its last bytes had to be read. 0: it is not its end that tells. */
  readonly tailBytes: number;
}

const cut = (why: string): Broken => ({ kind: 'cut', why });

/**
 * What Weir says in a file of either format.
 * @param firstBytes how many bytes of the end are read at first, where it is told there.
 */
export async function readFooter(
  store: Store,
  object: StoredObject,
  firstBytes: number = FIRST_READ_BYTES,
): Promise<ObjectFooter | Broken> {
  const footer = object.name.endsWith('.avro')
    ? await readAvroHead(store, object)
    : await readParquetFooter(store, object, firstBytes);
  if ('why' in footer) return footer;
  const facts = parseFileMetadata(footer.pairs);
  if (facts === null) return { kind: 'invalid', why: 'its metadata is not what Weir writes' };
  // An Avro file counts its rows in every block, and its head not at all: that it is whole is all that is known.
  if (footer.kind === 'avro') return { kind: 'facts', facts, rowsCount: facts.rows, tailBytes: 0 };
  return { kind: 'facts', facts, rowsCount: footer.rowsCount, tailBytes: footer.tailBytes };
}

/** Reads at most two ranges. Errors: those of the store. */
export async function readParquetFooter(
  store: Store,
  object: StoredObject,
  firstBytes: number = FIRST_READ_BYTES,
): Promise<ParquetFooter | Broken> {
  const { name, bytes } = object;
  if (bytes < TAIL_BYTES + 4) return cut(`it has ${bytes} bytes, too few for a Parquet file`);
  let tailStart = Math.max(0, bytes - firstBytes);
  let tail = await store.readRange(name, tailStart, bytes);
  if (tail.length !== bytes - tailStart)
    return cut(`only ${tail.length} of its last ${bytes - tailStart} bytes could be read`);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  if (view.getUint32(tail.length - 4, true) !== MAGIC) return cut('it does not end as a Parquet file does');
  const footerBytes = view.getUint32(tail.length - TAIL_BYTES, true);
  const footerStart = bytes - TAIL_BYTES - footerBytes;
  if (footerStart < 4) return cut(`its footer would be ${footerBytes} bytes, more than there are`);
  if (footerBytes > FOOTER_BYTES_MAX)
    return { kind: 'invalid', why: `its footer of ${footerBytes} bytes exceeds ${FOOTER_BYTES_MAX}` };
  if (footerStart < tailStart) {
    tailStart = footerStart;
    tail = await store.readRange(name, tailStart, bytes);
    if (tail.length !== bytes - tailStart) return cut('its footer could not be read whole');
  }
  return parseFooter(tail.subarray(footerStart - tailStart), footerStart);
}

/** @param tail the footer with its length and magic. */
function parseFooter(tail: Uint8Array, footerStart: number): ParquetFooter | Broken {
  let metadata: FileMetaData;
  try {
    metadata = parquetMetadata(tail.slice().buffer, { geoparquet: false });
  } catch (error) {
    return cut(`its footer cannot be parsed: ${error instanceof Error ? error.message : String(error)}`);
  }
  const lost = chunkOutside(metadata, footerStart);
  if (lost !== null) return cut(lost);
  const pairs: Record<string, string> = {};
  for (const { key, value } of metadata.key_value_metadata ?? []) pairs[key] = value ?? '';
  const rowsCount = Number(metadata.num_rows);
  let groupRows = 0;
  for (const group of metadata.row_groups) groupRows += Number(group.num_rows);
  if (groupRows !== rowsCount)
    return { kind: 'invalid', why: `its row groups hold ${groupRows} rows, its footer says ${rowsCount}` };
  return { kind: 'parquet', metadata, pairs, rowsCount, tailBytes: tail.length };
}

/** The data that the footer tells of must lie between the head and the footer: bytes cut out of the middle show here. */
function chunkOutside(metadata: FileMetaData, footerStart: number): string | null {
  for (const group of metadata.row_groups) {
    for (const column of group.columns) {
      const chunk = column.meta_data;
      if (chunk === undefined) return 'a column chunk has no metadata';
      const start = Number(chunk.dictionary_page_offset ?? chunk.data_page_offset);
      const first = Math.min(start, Number(chunk.data_page_offset));
      const end = first + Number(chunk.total_compressed_size);
      if (first < 4 || end > footerStart)
        return `column ${chunk.path_in_schema.join('.')} ends at byte ${end}, the data at ${footerStart}`;
    }
  }
  return null;
}
