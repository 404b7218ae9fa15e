import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkloadTable } from '../../../../enricher/ownership/workloads.ts';
import { workload } from '../../../fixtures/enricher-messages.ts';

test('a workload is known once, and forgotten with its last claim', () => {
  const table = new WorkloadTable();
  const first = table.acquire(workload('a'));
  assert.equal(table.acquire(workload('a')), first);
  table.release(first);
  assert.equal(table.get(first).name, 'a');
  table.release(first);
  assert.equal(table.size, 0);
  assert.equal(table.find(workload('a')), -1);
  assert.equal(table.acquire(workload('b')), first, 'its number is free');
  assert.equal(table.get(first).name, 'b');
});

test('one uid is one instance whatever it is called, within its cluster', () => {
  const table = new WorkloadTable();
  const plain = table.acquire(workload('a'));
  const named = table.acquire(workload('a', { name: 'checkout' }));
  const elsewhere = table.acquire(workload('a', { cluster: 'other' }));
  assert.notEqual(plain, named);
  assert.equal(table.isSame(plain, named), true);
  assert.equal(table.isSame(plain, elsewhere), false);
  table.release(plain);
  assert.equal(table.isInstanceOf(named, workload('a')), true);
  assert.equal(table.isInstanceOf(named, workload('a', { cluster: 'other' })), false);
});

test('without a uid everything counts', () => {
  const table = new WorkloadTable();
  const one = table.acquire(workload('a', { instanceUid: '' }));
  const two = table.acquire(workload('a', { instanceUid: '', node: 'n2' }));
  assert.equal(table.isSame(one, two), false);
  assert.equal(table.isInstanceOf(one, workload('a', { instanceUid: '', labels: '{"v":2}' })), true);
});

test('every text comes back as it was, whatever the instance has of the name, and places are used again', () => {
  const table = new WorkloadTable();
  const uid = '8c5e1a52-0000-4000-8000-00000000abcd';
  const texts = [
    '',
    'cart',
    'cart-1',
    'cartographer',
    'Karte-ä',
    'ä',
    uid,
    uid.toUpperCase(),
    'x'.repeat(300),
    `${uid}x`,
  ];
  for (let round = 0; round < 3; round += 1) {
    const all = texts.flatMap((instance) =>
      texts.flatMap((name) => texts.map((instanceUid) => workload('a', { instance, name, instanceUid }))),
    );
    const ids = all.map((one) => table.acquire(one));
    assert.equal(table.size, all.length);
    all.forEach((one, i) => {
      assert.equal(table.find(one), ids[i]);
      assert.deepEqual(table.get(ids[i]!), one);
    });
    for (const id of ids.slice(round)) table.release(id);
    for (const id of ids.slice(0, round)) table.release(id);
  }
  assert.equal(table.size, 0);
});

test('workloads that share a place for an object come back as they are, whoever is kept there', () => {
  const table = new WorkloadTable();
  const places = 1 << 17;
  for (let i = 0; i <= places; i += 1) assert.equal(table.acquire(workload(`w${i}`)), i);
  const kept = table.get(0);
  assert.equal(table.get(0), kept, 'a free place is taken at once');
  assert.equal(table.get(places).instanceUid, workload(`w${places}`).instanceUid);
  assert.equal(table.get(0), kept, 'once asked for is not enough');
  const other = table.get(places);
  assert.equal(table.get(places), other, 'twice is');
  assert.deepEqual(table.get(0), kept);
  table.release(places);
  assert.equal(table.acquire(workload('anew')), places);
  assert.equal(table.get(places).instanceUid, workload('anew').instanceUid);
});
