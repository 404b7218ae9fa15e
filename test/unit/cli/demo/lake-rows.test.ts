import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRows } from '../../../../cli/demo/check.ts';
import { namedByNewest } from '../../../../cli/demo/lake-rows.ts';
import { DEMO, rows, truth } from './demo-truth.ts';

const claim = (addr: string, port: number | null, workload: string, node: string) => ({
  addr,
  port,
  workload,
  node: `demo-${DEMO}-${node}`,
});
const web = claim('10.77.1.10', null, 'web', 'node-a');

test('a look-up of the newest owner names what never moved as the lake does', () => {
  const newest = [web, claim('10.77.2.12', 5432, 'db', 'node-b'), claim('10.77.2.12', null, 'reports', 'node-b')];
  const report = checkRows(truth(), namedByNewest(rows(), newest));
  assert.deepEqual([report.ok, report.names.wrong], [true, 0]);
  assert.equal(report.methods.get('port'), 1);
});

test('it names who moved in later, which turns the check red; ends seen at capture stay', () => {
  const report = checkRows(truth(), namedByNewest(rows(), [web, claim('10.77.2.12', null, 'cache-green', 'node-b')]));
  assert.deepEqual([report.ok, report.names.wrong], [false, 1]);
  assert.match(report.findings[0] ?? '', /is named cache-green .* it was db/);
});

test('an address that nobody claims has no name', () => {
  const [mine] = namedByNewest(rows(), []);
  assert.deepEqual([mine!.src.workload, mine!.dst.workload, mine!.dst.reason], ['web', null, 'no_claim']);
});
