/**
 * A MaxMind DB file, read with every bound checked: what is cut, forged or no such file is refused, and never followed
 * in circles. Format: MaxMind DB File Format Specification 2.0.
 */
import { WeirError } from '../../contract/errors.ts';

const MARKER: Buffer = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex');
/** The marker lies in the last bytes of a file. */
const METADATA_BYTES_MAX: number = 128 * 1024;
const SEPARATOR_BYTES = 16;
/** Maps in maps, and pointers to pointers. */
const DEPTH_MAX = 16;
/** Values of one record. */
const VALUES_MAX = 4096;

export type MmdbValue = string | number | boolean | MmdbMap | readonly MmdbValue[] | null;
export interface MmdbMap {
  readonly [key: string]: MmdbValue;
}

/** What a leaf of the tree says, and the first 128 bits of what it holds for. */
export type VisitRange = (start: Uint32Array, depth: number, data: number) => void;

export class MmdbFile {
  readonly #file: string;
  readonly #bytes: Buffer;
  readonly #nodes: number;
  readonly #recordBits: number;
  readonly #dataStart: number;
  readonly #dataEnd: number;
  /** 4 or 6. */
  readonly ipVersion: number;

  /** @throws WEIR_ENRICHER_GEOIP_INVALID */
  constructor(file: string, bytes: Buffer) {
    this.#file = file;
    this.#bytes = bytes;
    const marker = bytes.lastIndexOf(MARKER);
    if (marker < 0 || marker < bytes.length - METADATA_BYTES_MAX)
      this.#refuse(bytes.length, 'no MMDB metadata at its end');
    const metadataStart = marker + MARKER.length;
    const metadata = this.#decode(new Cursor(metadataStart, metadataStart, bytes.length));
    if (!isMap(metadata)) this.#refuse(metadataStart, 'its metadata is no map');
    const number = (key: string): number => {
      const value = metadata[key];
      return typeof value === 'number' ? value : this.#refuse(metadataStart, `its metadata has no ${key}`);
    };
    if (number('binary_format_major_version') !== 2) this.#refuse(metadataStart, 'not of format version 2');
    this.#nodes = number('node_count');
    this.#recordBits = number('record_size');
    this.ipVersion = number('ip_version');
    if (![24, 28, 32].includes(this.#recordBits)) this.#refuse(metadataStart, `records of ${this.#recordBits} bits`);
    if (this.ipVersion !== 4 && this.ipVersion !== 6) this.#refuse(metadataStart, `IP version ${this.ipVersion}`);
    const treeBytes = (this.#nodes * this.#recordBits) / 4;
    this.#dataStart = treeBytes + SEPARATOR_BYTES;
    this.#dataEnd = marker;
    if (this.#nodes < 1 || this.#dataStart > marker) {
      this.#refuse(metadataStart, `a tree of ${this.#nodes} nodes does not fit the file`);
    }
  }

  /**
   * Every leaf with data, by address: `start` is its first address, IPv4 in the last word, and is overwritten; of an
   * IPv6 file IPv4 lies at ::/96. @throws WEIR_ENRICHER_GEOIP_INVALID for a tree that is none
   */
  visit(onRange: VisitRange): void {
    const start = new Uint32Array(4);
    const ipv4 = this.#ipv4Root();
    let steps = 0;
    const walk = (value: number, depth: number): void => {
      if (value === this.#nodes) return;
      if (value > this.#nodes) return onRange(start, depth, value - this.#nodes - SEPARATOR_BYTES);
      // Other ways to the IPv4 part (::ffff:0:0/96, 2002::/16, …) would repeat it.
      if (value === ipv4 && (start[0] !== 0 || start[1] !== 0 || start[2] !== 0)) return;
      if (depth >= 128) this.#refuse(0, 'its tree is deeper than an address has bits');
      steps += 1;
      if (steps > this.#nodes) this.#refuse(0, 'its tree has a circle, or two ways to one place');
      const word = depth >>> 5;
      const bit = 2 ** (31 - (depth & 31));
      walk(this.#record(value, 0), depth + 1);
      start[word]! += bit;
      walk(this.#record(value, 1), depth + 1);
      start[word]! -= bit;
    };
    walk(0, this.ipVersion === 4 ? 96 : 0);
  }

  /** The value at an offset of the data section. @throws WEIR_ENRICHER_GEOIP_INVALID */
  value(data: number): MmdbValue {
    return this.#decode(new Cursor(this.#dataStart, this.#dataStart + data, this.#dataEnd));
  }

  #ipv4Root(): number {
    if (this.ipVersion === 4) return -1;
    let node = 0;
    for (let depth = 0; depth < 96 && node < this.#nodes; depth += 1) node = this.#record(node, 0);
    return node;
  }

  #record(node: number, side: 0 | 1): number {
    const bytes = this.#bytes;
    const at = (node * this.#recordBits) / 4;
    if (this.#recordBits === 24) return bytes.readUIntBE(at + 3 * side, 3);
    if (this.#recordBits === 32) return bytes.readUInt32BE(at + 4 * side);
    const middle = bytes[at + 3]!;
    return side === 0
      ? ((middle >>> 4) << 24) + bytes.readUIntBE(at, 3)
      : ((middle & 0xf) << 24) + bytes.readUIntBE(at + 4, 3);
  }

  #decode(cursor: Cursor, depth = 0): MmdbValue {
    if (depth > DEPTH_MAX) this.#refuse(cursor.at, 'values nested too deeply');
    cursor.values += 1;
    if (cursor.values > VALUES_MAX) this.#refuse(cursor.at, 'a record of too many values');
    const control = this.#byte(cursor);
    let type = control >>> 5;
    if (type === 1) return this.#follow(cursor, control, depth);
    if (type === 0) type = 7 + this.#byte(cursor);
    const size = this.#size(cursor, control & 0x1f);
    switch (type) {
      case 2:
        return this.#take(cursor, size).toString('utf8');
      case 3:
        return size === 8 ? this.#take(cursor, 8).readDoubleBE() : this.#refuse(cursor.at, `a double of ${size} bytes`);
      case 4:
        return this.#take(cursor, size).toString('hex');
      case 5:
      case 6:
      case 8:
      case 9:
      case 10:
        return this.#integer(cursor, size);
      case 7:
        return this.#map(cursor, size, depth);
      case 11:
        return Array.from({ length: this.#checked(cursor, size) }, () => this.#decode(cursor, depth + 1));
      case 14:
        return size !== 0;
      case 15:
        return size === 4 ? this.#take(cursor, 4).readFloatBE() : this.#refuse(cursor.at, `a float of ${size} bytes`);
      default:
        return this.#refuse(cursor.at, `a value of type ${type}`);
    }
  }

  #follow(cursor: Cursor, control: number, depth: number): MmdbValue {
    const kind = (control >>> 3) & 3;
    const high = control & 7;
    const bytes = this.#take(cursor, kind + 1);
    const low = bytes.readUIntBE(0, bytes.length);
    const offsets = [high * 2 ** 8 + low, high * 2 ** 16 + low + 2048, high * 2 ** 24 + low + 526_336, low];
    const to = new Cursor(cursor.base, cursor.base + offsets[kind]!, cursor.end);
    to.values = cursor.values;
    const value = this.#decode(to, depth + 1);
    cursor.values = to.values;
    return value;
  }

  #map(cursor: Cursor, size: number, depth: number): MmdbMap {
    const map: Record<string, MmdbValue> = Object.create(null) as Record<string, MmdbValue>;
    for (let i = this.#checked(cursor, size); i > 0; i -= 1) {
      const key = this.#decode(cursor, depth + 1);
      if (typeof key !== 'string') this.#refuse(cursor.at, 'a key that is no text');
      map[key] = this.#decode(cursor, depth + 1);
    }
    return map;
  }

  #integer(cursor: Cursor, size: number): number {
    if (size > 16) this.#refuse(cursor.at, `an integer of ${size} bytes`);
    let value = 0;
    for (const byte of this.#take(cursor, size)) value = value * 256 + byte;
    return value;
  }

  #size(cursor: Cursor, five: number): number {
    if (five < 29) return five;
    const bytes = this.#take(cursor, five - 28);
    return bytes.readUIntBE(0, bytes.length) + [29, 285, 65_821][five - 29]!;
  }

  /** A number of values that the rest of the file can hold. */
  #checked(cursor: Cursor, count: number): number {
    return count <= cursor.end - cursor.at ? count : this.#refuse(cursor.at, `${count} values in the rest of the file`);
  }

  #byte(cursor: Cursor): number {
    return this.#take(cursor, 1)[0]!;
  }

  #take(cursor: Cursor, count: number): Buffer {
    const from = cursor.at;
    if (from < cursor.base || from + count > cursor.end) this.#refuse(from, 'a value that lies outside its section');
    cursor.at = from + count;
    return this.#bytes.subarray(from, from + count);
  }

  #refuse(at: number, problem: string): never {
    throw new WeirError('WEIR_ENRICHER_GEOIP_INVALID', `${this.#file}, byte ${at}: ${problem}`, {
      file: this.#file,
      at,
    });
  }
}

/** Where a value is read; pointers count from `base`. */
class Cursor {
  readonly base: number;
  at: number;
  readonly end: number;
  values = 0;

  constructor(base: number, at: number, end: number) {
    this.base = base;
    this.at = at;
    this.end = end;
  }
}

export function isMap(value: MmdbValue | undefined): value is MmdbMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
