import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRows } from '../../../../cli/demo/check.ts';
import { answer, DEMO, end, row, rows, truth } from './demo-truth.ts';

test('a lake that tells the truth has no figure off', () => {
  const report = checkRows(truth(), rows());
  assert.equal(report.ok, true);
  assert.deepEqual(report.connections, { made: 1, found: 1, off: 0, unjudged: 0 });
  assert.equal(report.bytes.truth, 4200);
  assert.equal(report.lookedUpShare, 0.5);
  assert.deepEqual(report.findings, []);
});

test('interim rows add up with the final one to exact bytes', () => {
  const [mine, theirs] = rows();
  const interim = row({ report: 'interim', outcome: 'open', connectionCount: 0, bytesToDst: 60, bytesToSrc: 500 });
  const rest = row({ bytesToDst: 40, bytesToSrc: 1500 });
  assert.equal(checkRows(truth(), [interim, rest, theirs!]).ok, true);
  const report = checkRows(truth(), [interim, mine!, theirs!]);
  assert.equal(report.ok, false);
  assert.equal(report.bytes.off, 560);
});

test('a lost, a doubled and an unexpected row are each counted and turn it red', () => {
  const [mine, theirs] = rows();
  const lost = checkRows(truth(), [mine!]);
  assert.deepEqual([lost.ok, lost.rows.lost, lost.connections.off], [false, 1, 1]);
  assert.match(lost.findings.join('\n'), /db server .* not in the lake/);
  const twice = checkRows(truth(), [mine!, mine!, theirs!]);
  assert.deepEqual([twice.ok, twice.rows.twice], [false, 1]);
  const more = checkRows(truth(), [...rows(), row({ srcPort: 20_001 })]);
  assert.deepEqual([more.ok, more.rows.unexpected], [false, 1]);
});

test('an interim row alone is no connection found', () => {
  const [mine, theirs] = rows();
  const report = checkRows(truth(), [{ ...mine!, report: 'interim', connectionCount: 0 }, theirs!]);
  assert.deepEqual([report.ok, report.rows.lost], [false, 1]);
});

test('each thing that a row tells wrongly turns it red', () => {
  const changes: Partial<ReturnType<typeof row>>[] = [
    { bytesToDst: 101 },
    { bytesToSrc: 1999 },
    { outcome: 'reset_by_dst' },
    { reporter: 'dst' },
    { reporterNode: `demo-${DEMO}-node-b` },
    { dst: { workload: 'cache-green', node: `demo-${DEMO}-node-b`, method: 'address', reason: null } },
    { dst: { workload: 'db', node: `demo-${DEMO}-node-a`, method: 'address', reason: null } },
    { src: { workload: 'batch', node: `demo-${DEMO}-node-a`, method: 'local', reason: null } },
  ];
  for (const change of changes) {
    const report = checkRows(truth(), [row(change), rows()[1]!]);
    assert.equal(report.ok, false, JSON.stringify(change));
    assert.ok(report.findings.length > 0);
  }
});

test('an end without a name is counted with its reason and is not wrong', () => {
  const [mine, theirs] = rows();
  const dst = { workload: null, node: null, method: 'none', reason: 'gap' };
  const report = checkRows(truth(), [{ ...mine!, dst }, theirs!]);
  assert.deepEqual([...report.names.unnamed], [['gap', 1]]);
  assert.equal(report.names.wrong, 0);
  assert.equal(report.connections.off, 0);
});

test('too few ends named by look-up turn it red', () => {
  const peers = rows().map((one) => ({
    ...one,
    src: { ...one.src, method: 'peer' },
    dst: { ...one.dst, method: 'local' },
  }));
  const report = checkRows(truth(), peers);
  assert.deepEqual([report.ok, report.names.wrong, report.lookedUpShare], [false, 0, 0]);
});

test('who has no address in the fleet must have no name', () => {
  const asked = end({ remote: '203.0.113.10', remotePort: 443 });
  const ends = [asked, answer(asked, 'internet')];
  const outside = { workload: null, node: null, method: 'none', reason: 'no_claim' };
  const told = row({ dstAddr: '203.0.113.10', dstPort: 443, dst: outside });
  assert.deepEqual([checkRows(truth(ends), [told]).names.nobody, checkRows(truth(ends), [told]).names.wrong], [1, 0]);
  const named = row({ dstAddr: '203.0.113.10', dstPort: 443 });
  assert.equal(checkRows(truth(ends), [named]).names.wrong, 1);
});

test('what was open while its node had no sidecar is not judged, in neither direction', () => {
  const [mine, theirs] = rows();
  const blind = { reporterNode: `demo-${DEMO}-node-a`, fromUs: 1_500_000, toUs: 1_600_000 };
  const turned = { ...mine!, reporter: 'dst' as const, srcAddr: mine!.dstAddr, srcPort: 5432, dstAddr: mine!.srcAddr };
  for (const told of [[theirs!], [{ ...mine!, bytesToDst: 7 }, theirs!], [{ ...turned, dstPort: 20_000 }, theirs!]]) {
    const report = checkRows(truth(), told, blind);
    assert.deepEqual(report.connections, { made: 1, found: 0, off: 0, unjudged: 1 });
    assert.equal(report.rows.unexpected, 0);
  }
  const before = { ...blind, fromUs: 0, toUs: 999_999 };
  assert.equal(checkRows(truth(), [theirs!], before).rows.lost, 1);
});

test('an empty truth proves nothing', () => {
  assert.equal(checkRows(truth([]), []).ok, false);
});
