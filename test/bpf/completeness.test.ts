import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FLOW_KIND_FINAL, FLOW_ROLE_CLIENT, FLOW_ROLE_SERVER } from '../../schemas/generated/record-offsets.ts';
import { openBpfSource } from '../../sidecar/flow-source-bpf.ts';
import { Collector, Fleet } from './harness.ts';
import type { FlowSeen } from './harness.ts';

/** Server's namespace, client's, address, port, request, response, who closes first. */
const PAIRS = [
  ['b', 'a', '10.250.0.2', 7001, 100, 1000, 'server'],
  ['b', 'a', 'fd00:250::2', 7002, 1, 20_000, 'client'],
  ['a', 'b', '10.250.0.1', 7003, 5000, 10, 'client'],
  ['a', 'b', 'fd00:250::1', 7004, 333, 4444, 'server'],
  ['a', 'a', '127.0.0.1', 7005, 1, 1, 'server'],
] as const;
/** In all; npm run soak asks for 100,000. */
const TOTAL = Number(process.env['WEIR_TEST_CONNECTIONS'] ?? 10_000);
const CONNECTIONS = TOTAL / PAIRS.length; // a pair

let fleet: Fleet;
before(() => {
  fleet = new Fleet();
});
after(() => fleet.remove());

test(`${TOTAL} connections with cross-CPU interrupts leave a record at each end, with exact bytes and owners`, async () => {
  const load = fleet.compile('load');
  const names = { a: fleet.namespace('a'), b: fleet.namespace('b') };
  fleet.connect(names.a, names.b);
  for (const name of Object.values(names)) for (const device of ['lo', 'wire']) fleet.crossCpuInterrupts(name, device);
  const source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 8 << 20 });
  await source.start();
  const collector = new Collector(source);

  const words = (row: (typeof PAIRS)[number]): string[] =>
    row.slice(2).map(String).toSpliced(2, 0, String(CONNECTIONS));
  const servers = PAIRS.map((row) => fleet.spawn(names[row[0]], load, 'serve', ...words(row)));
  await Promise.all(servers.map((server) => server.saw(/ready/)));
  const clients = PAIRS.map((row) => fleet.spawn(names[row[1]], load, 'connect', ...words(row)));
  await Promise.all([...servers, ...clients].map((program) => program.ended));
  const flows = await collector.finish((seen) => seen.length >= 2 * PAIRS.length * CONNECTIONS);

  const counters = source.counters();
  await source.stop();
  assert.deepEqual(counters.dropped, { ring_full: 0 });
  assert.equal(counters.made, flows.length);
  assert.equal(flows.length, 2 * PAIRS.length * CONNECTIONS);
  assert.equal(new Set(flows.map((flow) => flow.cookie)).size, flows.length, 'a connection was reported twice');
  assert.deepEqual(
    new Set(collector.listens.map((listen) => listen.port)),
    new Set(PAIRS.map((row) => row[3])),
    'every listener told of itself',
  );

  PAIRS.forEach(([serverSide, clientSide, , port, request, response], i) => {
    const ends = {
      client: flows.filter((flow) => flow.role === FLOW_ROLE_CLIENT && flow.remotePort === port),
      server: flows.filter((flow) => flow.role === FLOW_ROLE_SERVER && flow.localPort === port),
    };
    expectAll(ends.client, {
      sent: request,
      received: response,
      pid: clients[i]?.pid,
      netns: fleet.netnsInode(names[clientSide]),
    });
    expectAll(ends.server, {
      sent: response,
      received: request,
      pid: servers[i]?.pid,
      netns: fleet.netnsInode(names[serverSide]),
    });
    // Both ends by tuple. A port may be used again, so the tuples are counted.
    const near = ends.client.map((flow) => `${flow.localAddr}:${flow.localPort} ${flow.remoteAddr}:${flow.remotePort}`);
    const far = ends.server.map((flow) => `${flow.remoteAddr}:${flow.remotePort} ${flow.localAddr}:${flow.localPort}`);
    assert.deepEqual(near.toSorted(), far.toSorted());
  });
});

function expectAll(flows: readonly FlowSeen[], expected: Partial<Record<keyof FlowSeen, unknown>>): void {
  assert.equal(flows.length, CONNECTIONS);
  const wanted = {
    ...expected,
    kind: FLOW_KIND_FINAL,
    error: 0,
    comm: 'load',
    cgroupId: fleet.cgroupId,
    interimCount: 0,
  };
  for (const flow of flows) {
    const got = Object.fromEntries(Object.keys(wanted).map((key) => [key, flow[key as keyof FlowSeen]]));
    assert.deepEqual(got, wanted);
    assert.ok(flow.openedNs > 0n && flow.startNs === flow.openedNs && flow.endNs >= flow.openedNs);
  }
}
