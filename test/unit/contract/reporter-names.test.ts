import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeOfReporter, shareName } from '../../../contract/reporter-names.ts';

test('every share of a node has a name of its own that says the node', () => {
  const names = [0, 1, 2, 30].map((index) => shareName('node.eu-1', index));
  assert.deepEqual(names, ['node.eu-1', 'node.eu-1/2', 'node.eu-1/3', 'node.eu-1/31']);
  assert.deepEqual(new Set(names.map(nodeOfReporter)), new Set(['node.eu-1']));
});
