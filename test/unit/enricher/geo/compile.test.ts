import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeirError } from '../../../../contract/errors.ts';
import { compileGeo } from '../../../../enricher/geo/compile.ts';
import { GeoTable } from '../../../../enricher/geo/geo-table.ts';
import { words } from '../../../fixtures/enricher-messages.ts';
import { mmdb, type MmdbPrefix } from '../../../fixtures/mmdb-writer.ts';
import { Random } from '../../../property/enricher-world.ts';

const COUNTRIES: readonly MmdbPrefix[] = [
  { prefix: '192.0.0.0/16', record: { country: { iso_code: 'DE', names: { en: 'Germany' } } } },
  { prefix: '192.0.2.0/24', record: { country: { iso_code: 'FR' } } },
  { prefix: '198.51.100.0/25', record: { registered_country: { iso_code: 'US' } } },
  { prefix: '2001:db8::/32', record: { country: { iso_code: 'JP' } } },
];
const SYSTEMS: readonly MmdbPrefix[] = [
  { prefix: '192.0.2.128/25', record: { autonomous_system_number: 64_500, autonomous_system_organization: 'Example' } },
  {
    prefix: '2001:db8:8000::/33',
    record: { autonomous_system_number: 4_200_000_000, autonomous_system_organization: 'Six' },
  },
];
const table = (...files: Buffer[]): GeoTable =>
  new GeoTable(
    compileGeo(
      files.map((bytes, i) => ({ name: `f${i}.mmdb`, bytes })),
      1,
    ),
  );
const at = (geo: GeoTable, addr: string): string => {
  const { country, asNumber, asOrg } = geo.places[geo.find(words(addr), 0)] ?? { country: '', asNumber: -1, asOrg: '' };
  return `${country} ${asNumber} ${asOrg}`.trim();
};

for (const recordSize of [24, 28, 32] as const) {
  test(`country and system of an address come from two files, with records of ${recordSize} bits`, () => {
    const geo = table(mmdb(COUNTRIES, 6, recordSize), mmdb(SYSTEMS, 6, recordSize));
    assert.equal(at(geo, '192.0.1.255'), 'DE -1');
    assert.equal(at(geo, '192.0.2.0'), 'FR -1');
    assert.equal(at(geo, '192.0.2.128'), 'FR 64500 Example');
    assert.equal(at(geo, '192.0.3.0'), 'DE -1');
    assert.equal(at(geo, '192.1.0.0'), '-1');
    assert.equal(at(geo, '198.51.100.127'), 'US -1');
    assert.equal(at(geo, '198.51.100.128'), '-1');
    assert.equal(at(geo, '255.255.255.255'), '-1');
    assert.equal(at(geo, '2001:db8:7fff::1'), 'JP -1');
    assert.equal(at(geo, '2001:db8:8000::1'), 'JP 4200000000 Six');
    assert.equal(at(geo, '2001:db9::1'), '-1');
    assert.equal(at(geo, '::1'), '-1');
  });
}

test('a file of IPv4 alone answers for IPv4, and no file for nothing', () => {
  const geo = table(mmdb(COUNTRIES.slice(0, 3), 4));
  assert.equal(at(geo, '192.0.2.9'), 'FR -1');
  assert.equal(at(geo, '2001:db8::1'), '-1');
  assert.equal(at(table(), '192.0.2.9'), '-1');
});

test('what is no whole MMDB file is refused, naming the file', () => {
  const whole = mmdb(COUNTRIES);
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('no such file'),
    whole.subarray(0, whole.length - 40),
    whole.subarray(200),
  ]) {
    assert.throws(
      () => table(bytes),
      (error) =>
        error instanceof WeirError && error.code === 'WEIR_ENRICHER_GEOIP_INVALID' && error.message.includes('f0.mmdb'),
    );
  }
});

test('a tree that leads in a circle, or to one place by two ways, is refused', () => {
  const circle = mmdb(COUNTRIES, 4);
  // The right child of the root is the root.
  circle.writeUIntBE(0, 3, 3);
  assert.throws(() => table(circle), /f0\.mmdb, byte 0: its tree/);
});

test('bytes changed at random are refused with a code, or read to the end: never a crash or a hang', () => {
  const whole = mmdb([...COUNTRIES, ...SYSTEMS]);
  const random = new Random(Number(process.env['WEIR_FUZZ_SEED'] ?? 1));
  const rounds = Number(process.env['WEIR_FUZZ_CASES'] ?? 5000);
  let refused = 0;
  for (let round = 0; round < rounds; round += 1) {
    const bytes = Buffer.from(whole.subarray(0, random.chance(10) ? random.below(whole.length) : whole.length));
    for (let i = 1 + random.below(4); i > 0 && bytes.length > 0; i -= 1) {
      // Half of them in the metadata and the data, which are a small part of the file.
      const from = random.chance(50) ? Math.max(0, bytes.length - 500) : 0;
      bytes[from + random.below(bytes.length - from)] = random.below(256);
    }
    try {
      at(table(bytes), '192.0.2.200');
    } catch (error) {
      assert.ok(
        error instanceof WeirError && error.code === 'WEIR_ENRICHER_GEOIP_INVALID',
        `round ${round}: ${String(error)}`,
      );
      refused += 1;
    }
  }
  assert.ok(refused > rounds / 10 && refused < rounds, `${refused} of ${rounds} refused`);
});
