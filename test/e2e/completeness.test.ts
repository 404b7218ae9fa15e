/** Every connection of a loaded machine is in the lake from both ends, read back by a reader that is not the writer. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Fleet } from '../bpf/harness.ts';
import { capture, countBy, endCapture, numbersByRing, readFlows, type Row, verifyComplete } from './lake-rows.ts';

/** Server's namespace, client's, client's address, server's, port, request, response, who closes first. */
const PAIRS = [
  ['b', 'a', '10.250.0.1', '10.250.0.2', 7001, 100, 1000, 'server'],
  ['b', 'a', 'fd00:250::1', 'fd00:250::2', 7002, 1, 20_000, 'client'],
  ['a', 'b', '10.250.0.2', '10.250.0.1', 7003, 5000, 10, 'client'],
  ['a', 'b', 'fd00:250::2', 'fd00:250::1', 7004, 333, 4444, 'server'],
  ['a', 'a', '127.0.0.1', '127.0.0.1', 7005, 1, 1, 'server'],
] as const;
type Pair = (typeof PAIRS)[number];
/** In all; npm run soak asks for 100,000. */
const TOTAL = Number(process.env['WEIR_TEST_CONNECTIONS'] ?? 10_000);
const EACH = TOTAL / PAIRS.length;
const COLUMNS = [
  ...['ring_id', 'flow_number', 'connection_id', 'reporter', 'role_method', 'report', 'outcome', 'error'],
  ...['connection_count', 'peer_reports', 'seeded', 'src_addr', 'src_port', 'dst_addr', 'dst_port'],
  ...['src_workload', 'dst_workload', 'src_reason', 'dst_reason', 'bytes_to_dst', 'bytes_to_src'],
  ...['process_name', 'process_pid', 'start_time', 'end_time', 'connection_start_time', 'retransmitted_bytes'],
];

let fleet: Fleet;
before(() => {
  fleet = new Fleet();
});
after(() => fleet.remove());

test(`${TOTAL} connections with cross-CPU interrupts are ${2 * TOTAL} rows with exact bytes, each once`, async (t) => {
  const load = fleet.compile('load');
  const data = join(fleet.folder, 'data');
  const names = { a: fleet.namespace('a'), b: fleet.namespace('b') };
  fleet.connect(names.a, names.b);
  for (const name of Object.values(names)) for (const device of ['lo', 'wire']) fleet.crossCpuInterrupts(name, device);
  const cgroups = { server: fleet.workload('shop-server'), client: fleet.workload('shop-client') };
  const running = await capture(fleet, data);

  const words = (pair: Pair): string[] => [pair[3], pair[4], EACH, pair[5], pair[6], pair[7]].map(String);
  const servers = PAIRS.map((pair) => fleet.spawnIn(cgroups.server, names[pair[0]], load, 'serve', ...words(pair)));
  await Promise.all(servers.map((server) => server.saw(/ready/)));
  const clients = PAIRS.map((pair) => fleet.spawnIn(cgroups.client, names[pair[1]], load, 'connect', ...words(pair)));
  await Promise.all([...servers, ...clients].map((program) => program.ended));
  const { stdout } = await endCapture(running);
  assert.match(stdout, new RegExp(`${2 * TOTAL} flows captured, ${2 * TOTAL} stored in .*, 0 told as lost`));

  const rows = await readFlows(data, COLUMNS);
  assert.equal(rows.length, 2 * TOTAL);
  const rings = numbersByRing(rows);
  assert.equal(rings.size, 1);
  const [numbers = []] = rings.values();
  assert.deepEqual([numbers[0], numbers.at(-1)], [0, 2 * TOTAL - 1], 'the numbers tile without a gap');
  assert.equal(new Set(rows.map((row) => row['connection_id'])).size, 2 * TOTAL, 'every end has its own id');
  PAIRS.forEach((pair, i) => {
    const mine = rows.filter((row) => row['dst_port'] === pair[4]);
    expectPair(pair, mine, { src: clients[i]?.pid, dst: servers[i]?.pid });
  });
  // Each namespace has both workloads, so the far end's name comes from its own socket; where that row came too late, it
  // is left out, never guessed.
  const unnamed = rows.filter((row) => row['src_workload'] === null || row['dst_workload'] === null).length;
  t.diagnostic(`${rows.length} rows, ${unnamed} of them without the name of the far end`);
  assert.ok(unnamed <= rows.length / 100, `${unnamed} of ${rows.length} rows without a name`);
  await verifyComplete(data);
});

function expectPair(
  pair: Pair,
  rows: readonly Row[],
  pids: { readonly src: number | undefined; readonly dst: number | undefined },
): void {
  const [, , source, destination, port, request, response] = pair;
  const wanted = {
    ...{ role_method: 'handshake', report: 'final', outcome: 'closed', error: null, connection_count: 1n },
    ...{ src_addr: source, dst_addr: destination, dst_port: port, peer_reports: true, seeded: false },
    ...{ src_workload: 'shop-client', dst_workload: 'shop-server', src_reason: null, dst_reason: null },
    ...{ bytes_to_dst: BigInt(request), bytes_to_src: BigInt(response), process_name: 'load' },
  };
  for (const row of rows) {
    const far = row['reporter'] === 'src' ? 'dst' : 'src';
    const silent = row[`${far}_workload`] === null ? { [`${far}_workload`]: null, [`${far}_reason`]: 'ambiguous' } : {};
    const got = Object.fromEntries(Object.keys(wanted).map((column) => [column, row[column]]));
    assert.deepEqual(got, { ...wanted, ...silent });
    assert.equal(Number(row['process_pid']), row['reporter'] === 'src' ? pids.src : pids.dst);
    assert.deepEqual(row['start_time'], row['connection_start_time']);
    assert.ok((row['end_time'] as Date) >= (row['start_time'] as Date));
  }
  assert.deepEqual(countBy(rows, 'reporter'), { src: EACH, dst: EACH });
  // Both ends by tuple. A port may be used again, so the tuples are counted.
  const tuples = (reporter: string): string[] =>
    rows
      .filter((row) => row['reporter'] === reporter)
      .map((row) => `${String(row['src_addr'])} ${String(row['src_port'])}`);
  assert.deepEqual(tuples('src').toSorted(), tuples('dst').toSorted());
}
