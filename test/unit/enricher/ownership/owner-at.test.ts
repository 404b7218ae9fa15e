import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Joiner } from '../../../../enricher/join.ts';
import { OwnershipHistory } from '../../../../enricher/ownership/history.ts';
import { Level, OwnerAt } from '../../../../enricher/ownership/owner.ts';
import { OwnerFinder } from '../../../../enricher/ownership/owner-at.ts';
import { Method, ReporterKind } from '../../../../schemas/generated/common.ts';
import { ownership, rawBatch, type TestOwnership, words, workload } from '../../../fixtures/enricher-messages.ts';

const S = 1_000_000;
const ADDR = '10.0.0.1';
const a = workload('a');
const b = workload('b');
const LEVELS = Object.fromEntries(Object.entries(Level).map(([name, level]) => [level, name]));

/** `a` from 10 s, seen until 20 and missed at 22; `b` certain from 24, absent at 22; spoken until 40. */
const handOver = (more: Partial<TestOwnership> = {}): TestOwnership => ({
  ...{ seq: 0, kind: 'full', asOf: 40 * S, reporter: 'n1', ...more },
  claims: [
    { addr: ADDR, who: a, earliest: 8 * S, from: 10 * S, to: 20 * S, latest: 22 * S },
    { addr: ADDR, who: b, earliest: 22.5 * S, from: 24 * S },
  ],
});

function historyOf(clockSkewMs: number, ...messages: TestOwnership[]): OwnershipHistory {
  const history = new OwnershipHistory({ retainMs: 1e9, clockSkewMs });
  for (const message of messages) history.apply(ownership(message), 1e9);
  return history;
}

function ask(history: OwnershipHistory, seconds: number): OwnerAt {
  const network = history.findNetwork('net');
  assert.ok(network);
  const out = new OwnerAt();
  const whole = history.entryOf(network, words(ADDR), 0);
  new OwnerFinder(history).find(network, words(ADDR), 0, whole, -1, seconds * S, out);
  return out;
}

function levels(history: OwnershipHistory, ...seconds: number[]): string[] {
  return seconds.map((s) => {
    const out = ask(history, s);
    return `${LEVELS[out.level]}${out.workload < 0 ? '' : ` ${history.workloads.get(out.workload).name}`}`;
  });
}

test('another clock is certain of less, and holds more to be possible', () => {
  const history = historyOf(1000, handOver());
  assert.deepEqual(levels(history, 6.9, 7, 10.9, 11, 19, 19.1, 21.4), [
    ...['none', 'near a', 'near a', 'certain a', 'certain a', 'near a', 'near a'],
  ]);
  assert.deepEqual(levels(history, 21.5, 23, 23.1, 24.9, 25, 39, 39.1), [
    ...['contested', 'contested', 'near b', 'near b', 'certain b', 'certain b', 'none'],
  ]);
});

test('the reporter’s own flows are timed by its clock: nothing is less certain', () => {
  const history = historyOf(1000, handOver());
  history.ownClock = history.reporters.clockOf('c', 'net', 'n1');
  assert.deepEqual(levels(history, 7.9, 10, 20, 22, 22.1, 24, 40), [
    ...['none', 'certain a', 'certain a', 'near a', 'none', 'certain b', 'certain b'],
  ]);
});

test('all reporters of one sidecar are timed by its clock', () => {
  const history = historyOf(1000, handOver({ reporter: 'n1/2' }));
  history.ownClock = history.reporters.clockOf('c', 'net', 'n1');
  assert.deepEqual(levels(history, 10, 22, 24), ['certain a', 'near a', 'certain b']);
  history.ownClock = history.reporters.clockOf('c', 'net', 'n2');
  assert.deepEqual(levels(history, 10), ['near a']);
});

test('since is told as its reporter told it', () => {
  const history = historyOf(1000, handOver());
  assert.deepEqual([ask(history, 15).sinceUs, ask(history, 30).sinceUs], [10 * S, 24 * S]);
});

test('what another clock holds possible until a little later is not forgotten where the own reporter’s claim begins', () => {
  const other = { addr: ADDR, who: a, from: 10 * S, to: 20 * S, latest: 23.5 * S };
  const own = { addr: ADDR, who: b, from: 24 * S, method: Method.node };
  const history = historyOf(
    1000,
    { seq: 0, kind: 'full', asOf: 40 * S, reporter: 'n2', claims: [other] },
    { seq: 0, kind: 'full', asOf: 40 * S, reporter: 'n1', claims: [own] },
  );
  history.ownClock = history.reporters.clockOf('c', 'net', 'n1');
  assert.deepEqual(levels(history, 24.2, 24.6), ['contested', 'certain b']);
});

test('who sees all of a cluster names an owner within what it holds possible; a sidecar does not', () => {
  const watcher = handOver({ reporter: 'api', reporterKind: ReporterKind.watcher });
  assert.deepEqual(levels(historyOf(0, watcher), 9, 21, 23), ['possible a', 'possible a', 'possible b']);
  assert.deepEqual(levels(historyOf(0, handOver()), 9, 21, 23), ['near a', 'near a', 'near b']);
  const both = historyOf(0, handOver(), watcher);
  assert.deepEqual(levels(both, 9, 15), ['possible a', 'certain a']);
});

test('a batch waits until the reporter’s clock is past its flows by any clock, its own node’s not longer than that', () => {
  const history = historyOf(1000, handOver());
  const flows = [{ local: '10.0.0.9', remote: ADDR, start: 38.5 * S, end: 39.5 * S, localWorkload: 0 }];
  const batch = rawBatch({ workloads: [workload('me')], flows });
  const joiner = new Joiner(history);
  assert.deepEqual(
    joiner.look({ ...batch, node: 'n2' }).map(({ reporter, untilUs }) => [reporter, untilUs]),
    [[0, 40.5 * S]],
  );
  assert.deepEqual(joiner.look({ ...batch, node: 'n1' }), []);
});
