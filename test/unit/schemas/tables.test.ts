import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODECS } from '../../fixtures/golden/codecs.ts';
import { FLOWS, LOSSES, OWNERSHIP, TABLES } from '../../../schemas/tables.ts';

const OWNER = `cluster namespace workload workload_kind instance instance_uid node
  region availability_zone account_id vpc_id subnet_id labels`.split(/\s+/);

test('a table has each column once, and the folders are not among them', () => {
  for (const table of TABLES) {
    const names = table.columns.map((column) => column.name);
    assert.equal(new Set(names).size, names.length, table.name);
    assert.ok(!names.includes('dt') && !names.includes('hour'), table.name);
    for (const name of names) assert.match(name, /^[a-z][a-z0-9_]*$/);
  }
});

test('both ends of a flow are described by the same columns', () => {
  const of = (prefix: string): string[] =>
    FLOWS.columns.filter(({ name }) => name.startsWith(prefix)).map(({ name, type }) => `${name.slice(4)} ${type}`);
  const dst = of('dst_').filter((column) => !column.startsWith('service'));
  assert.deepEqual(of('src_'), dst);
  for (const name of OWNER) assert.ok(of('src_').includes(`${name} string`), name);
});

test('an owner has the same columns in flows and in ownership', () => {
  const names = OWNERSHIP.columns.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => OWNER.includes(name)),
    OWNER,
  );
});

test('every measure of the enriched row is a column of flows', () => {
  const enriched = CODECS.find(({ name }) => name === 'flows.enriched.v1')!.schema.rows;
  const columns = new Set(FLOWS.columns.map(({ name }) => name));
  for (const { name, doc } of enriched.fields) {
    if (/Kind: (delta|gauge|once)/.test(doc) && name !== 'numbers') assert.ok(columns.has(name), name);
  }
});

test('the kind that a column and its field state is the same', () => {
  const enriched = CODECS.find(({ name }) => name === 'flows.enriched.v1')!.schema.rows;
  for (const column of FLOWS.columns) {
    const field = enriched.fields.find(({ name }) => name === column.name);
    if (field !== undefined) assert.match(field.doc, new RegExp(`Kind: ${column.kind}\\.`), column.name);
  }
});

test('only the count of a loss, and whose it was, may be unknown', () => {
  assert.deepEqual(
    LOSSES.columns.filter(({ nullable }) => nullable).map(({ name }) => name),
    ['flows', 'reporter_node', 'ring_id'],
  );
});
