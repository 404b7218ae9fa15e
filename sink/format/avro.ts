/**
 * Avro object container files, deflated: for readers that have no Parquet. Costs some six times the CPU of Parquet and
 * two to three times the bytes. Rows become objects here, one at a time, and go out in blocks, so memory is one block's.
 * The metadata stand in the file's head.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, deflateRaw } from 'node:zlib';
import avsc from 'avsc';
import { WeirError } from '../../contract/errors.ts';
import type { Store } from '../../contract/store.ts';
import { CONTAINER_MAGIC, FILE_BYTES_KEY, readContainerHead, SYNC_BYTES } from '../../schemas/avro-container.ts';
import { avroSchemaOf } from '../../schemas/table-avro.ts';
import { TABLES } from '../../schemas/tables.ts';
import { fromFileSystem, isFileSystemError } from '../store/file-errors.ts';
import type { ColumnData, TableData, TableFormat } from './columns.ts';

/** Before compression. Encoding one takes some ten milliseconds, in which nothing else runs. */
const BLOCK_BYTES = 1024 * 1024;
const BLOCK_BYTES_MAX: number = 64 * BLOCK_BYTES;
const FILE_BYTES_DIGITS = 20;
/** zlib's fastest: twice as fast as its default, a tenth larger. */
const LEVEL: number = constants.Z_BEST_SPEED;

const compress = promisify(deflateRaw) as (data: Uint8Array, options: { level: number }) => Promise<Buffer>;

type Value = string | number | boolean | null;
export type Row = Record<string, Value>;

const HEAD = avsc.Type.forSchema({ type: 'map', values: 'bytes' });
const LONG = avsc.Type.forSchema('long');

export function openAvroFormat(): TableFormat {
  return { format: 'avro', write: writeAvro, readMetadata: readAvroMetadata, close: () => Promise.resolve() };
}

async function writeAvro(table: TableData, file: string, metadata: Readonly<Record<string, string>>): Promise<void> {
  const schema = TABLES.find((entry) => entry.name === table.table);
  if (schema === undefined) throw new WeirError('WEIR_INTERNAL', `no table ${table.table}`);
  const avro = avroSchemaOf(schema);
  const sync = randomBytes(SYNC_BYTES);
  const head = headOf(metadata, avro, sync);
  try {
    const handle = await open(file, 'wx');
    try {
      await handle.writeFile(head);
      const bytes = head.length + (await writeBlocks(handle, table, avsc.Type.forSchema(avro as avsc.Schema), sync));
      await handle.write(String(bytes).padStart(FILE_BYTES_DIGITS, '0'), fileBytesAt(head));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw encodeError(error, file);
  }
}

function headOf(metadata: Readonly<Record<string, string>>, schema: object, sync: Buffer): Buffer {
  const pairs: Record<string, string> = {
    'avro.schema': JSON.stringify(schema),
    'avro.codec': 'deflate',
    ...metadata,
    // Known when all is written.
    [FILE_BYTES_KEY]: '0'.repeat(FILE_BYTES_DIGITS),
  };
  const values = Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, Buffer.from(value)]));
  return Buffer.concat([CONTAINER_MAGIC, HEAD.toBuffer(values), sync]);
}

/** Where the file's length stands: the last value of the map, before the map's end (one 0) and the mark. */
const fileBytesAt = (head: Buffer): number => head.length - SYNC_BYTES - 1 - FILE_BYTES_DIGITS;

/** @returns bytes written. */
async function writeBlocks(handle: FileHandle, table: TableData, type: avsc.Type, sync: Buffer): Promise<number> {
  const fill = rowFiller(table);
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let written = 0;
  let rows = 0;
  let at = 0;
  const flush = async (): Promise<void> => {
    const data = await compress(block.subarray(0, at), { level: LEVEL });
    const whole = Buffer.concat([LONG.toBuffer(rows), LONG.toBuffer(data.length), data, sync]);
    await handle.writeFile(whole);
    written += whole.length;
    rows = 0;
    at = 0;
  };
  for (let i = 0; i < table.rows; ) {
    const end = type.encode(fill(table.order === null ? i : table.order[i]!), block, at);
    if (end >= 0) {
      at = end;
      rows++;
      i++;
    } else if (rows > 0) await flush();
    else if (block.length >= BLOCK_BYTES_MAX) throw new Error(`row ${i} is longer than ${BLOCK_BYTES_MAX} bytes`);
    // One row that is longer than a block.
    else block = Buffer.allocUnsafe(2 * block.length);
  }
  if (rows > 0) await flush();
  return written;
}

/** Fills the one object that every row is encoded from. */
export function rowFiller(table: TableData): (row: number) => Row {
  const object: Row = {};
  const columns = Object.entries(table.columns).map(([name, data]): [string, (row: number) => Value] => {
    object[name] = null;
    return [name, valueOf(data)];
  });
  return (row) => {
    for (const [name, value] of columns) object[name] = value(row);
    return object;
  };
}

function valueOf(data: ColumnData): (row: number) => Value {
  switch (data.kind) {
    case 'none':
      return () => null;
    case 'constant':
      return () => data.value;
    case 'doubles':
    case 'ints': {
      const { values, sentinel } = data;
      if (sentinel === 'nan') return (row) => (Number.isNaN(values[row]) ? null : values[row]!);
      return (row) => (sentinel && values[row]! < 0 ? null : values[row]!);
    }
    case 'flags':
      return (row) => data.values[row] === 1;
    case 'texts': {
      const { index, codes, texts } = data;
      return (row) => {
        const entity = index[row]!;
        const code = entity < 0 ? -1 : codes[entity]!;
        return code < 0 ? null : texts[code]!;
      };
    }
    case 'looked_up': {
      const { index, values } = data;
      return (row) => {
        const entity = index[row]!;
        return entity < 0 || values[entity]! < 0 ? null : values[entity]!;
      };
    }
  }
}

async function readAvroMetadata(store: Store, name: string): Promise<Record<string, string>> {
  const invalid = (why: string): WeirError =>
    new WeirError('WEIR_SINK_OBJECT_INVALID', `${name} in ${store.where}: ${why}`, { name });
  const object = await store.stat(name);
  if (object === null) throw invalid('it is not there');
  const head = await readContainerHead((start, end) => store.readRange(name, start, end), object.bytes);
  if ('broken' in head) throw invalid(head.why);
  if (Number(head.metadata[FILE_BYTES_KEY]) !== object.bytes) {
    throw invalid(`it has ${object.bytes} bytes, and says that it has ${head.metadata[FILE_BYTES_KEY] ?? 'none'}`);
  }
  return { ...head.metadata };
}

function encodeError(error: unknown, file: string): WeirError {
  if (error instanceof WeirError) return error;
  const rights = isFileSystemError(error, 'ENOSPC', 'EDQUOT', 'EFBIG', 'EACCES', 'EPERM', 'EROFS');
  if (rights) return fromFileSystem(error, 'write an Avro file', file);
  const message = error instanceof Error ? error.message : String(error);
  return new WeirError('WEIR_SINK_ENCODE_FAILED', `cannot write ${file}: ${message}`, { file }, error);
}
