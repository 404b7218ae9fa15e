import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnershipHistory } from '../../../../enricher/ownership/history.ts';
import { Holders, Wait } from '../../../../enricher/ownership/holders.ts';
import { Method } from '../../../../schemas/generated/common.ts';
import { ownership, type TestOwnership, words, workload } from '../../../fixtures/enricher-messages.ts';

const S = 1_000_000;
const a = workload('a');
const prefix = { addr: '10.0.0.0', prefixLength: 104, method: Method.prefix, who: null, from: 0 };
const said = (reporter: string, seq: number, asOf: number, more: Partial<TestOwnership> = {}): TestOwnership => {
  return { reporter, seq, kind: 'full', asOf: asOf * S, ...more };
};

function ask(messages: readonly TestOwnership[], addr: string, end: number, port = 0): string {
  const history = new OwnershipHistory();
  for (const message of messages) history.apply(ownership(message), 1e9);
  const network = history.findNetwork('net');
  assert.ok(network);
  const holders = new Holders(history);
  holders.begin(network);
  const wait = new Wait();
  const whole = history.entryOf(network, words(addr), 0);
  const ofPort = history.portEntryOf(network, words(addr), 0, port, whole);
  if (holders.isReady(words(addr), 0, whole, ofPort, end * S, wait)) return 'ready';
  return `${wait.reporter < 0 ? 'all' : history.reporters.all[wait.reporter]?.name}${wait.silent ? ', silent' : ''}`;
}

const held = { addr: '10.0.0.1', who: a, from: 5 * S };

test('an address that is held waits for its holder to speak past the flow', () => {
  assert.equal(ask([said('n1', 0, 10, { claims: [held] })], '10.0.0.1', 10), 'n1');
  assert.equal(ask([said('n1', 0, 11, { claims: [held] })], '10.0.0.1', 10), 'ready');
});

test('a released address in a known prefix waits for every live reporter', () => {
  const released = { ...held, to: 8 * S };
  const messages = [said('n1', 0, 20, { claims: [released, prefix] }), said('n2', 0, 9)];
  assert.equal(ask(messages, '10.0.0.1', 15), 'all');
  assert.equal(ask([...messages, said('n2', 1, 16)], '10.0.0.1', 15), 'ready');
});

test('an address that nobody claimed waits only within a known prefix', () => {
  const messages = [said('n1', 0, 10, { claims: [prefix] })];
  assert.equal(ask(messages, '10.3.3.3', 12), 'all');
  assert.equal(ask(messages, '192.0.2.1', 12), 'ready');
});

test('a reporter that is silent for three intervals is waited for only where it holds the address', () => {
  const messages = [said('n1', 0, 10, { claims: [held, prefix] }), said('n2', 0, 26)];
  assert.equal(ask(messages, '10.0.0.1', 12), 'n1, silent');
  assert.equal(ask(messages, '10.3.3.3', 12), 'ready');
});

test('a new holder is enough once the old one is silent', () => {
  const moved = { addr: '10.0.0.1', who: workload('b'), from: 11 * S };
  const messages = [said('n1', 0, 10, { claims: [held] }), said('n2', 0, 14, { claims: [moved] })];
  assert.equal(ask(messages, '10.0.0.1', 12), 'n1');
  assert.equal(ask([...messages, said('n2', 1, 40, { claims: [moved] })], '10.0.0.1', 12), 'ready');
});

test('an address of which only another port is claimed waits for who watches it', () => {
  const messages = [said('n1', 0, 10, { claims: [{ ...held, port: 80 }] })];
  assert.equal(ask(messages, '10.0.0.1', 12, 9090), 'n1');
});

test('who said goodbye is not waited for', () => {
  const messages = [
    said('n1', 0, 10, { claims: [held, prefix] }),
    said('n1', 1, 11, { kind: 'goodbye' }),
    said('n2', 0, 14),
  ];
  assert.equal(ask(messages, '10.0.0.1', 12), 'ready');
});
