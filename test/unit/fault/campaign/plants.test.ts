import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyEdits, checkEdits } from '../../../fault/campaign/edits.ts';
import { FAULTS } from '../../../fault/campaign/faults.ts';
import { paceEdits } from '../../../fault/campaign/pace.ts';
import { PLANTS } from '../../../fault/campaign/plants.ts';

for (const { name, edits, faults } of PLANTS) {
  test(`the bug ${name} can be planted in today's sources, beside the pace of campaigns`, async () => {
    await checkEdits([...paceEdits(0), ...edits]);
    for (const each of faults)
      assert.ok(
        FAULTS.some((fault) => fault.name === each),
        each,
      );
  });
}

test('a fragment that is not there, or there twice, is refused', () => {
  const edit = { file: 'a.ts', fragment: 'x', replacement: '$&y' };
  assert.equal(applyEdits('axb', [edit]), 'a$&yb');
  assert.throws(() => applyEdits('ab', [edit]), /holds 0 times/);
  assert.throws(() => applyEdits('axbx', [edit]), /holds 2 times/);
});
