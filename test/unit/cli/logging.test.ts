import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineAsText } from '../../../cli/logging.ts';

test('a JSON line becomes a line for people: time, level, stage, event, fields', () => {
  const json = JSON.stringify({
    level: 'warn',
    time: '2026-01-02T03:04:05.678Z',
    name: 'weir',
    version: '0.1.0',
    stage: 'sink',
    objects: 3,
    table: 'flows',
    msg: 'object created',
  });
  assert.equal(lineAsText(json), '03:04:05.678 warn sink: object created objects=3 table=flows\n');
});
