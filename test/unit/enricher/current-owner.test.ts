import assert from 'node:assert/strict';
import { test } from 'node:test';
import { currentOwners } from '../../../enricher/current-owner.ts';
import { address, ownershipOut, workload } from '../../fixtures/enricher-messages.ts';

test('the newest owner answers for every time, which is what is wrong with it', () => {
  const claims = [
    { addr: '10.0.0.1', who: workload('a'), from: 5, to: 20 },
    { addr: '10.0.0.1', who: workload('b'), from: 21 },
    { addr: '10.0.0.1', port: 80, who: workload('c'), from: 3 },
  ];
  const owners = currentOwners([ownershipOut({ seq: 0, kind: 'full', asOf: 30, claims }).value]);
  assert.equal(owners.ownerOf('net', address('10.0.0.1'), 0)?.name, 'b');
  assert.equal(owners.ownerOf('net', address('10.0.0.1'), 80)?.name, 'c');
  assert.equal(owners.ownerOf('net', address('10.0.0.2'), 0), null);
  assert.equal(owners.ownerOf('other', address('10.0.0.1'), 0), null);
});
