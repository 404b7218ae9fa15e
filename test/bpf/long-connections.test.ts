import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import * as record from '../../schemas/generated/record-offsets.ts';
import { openBpfSource } from '../../sidecar/flow-source-bpf.ts';
import type { BpfSource } from '../../sidecar/flow-source-bpf.ts';
import { drain, Fleet } from './harness.ts';
import type { FlowSeen, Running } from './harness.ts';

const CONNECTIONS = 50;
const FINAL = record.FLOW_KIND_FINAL;
const INTERIM = record.FLOW_KIND_INTERIM;

let fleet: Fleet;
let load: string;
let here: string;
let source: BpfSource;
before(() => {
  fleet = new Fleet();
  load = fleet.compile('load');
  here = fleet.namespace('here');
});
afterEach(() => source.stop());
after(() => fleet.remove());

const hold = async (port: number): Promise<Running> => {
  const program = fleet.spawn(here, load, 'hold', '127.0.0.1', String(port), String(CONNECTIONS));
  await program.saw(/ready/);
  return program;
};

const send = async (program: Running, times: number): Promise<void> => {
  program.child.stdin.write('\n');
  await program.saw(new RegExp(`(sent[^]*){${times}}`));
};

const close = async (program: Running): Promise<void> => {
  program.child.stdin.end();
  await program.ended;
};

const sum = (flows: readonly FlowSeen[], of: (flow: FlowSeen) => number): number =>
  flows.reduce((total, flow) => total + of(flow), 0);

function byConnection(flows: readonly FlowSeen[]): FlowSeen[][] {
  const groups = new Map<bigint, FlowSeen[]>();
  for (const flow of flows) groups.set(flow.cookie, [...(groups.get(flow.cookie) ?? []), flow]);
  return [...groups.values()];
}

/** One after the other without a gap, each saying what came before it. */
function expectChain(chain: readonly FlowSeen[]): void {
  chain.forEach((flow, i) => {
    assert.equal(flow.interimCount, i);
    assert.equal((flow.flags & record.FLOW_FLAG_HAD_INTERIM) !== 0, i > 0);
    assert.equal(flow.startNs, i === 0 ? flow.openedNs : chain[i - 1]?.endNs);
    assert.equal(flow.kind, i === chain.length - 1 ? FINAL : INTERIM);
  });
}

test('interim and final records of a connection are differences that sum up to its bytes', async () => {
  source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 1 << 20 });
  await source.start();
  const program = await hold(7100);
  await source.reportOpen();
  const first = drain(source).flows;
  assert.equal(first.length, 2 * CONNECTIONS);
  assert.ok(first.every((flow) => flow.kind === INTERIM && flow.sent === 10 && flow.received === 10));
  assert.ok(
    first.every((flow) => flow.pid === program.pid && flow.comm === 'load'),
    'accepted sockets have an owner too',
  );

  await source.reportOpen();
  assert.equal(drain(source).flows.length, 0, 'what did not move is not reported');

  await send(program, 1);
  await source.reportOpen();
  const second = drain(source).flows;
  assert.equal(second.length, 2 * CONNECTIONS);
  assert.ok(second.every((flow) => flow.sent + flow.received === 7));

  await send(program, 2);
  await send(program, 3);
  await close(program);
  const last = drain(source).flows;
  assert.equal(last.length, 2 * CONNECTIONS);
  assert.ok(last.every((flow) => flow.kind === FINAL && flow.sent + flow.received === 14));

  for (const chain of byConnection([...first, ...second, ...last])) {
    expectChain(chain);
    const isClient = chain[0]?.role === record.FLOW_ROLE_CLIENT;
    assert.equal(
      sum(chain, (flow) => flow.sent),
      isClient ? 31 : 10,
    );
    assert.equal(
      sum(chain, (flow) => flow.received),
      isClient ? 10 : 31,
    );
  }
  assert.equal(source.counters().made, 6 * CONNECTIONS);
});

test('an interim record that finds no room is no loss: the next record contains it', async () => {
  source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 16_384 }); // 62 records
  await source.start();
  const program = await hold(7101);
  const buffer = Buffer.alloc(1 << 20);
  source.read(buffer); // the listen record stays in the ring
  await source.reportOpen();
  const deferred = source.nativeCounters().interimDeferred;
  const first = drain(source).flows;
  assert.ok(first.length > 50 && first.length < 62);
  assert.ok(first.length + deferred >= 2 * CONNECTIONS);
  assert.deepEqual(source.counters().dropped, { ring_full: 0 });
  assert.equal(source.counters().made, first.length);

  await send(program, 1);
  await source.reportOpen();
  const second = drain(source).flows;
  const reader = setInterval(() => last.push(...drain(source).flows), 5);
  const last: FlowSeen[] = [];
  await close(program);
  clearInterval(reader);
  last.push(...drain(source).flows);

  const { made, dropped } = source.counters();
  const flows = [...first, ...second, ...last];
  assert.equal(flows.length + (dropped['ring_full'] ?? 0), made);
  for (const chain of byConnection(flows)) {
    if (chain.at(-1)?.kind !== FINAL) continue; // its final record found the ring full, and was counted
    expectChain(chain);
    assert.equal(
      sum(chain, (flow) => flow.sent + flow.received),
      27,
    );
  }
});

test('connections older than the capture are found with their owners, and end with all their bytes', async () => {
  const program = await hold(7102);
  source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 1 << 20 });
  await source.start();
  await source.reportOpen();
  const seeded = drain(source).flows;
  assert.equal(seeded.length, 2 * CONNECTIONS);
  assert.equal(byConnection(seeded).length, 2 * CONNECTIONS);
  assert.equal(source.nativeCounters().seeded, 2 * CONNECTIONS);
  for (const flow of seeded) {
    assert.equal(flow.flags & record.FLOW_FLAG_SEEDED, record.FLOW_FLAG_SEEDED);
    assert.deepEqual([flow.kind, flow.role, flow.openedNs, flow.startNs], [INTERIM, record.FLOW_ROLE_UNKNOWN, 0n, 0n]);
    assert.deepEqual([flow.pid, flow.comm, flow.cgroupId], [program.pid, 'load', fleet.cgroupId]);
    assert.deepEqual([flow.sent, flow.received], [10, 10]);
  }
  await send(program, 1);
  await close(program);
  const ended = drain(source).flows;
  assert.equal(ended.length, 2 * CONNECTIONS);
  assert.ok(ended.every((flow) => flow.kind === FINAL && (flow.flags & record.FLOW_FLAG_SEEDED) !== 0));
  for (const chain of byConnection([...seeded, ...ended])) {
    expectChain(chain);
    assert.equal(
      sum(chain, (flow) => flow.sent + flow.received),
      27,
    );
  }
});

test('connections older than the capture that end before any walk are recorded once, without an owner', async () => {
  const program = await hold(7103);
  source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 1 << 20 });
  await source.start();
  await close(program);
  await source.reportOpen();
  const flows = drain(source).flows;
  assert.equal(flows.length, 2 * CONNECTIONS);
  assert.equal(byConnection(flows).length, flows.length, 'every record has a cookie of its own');
  for (const flow of flows) {
    assert.equal(flow.flags & record.FLOW_FLAG_SEEDED, record.FLOW_FLAG_SEEDED);
    assert.deepEqual([flow.kind, flow.openedNs, flow.sent, flow.received], [FINAL, 0n, 10, 10]);
  }
});

test('a walk sees only the watched subtree', async () => {
  const elsewhere = new Fleet();
  try {
    const program = await hold(7104);
    source = openBpfSource({ cgroupPath: elsewhere.cgroupPath, ringBytes: 1 << 20 });
    await source.start();
    await source.reportOpen();
    await close(program);
    assert.deepEqual(drain(source), { flows: [], listens: [] });
    assert.equal(source.counters().made, 0);
  } finally {
    await source.stop();
    await elsewhere.remove();
  }
});

test('where the state map is full, connections are still recorded, with their bytes', async () => {
  source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 1 << 20, stateEntries: 20 });
  await source.start();
  const program = await hold(7105);
  await close(program);
  const flows = drain(source).flows;
  assert.equal(flows.length, 2 * CONNECTIONS);
  assert.ok(flows.every((flow) => flow.kind === FINAL && flow.sent === 10 && flow.received === 10));
  const without = flows.filter((flow) => (flow.flags & record.FLOW_FLAG_NO_STATE) !== 0);
  assert.equal(without.length, source.counters().stateFull);
  assert.ok(without.length >= 2 * CONNECTIONS - 20 && without.length < 2 * CONNECTIONS);
});

test('walks that race with transfers and closes repeat no byte and lose none', async () => {
  const [pairs, count, request, response] = [4, 1000, 3000, 40_000];
  source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 8 << 20 });
  await source.start();
  const run = (verb: string, pair: number, closer: string): Running =>
    fleet.spawn(
      here,
      load,
      verb,
      '127.0.0.1',
      String(7110 + pair),
      String(count),
      String(request),
      String(response),
      closer,
    );
  const closers = Array.from({ length: pairs }, (_, pair) => (pair % 2 === 0 ? 'server' : 'client'));
  const servers = closers.map((closer, pair) => run('serve', pair, closer));
  await Promise.all(servers.map((server) => server.saw(/ready/)));
  let running = true;
  const programs = [...servers, ...closers.map((closer, pair) => run('connect', pair, closer))];
  const all = Promise.all(programs.map((program) => program.ended)).finally(() => {
    running = false;
  });
  const flows: FlowSeen[] = [];
  while (running) {
    await source.reportOpen();
    flows.push(...drain(source).flows);
  }
  await all;
  await source.detach();
  flows.push(...drain(source).flows);

  assert.deepEqual(source.counters().dropped, { ring_full: 0 });
  assert.equal(source.counters().made, flows.length);
  const chains = byConnection(flows);
  assert.equal(chains.length, 2 * pairs * count);
  assert.ok(
    chains.some((chain) => chain.length > 1),
    'some connections were met by a walk',
  );
  for (const chain of chains) {
    expectChain(chain);
    const isClient = chain[0]?.role === record.FLOW_ROLE_CLIENT;
    assert.equal(
      sum(chain, (flow) => flow.sent),
      isClient ? request : response,
    );
    assert.equal(
      sum(chain, (flow) => flow.received),
      isClient ? response : request,
    );
  }
});
