/** What is read of a store, counted: verify promises footers, not data. */
import type { Store } from '../../contract/store.ts';

export interface ReadFigures {
  reads: number;
  bytesRead: number;
}

export function countReads(store: Store): { readonly store: Store; readonly figures: ReadFigures } {
  const figures: ReadFigures = { reads: 0, bytesRead: 0 };
  const readRange = async (name: string, start: number, end: number): Promise<Uint8Array> => {
    const bytes = await store.readRange(name, start, end);
    figures.reads++;
    figures.bytesRead += bytes.length;
    return bytes;
  };
  const readOnly = (): never => {
    throw new TypeError('verify writes nothing');
  };
  const counted: Store = {
    where: store.where,
    stat: (name) => store.stat(name),
    list: (prefix) => store.list(prefix),
    folders: (prefix) => store.folders(prefix),
    readRange,
    localPath: readOnly,
    create: readOnly,
    createBytes: readOnly,
    temporaryPath: readOnly,
    discard: readOnly,
  };
  return { store: counted, figures };
}
