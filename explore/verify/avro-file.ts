/** An Avro object by its head, and its rows where they are few. The counterpart of `footer.ts`. */
import avsc from 'avsc';
import { WeirError } from '../../contract/errors.ts';
import type { Store, StoredObject } from '../../contract/store.ts';
import {
  type ContainerHead,
  containerBlocks,
  FILE_BYTES_KEY,
  readContainerHead,
} from '../../schemas/avro-container.ts';

export interface Broken {
  readonly kind: 'cut' | 'invalid';
  readonly why: string;
}

/** An Avro file, whoever wrote it. */
export interface AvroHead {
  readonly kind: 'avro';
  readonly head: ContainerHead;
  /** The file's own key-value metadata. */
  readonly pairs: Readonly<Record<string, string>>;
}

/** Reads one range where the head has no more than 64 KiB. Errors: those of the store. */
export async function readAvroHead(store: Store, object: StoredObject): Promise<AvroHead | Broken> {
  const { name, bytes } = object;
  const head = await readContainerHead((start, end) => store.readRange(name, start, end), bytes);
  if ('broken' in head) return { kind: head.broken, why: head.why };
  const told = head.metadata[FILE_BYTES_KEY];
  if (told !== undefined && Number(told) !== bytes) {
    return { kind: 'cut', why: `it has ${bytes} bytes, its head says ${Number(told)}` };
  }
  return { kind: 'avro', head, pairs: head.metadata };
}

/**
 * The rows as objects, of a file read whole; a sentence where they cannot be read, or are more than expected.
 * Errors: those of the store.
 */
export async function readAvroRows(
  store: Store,
  object: StoredObject,
  head: ContainerHead,
  rowsMax: number,
): Promise<Record<string, unknown>[] | string> {
  const file = await store.readRange(object.name, 0, object.bytes);
  try {
    const type = avsc.Type.forSchema(JSON.parse(head.metadata['avro.schema'] ?? '') as avsc.Schema);
    const rows: Record<string, unknown>[] = [];
    for (const { rows: count, data } of containerBlocks(file, head)) {
      const block = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      if (rows.length + count > rowsMax) return `it has more than ${rowsMax} rows`;
      let at = 0;
      for (let i = 0; i < count; i++) {
        const { value, offset } = type.decode(block, at);
        if (offset < 0) throw new WeirError('WEIR_SCHEMA_TRUNCATED', `a block ends before its row ${i}`);
        rows.push(value as Record<string, unknown>);
        at = offset;
      }
    }
    return rows;
  } catch (error) {
    return `its rows cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
