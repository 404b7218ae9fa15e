import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntryTable, keyDetail } from '../../../../enricher/ownership/entries.ts';
import { Random } from '../../../property/enricher-world.ts';

test('entries come, go and are found as in a Map, through growth and holes', () => {
  const random = new Random(7);
  const table = new EntryTable();
  const known = new Map<string, number>();
  const key = new Int32Array(4);
  for (let step = 0; step < 60_000; step += 1) {
    // Few distinct words, so that neighbours in the index are common.
    key.set([0, 0, -65_536, random.below(9000)]);
    const port = random.below(2);
    const network = random.below(2);
    const name = `${key[3]} ${port} ${network}`;
    const detail = keyDetail(port, 128);
    const before = known.get(name) ?? -1;
    assert.equal(table.find(key, 0, detail, network), before);
    if (before >= 0 && random.chance(60)) {
      table.remove(before);
      known.delete(name);
      assert.equal(table.isUsed(before), false);
    } else if (before < 0) known.set(name, table.obtain(key, 0, detail, network));
    assert.equal(table.size, known.size);
  }
  assert.ok(known.size > 5000);
  assert.equal(new Set(known.values()).size, known.size);
});
