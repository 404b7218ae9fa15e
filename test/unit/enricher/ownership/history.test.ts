import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnershipHistory } from '../../../../enricher/ownership/history.ts';
import { Level, OwnerAt } from '../../../../enricher/ownership/owner.ts';
import { OwnerFinder } from '../../../../enricher/ownership/owner-at.ts';
import { Method } from '../../../../schemas/generated/common.ts';
import { encodeOwnershipMessage } from '../../../../schemas/generated/ownership-v1.ts';
import { ownership, type TestClaim, type TestOwnership, words, workload } from '../../../fixtures/enricher-messages.ts';

const S = 1_000_000;
const a = workload('a');
const b = workload('b');
const LEVELS = Object.fromEntries(Object.entries(Level).map(([name, level]) => [level, name]));

function historyOf(...messages: TestOwnership[]): OwnershipHistory {
  const history = new OwnershipHistory();
  for (const message of messages) history.apply(ownership(message), 1e9);
  return history;
}

/** "certain a", "none", ... for an address at a second. */
function at(history: OwnershipHistory, addr: string, seconds: number, port = 0): string {
  const network = history.findNetwork('net');
  assert.ok(network);
  const out = new OwnerAt();
  const whole = history.entryOf(network, words(addr), 0);
  const ofPort = history.portEntryOf(network, words(addr), 0, port, whole);
  new OwnerFinder(history).find(network, words(addr), 0, whole, ofPort, seconds * S, out);
  const name = out.workload < 0 ? '' : ` ${history.workloads.get(out.workload).name}`;
  return `${LEVELS[out.level]}${name}`;
}

const held = (from: number, who = a, more: Partial<TestClaim> = {}): TestClaim => ({
  addr: '10.0.0.1',
  who,
  from: from * S,
  ...more,
});
const ended = (from: number, to: number, latest: number, who = a): TestClaim =>
  held(from, who, { to: to * S, latest: latest * S });
const full = (seq: number, asOf: number, ...claims: TestClaim[]): TestOwnership => ({
  seq,
  kind: 'full',
  asOf: asOf * S,
  claims,
});
const delta = (seq: number, asOf: number, ...claims: TestClaim[]): TestOwnership => ({
  seq,
  kind: 'delta',
  asOf: asOf * S,
  claims,
});
const asOf = (seq: number, seconds: number): TestOwnership => ({ seq, kind: 'asOf', asOf: seconds * S });

test('an open claim is certain up to its reporter’s last word and not past it', () => {
  const history = historyOf(full(0, 10, held(5)), asOf(1, 15));
  assert.deepEqual(
    [4, 5, 15, 16].map((s) => at(history, '10.0.0.1', s)),
    ['none', 'certain a', 'certain a', 'none'],
  );
});

test('between two looks the owner is only possible, and two possible ones are contested', () => {
  const history = historyOf(full(0, 10, held(5)), delta(1, 22, ended(5, 18, 20), held(21, b, { earliest: 19 * S })));
  assert.deepEqual(
    [18, 18.5, 19.5, 20.5, 21].map((s) => at(history, '10.0.0.1', s)),
    ['certain a', 'near a', 'contested', 'near b', 'certain b'],
  );
});

test('a full list that repeats a claim changes nothing but how long it holds', () => {
  const history = historyOf(full(0, 10, held(5)), full(1, 70, held(5)), full(2, 130, held(5)));
  assert.equal(history.entries.count(0), 1);
  assert.equal(at(history, '10.0.0.1', 130), 'certain a');
});

test('what a full list leaves out ended somewhere since the last word', () => {
  const history = historyOf(full(0, 10, held(5)), asOf(1, 20), full(2, 30));
  assert.deepEqual(
    [20, 25, 31].map((s) => at(history, '10.0.0.1', s)),
    ['certain a', 'near a', 'none'],
  );
});

test('after a missing message nothing is confirmed until the next full list', () => {
  const history = historyOf(full(0, 10, held(5)), asOf(2, 20));
  assert.equal(at(history, '10.0.0.1', 15), 'none');
  history.apply(ownership(full(3, 30, held(5))), 1e9);
  assert.equal(at(history, '10.0.0.1', 15), 'certain a');
});

test('a repeated or late message is ignored', () => {
  const history = historyOf(full(0, 10, held(5)), delta(1, 20, ended(5, 18, 19)));
  assert.equal(history.apply(ownership(full(0, 10, held(5))), 1e9).taken, false);
  assert.equal(at(history, '10.0.0.1', 20), 'none');
});

test('a new epoch ends what the old one held, unless its full list holds it too', () => {
  const dead = [full(0, 10, held(5), held(5, b, { addr: '10.0.0.2' })), asOf(1, 20)];
  const history = historyOf(...dead, { ...full(0, 40, held(39)), epoch: 'e2' });
  assert.deepEqual(
    [20, 30, 39, 40].map((s) => at(history, '10.0.0.1', s)),
    ['certain a', 'certain a', 'certain a', 'certain a'],
  );
  assert.deepEqual(
    [20, 30, 41].map((s) => at(history, '10.0.0.2', s)),
    ['certain b', 'near b', 'none'],
  );
});

test('an instance that comes back under another name is not the same', () => {
  const renamed = workload('a', { name: 'other' });
  const history = historyOf(full(0, 10, held(5)), { ...full(0, 40, held(39, renamed)), epoch: 'e2' });
  assert.equal(at(history, '10.0.0.1', 10), 'certain a');
  assert.notEqual(at(history, '10.0.0.1', 30), 'certain a');
});

test('a message of an epoch that is over does not bring it back', () => {
  const history = historyOf(full(0, 10, held(5)), { ...full(0, 40), epoch: 'e2' });
  assert.equal(history.apply(ownership(full(1, 50, held(5))), 1e9).taken, false);
  assert.equal(at(history, '10.0.0.1', 45), 'none');
});

test('two nodes with one name are refused by turns and counted, and nobody is named by both', () => {
  const second = (kind: 'full' | 'delta', seq: number, asOf_: number, ...claims: TestClaim[]): TestOwnership => {
    return { ...full(seq, asOf_, ...claims), kind, epoch: 'e2' };
  };
  const history = historyOf(full(0, 10, held(5)), second('full', 0, 11, held(5, b, { addr: '10.0.0.2' })));
  assert.equal(history.reporters.clockOf('c', 'net', 'n1'), 0);
  const applied = history.apply(ownership(delta(1, 15, held(14, b, { addr: '10.0.0.3' }))), 1e9);
  assert.deepEqual([applied.taken, applied.refused], [false, 1]);
  assert.match(applied.fault ?? '', /two reporters are named n1/);
  assert.equal(history.reporters.clockOf('c', 'net', 'n1'), -1, 'whose clock it is, is not known');
  assert.deepEqual(
    ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((addr) => at(history, addr, 10.5)),
    ['near a', 'certain b', 'none'],
  );
});

test('a goodbye ends everything at once, and a second life goes on where it was', () => {
  const goodbye: TestOwnership = { seq: 1, kind: 'goodbye', asOf: 20 * S };
  const history = historyOf(full(0, 10, held(5)), goodbye);
  assert.deepEqual(
    [20, 21].map((s) => at(history, '10.0.0.1', s)),
    ['certain a', 'none'],
  );
  history.apply(ownership({ ...full(0, 40, held(40)), epoch: 'e2' }), 1e9);
  assert.equal(at(history, '10.0.0.1', 30), 'certain a');
});

test('the more exact claim wins: a port before the address, the address before the node, the longest prefix last', () => {
  const claims = [
    held(0, a, { method: Method.node }),
    held(0, b, { port: 80 }),
    held(0, workload('wide'), { addr: '10.0.0.0', prefixLength: 104, method: Method.prefix }),
    held(0, workload('narrow'), { addr: '10.0.0.0', prefixLength: 120, method: Method.prefix }),
  ];
  const history = historyOf(full(0, 10, ...claims));
  assert.equal(at(history, '10.0.0.1', 5, 80), 'certain b');
  assert.equal(at(history, '10.0.0.1', 5, 81), 'certain a');
  assert.equal(at(history, '10.0.0.7', 5), 'certain narrow');
  assert.equal(at(history, '10.9.0.7', 5), 'certain wide');
  assert.equal(at(history, '11.0.0.1', 5), 'none');
});

test('a silent reporter’s claim names nobody, and keeps a guess from being named', () => {
  const other: TestOwnership = { ...delta(1, 30, held(29, b, { earliest: 22 * S })), reporter: 'n2' };
  const history = historyOf(full(0, 10, held(5)), { ...full(0, 20), reporter: 'n2' }, other);
  assert.deepEqual(
    [25, 29].map((s) => at(history, '10.0.0.1', s)),
    ['contested', 'certain b'],
  );
});

test('two reporters that know one instance by different names agree', () => {
  const named = workload('a', { name: 'checkout' });
  const history = historyOf(full(0, 10, held(5)), { ...full(0, 10, held(4, named)), reporter: 'watcher' });
  assert.equal(at(history, '10.0.0.1', 6), 'certain checkout');
});

test('networks with the same ranges stay apart', () => {
  const history = historyOf(full(0, 10, held(5)), { ...full(0, 10, held(5, b)), network: 'other' });
  assert.equal(at(history, '10.0.0.1', 6), 'certain a');
});

test('an impossible claim is refused alone, and what is wrong with it is said', () => {
  const message = ownership(full(0, 10, held(5), held(9, b, { addr: '10.0.0.2', to: 8 * S, latest: 8 * S })));
  const history = new OwnershipHistory();
  const applied = history.apply(message, 1e9);
  assert.deepEqual([applied.claims, applied.refused], [1, 1]);
  assert.match(applied.fault ?? '', /from 9000000 after to 8000000/);
  assert.deepEqual([at(history, '10.0.0.1', 6), at(history, '10.0.0.2', 8.5)], ['certain a', 'none']);
});

test('a reporter whose clock is far ahead of the log’s is refused', () => {
  const history = new OwnershipHistory();
  const applied = history.apply(ownership(full(0, 1000, held(5))), 100_000);
  assert.equal(applied.taken, false);
  assert.match(applied.fault ?? '', /ahead/);
});

test('bytes that are no ownership message change nothing', () => {
  const history = historyOf(full(0, 10, held(5)));
  const bytes = encodeOwnershipMessage(ownership(full(1, 20)));
  assert.throws(() => history.applyBytes(bytes.slice(0, -2), 1e9), { code: 'WEIR_SCHEMA_TRUNCATED' });
  assert.equal(history.applyBytes(bytes, 1e9).taken, true);
  assert.equal(at(history, '10.0.0.1', 10), 'certain a');
});

test('what ended long ago is forgotten, with its workloads, while live claims stay', () => {
  const history = new OwnershipHistory({ retainMs: 100_000, clockSkewMs: 0 });
  const append = (seconds: number): number => seconds * 1000;
  history.apply(ownership(full(0, 10, held(5, b, { addr: '10.9.9.9' }))), append(10));
  for (let i = 1; i <= 500; i += 1) {
    const claim = ended(10 + i, 10 + i + 1, 10 + i + 1, workload(`w${i}`));
    history.apply(ownership(delta(i, 12 + i, { ...claim, addr: `10.1.${i >> 8}.${i & 255}` })), append(12 + i));
  }
  assert.ok(history.entries.size < 120, `${history.entries.size} entries`);
  assert.ok(history.workloads.size < 120, `${history.workloads.size} workloads`);
  assert.equal(at(history, '10.9.9.9', 500), 'certain b');
  assert.equal(at(history, '10.1.1.244', 510.5), 'certain w500');
  assert.equal(at(history, '10.1.0.1', 11.5), 'none');
});

test('an address stays as long as one of its ports is claimed, and prefixes go with their last claim', () => {
  const history = new OwnershipHistory({ retainMs: 100_000, clockSkewMs: 0 });
  const say = (seq: number, asOfS: number, ...claims: TestClaim[]): void => {
    history.apply(ownership(full(seq, asOfS, ...claims)), asOfS * 1000);
  };
  const ports = [22, 80, 443].map((port) => held(5, a, { addr: '10.0.0.5', port }));
  say(0, 10, ...ports, held(5, b, { addr: '10.0.0.0', prefixLength: 120, method: Method.prefix }));
  assert.equal(history.findNetwork('net')?.prefixes.size, 1);
  for (let i = 1; i < 60; i += 1) say(i, 10 + 10 * i, ports[1]!);
  assert.equal(history.findNetwork('net')?.prefixes.size, 0);
  assert.equal(history.entries.size, 2, 'the address and its one port');
  assert.equal(at(history, '10.0.0.5', 590, 80), 'certain a');
  assert.equal(at(history, '10.0.0.5', 590), 'conflict', 'a client there is one of several');
  for (let i = 60; i < 100; i += 1) say(i, 10 + 10 * i);
  assert.equal(history.entries.size, 0);
  assert.equal(history.workloads.size, 0);
});

test('an open claim of a reporter that fell silent long ago is forgotten', () => {
  const history = new OwnershipHistory({ retainMs: 100_000, clockSkewMs: 0 });
  history.apply(ownership(full(0, 10, held(5))), 10_000);
  for (let i = 0; i < 30; i += 1) history.apply(ownership({ ...asOf(i, 20 + 10 * i), reporter: 'n2' }), 1e9);
  assert.equal(history.entries.size, 0);
  assert.equal(history.apply(ownership(asOf(1, 330)), 1e9).taken, true);
});
