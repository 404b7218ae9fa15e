/**
 * A table format that leaves out what `privacy.*` names: columns that are null in every row, and in `ownership` public
 * addresses cut to their network (in `flows` the enricher has done that already).
 */
import { isIPv4 } from 'node:net';
import { WeirError } from '../../contract/errors.ts';
import { TABLES } from '../../schemas/tables.ts';
import { formatAddress, scopeOf } from './addresses.ts';
import type { ColumnData, TableData, TableFormat } from './columns.ts';

export interface Privacy {
  readonly externalAddresses: 'keep' | 'truncate' | 'drop';
  readonly dropColumns: readonly string[];
}

/** Bits that stay of a public address. */
const IPV4_BITS = 24;
const IPV6_BITS = 48;

/**
 * The format itself where nothing is to be left out.
 * @throws WEIR_CONFIG_INVALID for a column that is not there, or that a row cannot be without
 */
export function privateFormat(format: TableFormat, privacy: Privacy): TableFormat {
  const hide = hiderOf(privacy);
  if (hide === null) return format;
  return {
    format: format.format,
    write: (table, file, metadata) => format.write(hide(table), file, metadata),
    readMetadata: (store, name) => format.readMetadata(store, name),
    close: () => format.close(),
  };
}

/**
 * The table without what is to be left out; null where nothing is.
 * @throws as `privateFormat`
 */
export function hiderOf(privacy: Privacy): ((table: TableData) => TableData) | null {
  const dropped = new Set(privacy.dropColumns);
  for (const name of dropped) checkColumn(name);
  if (dropped.size === 0 && privacy.externalAddresses === 'keep') return null;
  return (table) => withoutPrivate(table, dropped, privacy);
}

function checkColumn(name: string): void {
  const columns = TABLES.flatMap((table) => table.columns.filter((column) => column.name === name));
  if (columns.length === 0) {
    throw new WeirError('WEIR_CONFIG_INVALID', `privacy.dropColumns names ${name}, and no table has such a column`);
  }
  if (columns.some(({ nullable }) => !nullable)) {
    throw new WeirError('WEIR_CONFIG_INVALID', `privacy.dropColumns names ${name}, which no row can be without`);
  }
}

function withoutPrivate(table: TableData, dropped: ReadonlySet<string>, { externalAddresses }: Privacy): TableData {
  const columns: Record<string, ColumnData> = { ...table.columns };
  for (const name of dropped) if (name in columns) columns[name] = { kind: 'none' };
  if (table.table === 'ownership' && externalAddresses !== 'keep') cutOwnership(columns, table.rows);
  return { ...table, columns };
}

/** A row without its address would say nothing: it keeps the network, and the prefix length that says so. */
function cutOwnership(columns: Record<string, ColumnData>, rows: number): void {
  const addr = columns['addr'];
  const prefixLength = columns['prefix_length'];
  if (addr?.kind !== 'texts' || prefixLength?.kind !== 'ints') {
    throw new WeirError('WEIR_INTERNAL', 'the ownership table has no addresses');
  }
  const texts: string[] = [];
  const codeOf = new Map<string, number>();
  const bits = new Int32Array(addr.texts.length).fill(-1);
  const newCodes = addr.texts.map((text, i) => {
    const cut = cutAddress(text);
    if (cut !== text) bits[i] = isIPv4(text) ? IPV4_BITS : IPV6_BITS;
    const known = codeOf.get(cut);
    if (known !== undefined) return known;
    codeOf.set(cut, texts.length);
    return texts.push(cut) - 1;
  });
  const lengths = prefixLength.values.slice(0, rows);
  for (let row = 0; row < rows; row++) {
    const code = addr.codes[addr.index[row]!]!;
    const least = code < 0 ? -1 : bits[code]!;
    if (least >= 0 && lengths[row]! > least) lengths[row] = least;
  }
  const codes = addr.codes.map((code) => (code < 0 ? code : newCodes[code]!));
  columns['addr'] = { kind: 'texts', index: addr.index, codes, texts };
  columns['prefix_length'] = { ...prefixLength, values: lengths };
}

/** A public address without the bits that tell one machine from its neighbours; any other as it is. */
export function cutAddress(text: string): string {
  const bytes = bytesOf(text);
  if (scopeOf(bytes) !== 'public') return text;
  if (isIPv4(text)) bytes[15] = 0;
  else bytes.fill(0, IPV6_BITS / 8);
  return formatAddress(bytes);
}

/** Of what `formatAddress` wrote. */
function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  if (isIPv4(text)) {
    bytes.set([0xff, 0xff, ...text.split('.').map(Number)], 10);
    return bytes;
  }
  const [head = '', tail] = text.split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const front = words(head);
  const back = tail === undefined ? [] : words(tail);
  front.forEach((word, i) => bytes.set([word >> 8, word & 0xff], 2 * i));
  back.forEach((word, i) => bytes.set([word >> 8, word & 0xff], 16 - 2 * (back.length - i)));
  return bytes;
}
