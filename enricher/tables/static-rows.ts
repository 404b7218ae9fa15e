/** The rows of a static table: who or where an address range is, from when to when. */
import { WORKLOAD_KINDS } from '../../schemas/tables.ts';
import { isLoopback, isMapped, isMulticast, isUnspecified } from '../ownership/address.ts';
import { int32Words } from '../../schemas/columns.ts';
import { hasHostBits, parsePrefix } from './address-text.ts';
import { type Cell, type Cells, type ReadRow, refuseAt } from './cells.ts';
import { readCsv } from './csv.ts';
import { readJson } from './json.ts';

export interface StaticRow {
  /** Scope of the address; empty: the enricher's own. */
  readonly network: string;
  readonly addr: Uint8Array;
  /** Of the 128-bit address; 128 is one address. */
  readonly prefixLength: number;
  /** us since 1970; 0: always. */
  readonly fromUs: number;
  /** -1: still. */
  readonly toUs: number;
  /** Empty: the row only says where the range is. */
  readonly name: string;
  readonly kind: string;
  readonly namespace: string;
  readonly region: string;
  readonly availabilityZone: string;
  readonly accountId: string;
  readonly vpcId: string;
  readonly subnetId: string;
}

export const STATIC_COLUMNS: readonly string[] = [
  'network',
  'prefix',
  'from',
  'to',
  'name',
  'kind',
  'namespace',
  'region',
  'availability_zone',
  'account_id',
  'vpc_id',
  'subnet_id',
];
/** More are refused: every enricher holds them all. */
export const STATIC_ROWS_MAX = 200_000;
const TEXT_MAX = 256;
const DEFAULT_KIND = 'External';
const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2}))?$/;
/** Nobody owns more than a /8 of IPv4 or a /16 of IPv6, but for fc00::/7. */
const IPV4_LENGTH_MIN = 104;
const IPV6_LENGTH_MIN = 16;
const UNIQUE_LOCAL_LENGTH = 7;

/**
 * The rows of a file, CSV or JSON by its name's ending. Pure.
 * @throws WEIR_ENRICHER_TABLE_INVALID naming file, line and column
 */
export function readStaticTable(file: string, text: string): readonly StaticRow[] {
  const rows = file.toLowerCase().endsWith('.json') ? readJson(file, text) : readCsv(file, text);
  if (rows.length > STATIC_ROWS_MAX) {
    const { line } = rows[STATIC_ROWS_MAX]!;
    refuseAt(file, { line, column: 1 }, `more than ${STATIC_ROWS_MAX} rows; make the ranges larger, or leave some out`);
  }
  return rows.map((row) => staticRow(file, row));
}

function staticRow(file: string, { line, cells }: ReadRow): StaticRow {
  for (const [name, cell] of cells) {
    if (!STATIC_COLUMNS.includes(name))
      refuseAt(file, cell, `no column ${name}; there are ${STATIC_COLUMNS.join(', ')}`);
  }
  const at = cells.get('prefix') ?? { text: '', line, column: 1 };
  const prefix = readPrefix(file, at);
  const text = (name: string): string => readText(file, cells, name);
  const where = {
    region: text('region'),
    availabilityZone: text('availability_zone'),
    accountId: text('account_id'),
    vpcId: text('vpc_id'),
    subnetId: text('subnet_id'),
  };
  const name = text('name');
  if (name === '' && Object.values(where).every((value) => value === '')) {
    refuseAt(file, at, 'a row that says neither who nor where; fill name, or one of region, account_id, …');
  }
  // Where one machine is, its own claim says; a table names it.
  if (name === '' && prefix.length === 128) refuseAt(file, at, 'a row of one address needs a name');
  const fromUs = readTime(file, cells.get('from'), 0);
  const toUs = readTime(file, cells.get('to'), -1);
  if (toUs >= 0 && toUs <= fromUs) refuseAt(file, cells.get('to')!, 'to is not after from');
  return {
    network: text('network'),
    addr: prefix.bytes,
    prefixLength: prefix.length,
    fromUs,
    toUs,
    name,
    kind: readKind(file, cells.get('kind')),
    namespace: text('namespace'),
    ...where,
  };
}

function readPrefix(file: string, cell: Cell): { bytes: Uint8Array; length: number } {
  if (cell.text === '') refuseAt(file, cell, 'the row has no prefix');
  const prefix = parsePrefix(cell.text);
  if (prefix === null)
    refuseAt(file, cell, `${JSON.stringify(cell.text)} is no address and no prefix such as 10.1.0.0/16`);
  if (hasHostBits(prefix)) refuseAt(file, cell, `${cell.text} has bits set after its prefix length`);
  const { bytes, length } = prefix;
  const words = int32Words(bytes);
  if (isLoopback(words, 0) || isMulticast(words, 0) || isUnspecified(words, 0)) {
    refuseAt(file, cell, `${cell.text} is not the address of one holder: loopback, multicast or unspecified`);
  }
  const least = isMapped(words, 0)
    ? IPV4_LENGTH_MIN
    : (bytes[0]! & 0xfe) === 0xfc
      ? UNIQUE_LOCAL_LENGTH
      : IPV6_LENGTH_MIN;
  if (length < least)
    refuseAt(file, cell, `${cell.text} is larger than anybody's range: at least /8 of IPv4, /16 of IPv6`);
  return prefix;
}

function readText(file: string, cells: Cells, name: string): string {
  const cell = cells.get(name);
  if (cell === undefined) return '';
  if (cell.text.length > TEXT_MAX)
    refuseAt(file, cell, `${name} has ${cell.text.length} characters, at most ${TEXT_MAX}`);
  return cell.text;
}

function readKind(file: string, cell: Cell | undefined): string {
  if (cell === undefined || cell.text === '') return DEFAULT_KIND;
  const kinds = WORKLOAD_KINDS.map(([kind]) => kind);
  if (!kinds.includes(cell.text)) refuseAt(file, cell, `no kind ${cell.text}; there are ${kinds.join(', ')}`);
  return cell.text;
}

/** A day, or an instant with its zone. */
function readTime(file: string, cell: Cell | undefined, absent: number): number {
  if (cell === undefined || cell.text === '') return absent;
  const ms = INSTANT.test(cell.text) ? Date.parse(cell.text) : Number.NaN;
  if (Number.isNaN(ms) || ms < 0) {
    refuseAt(file, cell, `${JSON.stringify(cell.text)} is no time such as 2026-11-22 or 2026-11-22T10:00:00Z`);
  }
  return 1000 * ms;
}
