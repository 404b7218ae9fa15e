import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { prefixMask } from '../../enricher/ownership/address.ts';
import { EntryTable, keyDetail } from '../../enricher/ownership/entries.ts';
import { PrefixIndex } from '../../enricher/ownership/prefix-index.ts';
import { address } from '../fixtures/enricher-messages.ts';

/** Few bytes that vary, so that prefixes nest and touch. */
const byte = fc.constantFrom(0, 1, 127, 128, 254, 255);
const ipv4 = fc.tuple(byte, byte, byte, byte).map((bytes) => address(bytes.join('.')));
const ipv6 = fc.tuple(byte, byte, byte).map(([a, b, c]) => {
  const bytes = new Uint8Array(16).fill(c);
  bytes[0] = 0x20;
  bytes[4] = a;
  bytes[11] = b;
  return bytes;
});
const anAddress = fc.oneof(ipv4, ipv6);
const aPrefix = fc.oneof(
  fc.record({ addr: ipv4, length: fc.integer({ min: 97, max: 127 }) }),
  fc.record({ addr: ipv6, length: fc.integer({ min: 16, max: 127 }) }),
);
const words = (bytes: Uint8Array): Int32Array => new Int32Array(bytes.slice().buffer);

function masked(addr: Int32Array, length: number): Int32Array {
  return addr.map((word, k) => word & prefixMask(length, k));
}

test('the prefixes around an address, longest first, are those that a scan of all finds, while prefixes come and go', () => {
  fc.assert(
    fc.property(
      fc.array(aPrefix, { maxLength: 30 }),
      fc.array(anAddress, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 0, max: 29 }),
      (prefixes, addresses, gone) => {
        const entries = new EntryTable();
        const index = new PrefixIndex(entries);
        const known = new Map<number, { key: Int32Array; length: number }>();
        for (const { addr, length } of prefixes) {
          const key = masked(words(addr), length);
          const entry = entries.obtain(key, 0, keyDetail(0, length), 0);
          known.set(entry, { key, length });
          index.add(entry);
        }
        const check = (): void => {
          for (const addr of [...addresses, ...prefixes.map((prefix) => prefix.addr)].map(words)) {
            const want = [...known]
              .filter(([, { key, length }]) => masked(addr, length).join() === key.join())
              .sort((a, b) => b[1].length - a[1].length)
              .map(([entry]) => entry);
            const got: number[] = [];
            for (let at = index.longest(addr, 0); at >= 0; at = index.around(at)) got.push(index.entryAt(at));
            assert.deepEqual(got, want);
          }
        };
        check();
        const victim = [...known.keys()][gone];
        if (victim === undefined) return;
        index.remove(victim);
        known.delete(victim);
        check();
      },
    ),
    { numRuns: 300 },
  );
});
