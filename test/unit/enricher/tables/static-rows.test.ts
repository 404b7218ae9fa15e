import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeirError } from '../../../../contract/errors.ts';
import { readStaticTable } from '../../../../enricher/tables/static-rows.ts';
import { address } from '../../../fixtures/enricher-messages.ts';

test('a CSV table is read: comments, quotes, a byte order mark, empty cells, any order of columns', () => {
  const rows = readStaticTable(
    'vms.csv',
    '\uFEFFname,prefix,from,to,region,kind\r\n# machines\r\n"db ""1"", old",10.1.0.7,2026-01-01,2026-02-01T00:00:00Z,eu-1,Node\r\n\r\n,10.2.0.0/16,,,eu-2,\n',
  );
  assert.equal(rows.length, 2);
  const [db, range] = rows;
  assert.deepEqual(db?.addr, address('10.1.0.7'));
  assert.deepEqual(
    { ...db, addr: null },
    {
      network: '',
      addr: null,
      prefixLength: 128,
      fromUs: Date.UTC(2026, 0, 1) * 1000,
      toUs: Date.UTC(2026, 1, 1) * 1000,
      name: 'db "1", old',
      kind: 'Node',
      namespace: '',
      region: 'eu-1',
      availabilityZone: '',
      accountId: '',
      vpcId: '',
      subnetId: '',
    },
  );
  assert.deepEqual(
    [range?.prefixLength, range?.name, range?.fromUs, range?.toUs, range?.kind],
    [112, '', 0, -1, 'External'],
  );
});

test('a JSON table says the same', () => {
  const csv = readStaticTable('a.csv', 'prefix,name,account_id\n2001:db8::/48,cdn,123456789012\n');
  const json = readStaticTable(
    'a.json',
    '[\n {"prefix": "2001:db8::/48", "name": "\\u0063dn", "account_id": 123456789012, "to": null}\n]\n',
  );
  assert.deepEqual(json, csv);
  assert.deepEqual(readStaticTable('a.json', ' [ ] '), []);
});

const WRONG: readonly (readonly [file: string, text: string, place: string, problem: RegExp])[] = [
  ['t.csv', '', '1:1', /no header/],
  ['t.csv', 'prefix,name\n10.0.0.0/8,a\n10.0.0.300,b\n', '3:1', /no address/],
  ['t.csv', 'name,prefix\na,10.0.0.1/8\n', '2:3', /bits set after/],
  ['t.csv', 'name,prefix\na,4.0.0.0/6\n', '2:3', /larger than/],
  ['t.csv', 'name,prefix\na,127.0.0.1\n', '2:3', /loopback/],
  ['t.csv', 'name,prefix\na,\n', '2:3', /no prefix/],
  ['t.csv', 'name,prefix,from,to\na,10.0.0.1,2026-02-01,2026-01-01\n', '2:23', /not after from/],
  ['t.csv', 'name,prefix,from\na,10.0.0.1,yesterday\n', '2:12', /no time/],
  ['t.csv', 'name,prefix,kind\na,10.0.0.1,Toaster\n', '2:12', /no kind Toaster/],
  ['t.csv', 'name,prefix,colour\na,10.0.0.1,red\n', '2:12', /no column colour/],
  ['t.csv', 'name,prefix,name\na,10.0.0.1,b\n', '1:13', /twice/],
  ['t.csv', 'name,prefix\na,10.0.0.1,more\n', '2:12', /more cells/],
  ['t.csv', 'name,prefix\n"a\nb,10.0.0.1\n', '2:1', /does not end/],
  ['t.csv', 'name,prefix\n"a"b,10.0.0.1\n', '2:4', /after the closing quote/],
  ['t.csv', 'name,prefix\n,10.0.0.0/16\n', '2:2', /neither who nor where/],
  ['t.csv', 'region,prefix\neu-1,10.0.0.1\n', '2:6', /needs a name/],
  ['t.json', '{"prefix": "10.0.0.1"}', '1:1', /an array of objects/],
  ['t.json', '[\n  {"prefix": "10.0.0.1", "name": true}]', '2:34', /a text, a number or null/],
  ['t.json', '[{"prefix": "10.0.0.1" "name": "a"}]', '1:24', /"," or "}"/],
  ['t.json', '[{"prefix": "10.0.0.1', '1:13', /does not end/],
  ['t.json', '[] x', '1:4', /after the array/],
];

for (const [file, text, place, problem] of WRONG) {
  test(`a wrong ${file.slice(2)} table is refused at ${place}: ${problem.source}`, () => {
    assert.throws(
      () => readStaticTable(file, text),
      (error) => {
        assert.ok(error instanceof WeirError);
        assert.equal(error.code, 'WEIR_ENRICHER_TABLE_INVALID');
        assert.match(error.message, problem);
        assert.equal(error.message.slice(0, file.length + place.length + 2), `${file}:${place}:`);
        return true;
      },
    );
  });
}
