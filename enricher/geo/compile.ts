/** MMDB files become one table of places: country from one, the autonomous system from another, the first that says it. */
import { WeirError } from '../../contract/errors.ts';
import type { Place } from '../../schemas/generated/common.ts';
import type { GeoMemory } from './geo-table.ts';
import { isMap, MmdbFile, type MmdbMap, type MmdbValue } from './mmdb.ts';
import { rangeIndexOf } from '../range-index.ts';

/** Ranges of all files: a city file has 2.6 M, and each is 8 bytes of IPv4 or 20 of IPv6. */
const RANGES_MAX: number = 1 << 23;
const NONE: Place = { country: '', asNumber: -1, asOrg: '' };

/** Starts of ranges and their places, in order; IPv4 starts are numbers, IPv6 ones text of four words for comparing. */
interface Ranges {
  readonly starts: bigint[];
  readonly places: number[];
}

class Places {
  readonly list: Place[] = [];
  readonly #numbers = new Map<string, number>();

  number(place: Place): number {
    const { country, asNumber, asOrg } = place;
    if (country === '' && asNumber < 0 && asOrg === '') return -1;
    const key = `${country}\0${asNumber}\0${asOrg}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.list.length);
    return this.list.push(place) - 1;
  }
}

/** @throws WEIR_ENRICHER_GEOIP_INVALID naming the file */
export function compileGeo(
  files: readonly { readonly name: string; readonly bytes: Buffer }[],
  version: number,
): GeoMemory {
  const places = new Places();
  let ipv4: Ranges = { starts: [], places: [] };
  let ipv6: Ranges = { starts: [], places: [] };
  for (const { name, bytes } of files) {
    const read = readFile(name, bytes, places);
    ipv4 = merge(ipv4, read.ipv4, places);
    ipv6 = merge(ipv6, read.ipv6, places);
  }
  const starts4 = Uint32Array.from(ipv4.starts, Number);
  const starts6 = new Uint32Array(4 * ipv6.starts.length);
  ipv6.starts.forEach((start, i) => {
    for (let k = 0; k < 4; k += 1) starts6[4 * i + k] = Number((start >> BigInt(96 - 32 * k)) & 0xffff_ffffn);
  });
  return {
    version,
    starts4: shared(starts4),
    places4: shared(Int32Array.from(ipv4.places)),
    index4: shared(rangeIndexOf(starts4)),
    starts6: shared(starts6),
    places6: shared(Int32Array.from(ipv6.places)),
    places: shared(Buffer.from(JSON.stringify(places.list))),
  };
}

function readFile(name: string, bytes: Buffer, places: Places): { ipv4: Ranges; ipv6: Ranges } {
  const file = new MmdbFile(name, bytes);
  const ipv4 = new RangeBuilder(32);
  const ipv6 = new RangeBuilder(128);
  const byData = new Map<number, number>();
  const placeOf = (data: number): number => {
    const known = byData.get(data);
    if (known !== undefined) return known;
    const place = places.number(placeIn(file.value(data)));
    byData.set(data, place);
    return place;
  };
  file.visit((start, depth, data) => {
    const place = placeOf(data);
    if (ipv4.ranges.starts.length + ipv6.ranges.starts.length > RANGES_MAX) {
      throw new WeirError('WEIR_ENRICHER_GEOIP_INVALID', `${name} has more than ${RANGES_MAX} ranges`);
    }
    const [a, b, c, d] = start as unknown as [number, number, number, number];
    if (a === 0 && b === 0 && c === 0) {
      ipv4.add(BigInt(d), Math.max(depth - 96, 0), place);
      if (depth >= 96) return;
    }
    const whole = (BigInt(a) << 96n) | (BigInt(b) << 64n) | (BigInt(c) << 32n) | BigInt(d);
    ipv6.add(whole, depth, place);
  });
  return { ipv4: ipv4.end(), ipv6: ipv6.end() };
}

class RangeBuilder {
  readonly ranges: Ranges = { starts: [], places: [] };
  readonly #bits: number;
  #next = 0n;

  constructor(bits: number) {
    this.#bits = bits;
  }

  /** In the order of addresses. */
  add(start: bigint, depth: number, place: number): void {
    if (start > this.#next) this.#put(this.#next, -1);
    this.#put(start, place);
    this.#next = start + (1n << BigInt(this.#bits - depth));
  }

  end(): Ranges {
    if (this.#next < 1n << BigInt(this.#bits)) this.#put(this.#next, -1);
    return this.ranges;
  }

  #put(start: bigint, place: number): void {
    const { starts, places } = this.ranges;
    if (places.length > 0 && places.at(-1) === place) return;
    starts.push(start);
    places.push(place);
  }
}

/** Both at once: where the first knows a fact, it stays. */
function merge(a: Ranges, b: Ranges, places: Places): Ranges {
  if (a.starts.length === 0) return b;
  if (b.starts.length === 0) return a;
  const out: Ranges = { starts: [], places: [] };
  const both = new Map<string, number>();
  let i = 0;
  let j = 0;
  while (i < a.starts.length || j < b.starts.length) {
    const x = a.starts[i];
    const y = b.starts[j];
    const start = x === undefined || (y !== undefined && y < x) ? y! : x;
    if (x === start) i += 1;
    if (y === start) j += 1;
    const key = `${a.places[i - 1] ?? -1} ${b.places[j - 1] ?? -1}`;
    let place = both.get(key);
    if (place === undefined) {
      place = places.number(combined(places.list[a.places[i - 1] ?? -1], places.list[b.places[j - 1] ?? -1]));
      both.set(key, place);
    }
    if (out.places.length > 0 && out.places.at(-1) === place) continue;
    out.starts.push(start);
    out.places.push(place);
  }
  return out;
}

function combined(a: Place = NONE, b: Place = NONE): Place {
  const system = a.asNumber >= 0 ? a : b;
  return { country: a.country === '' ? b.country : a.country, asNumber: system.asNumber, asOrg: system.asOrg };
}

/** Of a country, city or ASN record, as MaxMind, DB-IP and IPinfo write them. */
function placeIn(record: MmdbValue): Place {
  if (!isMap(record)) return NONE;
  const country = codeIn(record['country']) || codeIn(record['registered_country']) || text(record['country_code']);
  const number = record['autonomous_system_number'] ?? record['asn'];
  const parsed = typeof number === 'string' ? Number(/^(?:AS)?(\d{1,10})$/i.exec(number)?.[1] ?? -1) : number;
  const asNumber = typeof parsed === 'number' && parsed >= 0 && parsed < 2 ** 32 ? parsed : -1;
  const asOrg = text(record['autonomous_system_organization']) || text(record['as_name']);
  return { country, asNumber, asOrg };
}

function codeIn(value: MmdbValue | undefined): string {
  const code = isMap(value) ? text((value as MmdbMap)['iso_code']) : text(value);
  return /^[A-Z]{2}$/.test(code) ? code : '';
}

const text = (value: MmdbValue | undefined): string => (typeof value === 'string' ? value.slice(0, 256) : '');

function shared(column: Uint8Array | Int32Array | Uint32Array): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(column.byteLength);
  new Uint8Array(memory).set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  return memory;
}
