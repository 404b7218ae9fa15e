/**
 * Country and autonomous system of an address: an MMDB file of half a million ranges, compiled as the enricher does it,
 * and looked up. The answers are compared with the list that the file was written from.
 */
import assert from 'node:assert/strict';
import { compileGeo } from '../enricher/geo/compile.ts';
import { GeoTable } from '../enricher/geo/geo-table.ts';
import { int32Words } from '../schemas/columns.ts';
import { mmdb, type MmdbPrefix } from '../test/fixtures/mmdb-writer.ts';
import { type Benchmark, compare, cost, cpuOf, Hash, type Outcome, Random, type Size, Zipf } from './harness.ts';

const FIRST = 0x0100_0000;
const LAST = 0xdfff_ffff;
const COUNTRIES = 240;
const SYSTEMS = 60_000;
const NS_MAX = 110;

export const benchmark: Benchmark = {
  name: 'geo',
  what: 'country and autonomous system of an address, from an MMDB file of half a million ranges',
  run,
};

/** Prefixes in order, of which none holds another; what lies between two is nobody's, and a range too. */
interface Prefixes {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly systems: Int32Array;
  readonly list: readonly MmdbPrefix[];
}

function prefixesOf(count: number): Prefixes {
  const random = new Random(5);
  const starts = new Float64Array(count);
  const ends = new Float64Array(count);
  const systems = new Int32Array(count);
  const list: MmdbPrefix[] = [];
  // The gaps are as long as the prefixes, so that all of them together fill the space.
  const mean = (LAST - FIRST) / count / 2;
  let next = FIRST;
  for (let i = 0; i < count; i++) {
    const bits = Math.min(16, Math.max(0, Math.floor(Math.log2(mean)) - random.below(4)));
    const size = 2 ** bits;
    const start = Math.ceil(next / size) * size;
    starts[i] = start;
    ends[i] = start + size - 1;
    systems[i] = 1 + random.below(SYSTEMS);
    next = start + size + random.below(Math.ceil(2 * mean));
    list.push({ prefix: `${textOf(start)}/${32 - bits}`, record: recordOf(systems[i]!) });
    assert.ok(next < LAST + 1 || i === count - 1, 'they fit');
  }
  return { starts, ends, systems, list };
}

const textOf = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
const countryOf = (system: number): string =>
  String.fromCharCode(65 + (system % COUNTRIES) / 16) + String.fromCharCode(65 + (system % 16));
const recordOf = (system: number): { [key: string]: string | number | { iso_code: string } } => ({
  country: { iso_code: countryOf(system) },
  autonomous_system_number: system,
  autonomous_system_organization: `Carrier ${system}`,
});

function systemAt({ starts, ends, systems }: Prefixes, address: number): number {
  let low = 0;
  for (let high = starts.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= address) low = middle + 1;
    else high = middle;
  }
  return low > 0 && address <= ends[low - 1]! ? systems[low - 1]! : -1;
}

async function run(size: Size): Promise<Outcome> {
  const { count, queries } = size === 'full' ? { count: 250_000, queries: 500_000 } : { count: 500, queries: 1000 };
  const prefixes = prefixesOf(count);
  const file = mmdb(prefixes.list, 4, 32);
  let memory = compileGeo([], 1);
  const compiling = await cpuOf(() => (memory = compileGeo([{ name: 'bench.mmdb', bytes: file }], 2)));
  const table = new GeoTable(memory);
  const random = new Random(9);
  const zipf = new Zipf(count, random);
  const worlds = {
    uniform: queriesOf(queries, () => FIRST + random.below(LAST - FIRST)),
    zipf: queriesOf(queries, () => {
      const i = (zipf.next() * 7919) % count;
      return prefixes.starts[i]! + random.below(prefixes.ends[i]! - prefixes.starts[i]! + 1);
    }),
  };
  const hash = new Hash();
  const plain = new Int32Array(1);
  for (const { words, addresses } of Object.values(worlds)) {
    for (let i = 0; i < queries; i++) {
      const place = table.find(words, 4 * i);
      const system = place < 0 ? -1 : table.places[place]!.asNumber;
      assert.equal(system, systemAt(prefixes, addresses[i]!));
      if (i % 100 === 0) hash.add(system);
    }
  }
  const variants = Object.entries(worlds).flatMap(([name, { words, addresses }]) => [
    {
      name: `${name}: compiled, 16-bit index`,
      run: (): number => {
        for (let i = 0; i < queries; i++) plain[0]! ^= table.find(words, 4 * i);
        return queries;
      },
    },
    {
      name: `${name}: a search of the sorted list`,
      run: (): number => {
        for (let i = 0; i < queries; i++) plain[0]! ^= systemAt(prefixes, addresses[i]!);
        return queries;
      },
    },
  ]);
  const timings = await compare(size, variants);
  const goal = { atMost: NS_MAX, from: 'DESIGN section 5: CIDR and MMDB compiled, 25-110 ns' };
  const figures = variants.map(({ name }, i) => cost(name, 'look-up', timings[i]!, i % 2 === 0 ? goal : undefined));
  figures.push({ what: 'ranges of IPv4', value: memory.starts4.byteLength / 4, unit: 'ranges' });
  const bytes = memory.starts4.byteLength + memory.places4.byteLength + memory.index4.byteLength;
  figures.push({ what: 'the compiled table, shared by all workers', value: bytes / 1e6, unit: 'MB' });
  figures.push({ what: 'to compile the file', value: compiling / 1e6, unit: 'CPU-s' });
  return { figures, hash: hash.toString() };
}

function queriesOf(count: number, next: () => number): { words: Int32Array; addresses: Float64Array } {
  const bytes = new Uint8Array(16 * count);
  const view = new DataView(bytes.buffer);
  const addresses = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    addresses[i] = next();
    bytes[16 * i + 10] = 0xff;
    bytes[16 * i + 11] = 0xff;
    view.setUint32(16 * i + 12, addresses[i]!);
  }
  return { words: int32Words(bytes), addresses };
}
