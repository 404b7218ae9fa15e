/** A ring that is too small for a burst: what it lost stands in the lake, to the unit and by its number. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { openBpfSource } from '../../sidecar/flow-source-bpf.ts';
import { Fleet } from '../bpf/harness.ts';
import { capture, endCapture, numbersByRing, readFlows, readLosses, sum, verifyComplete } from './lake-rows.ts';

const BURSTS = 3;
const CONNECTIONS = 700;
const MADE = BURSTS * CONNECTIONS * 2;
const RING_RECORDS = Math.floor(65_536 / 264);

let fleet: Fleet;
before(() => {
  fleet = new Fleet();
});
after(() => fleet.remove());

test('what a small ring lost in three bursts is told in losses, and rows and losses are what was made', async () => {
  const load = fleet.compile('load');
  const here = fleet.namespace('here');
  const data = join(fleet.folder, 'data');
  // Another capture of the same cgroup, with room for all: what the kernel made, by its counters and not by ours.
  const witness = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: 4 << 20 });
  await witness.start();
  const small = ['--sidecar-ring-bytes', '64KiB', '--sidecar-ring-poll', '400ms', '--sidecar-batch-age', '100ms'];
  const port = await freePort();
  const running = await capture(fleet, data, ...small, '--metrics-listen', `127.0.0.1:${port}`);
  for (let burst = 0; burst < BURSTS; burst++) {
    const words = ['127.0.0.1', String(7300 + burst), String(CONNECTIONS), '10', '20', 'server'];
    const server = fleet.spawn(here, load, 'serve', ...words);
    await server.saw(/ready/);
    await fleet.spawn(here, load, 'connect', ...words).ended;
    await server.ended;
    // The next burst finds the ring empty: this one is in the log, as rows or as losses.
    await told(port, 2 * CONNECTIONS * (burst + 1));
  }
  const { stdout } = await endCapture(running);
  await witness.detach();
  const counted = witness.counters();
  await witness.stop();
  assert.deepEqual([counted.made, counted.dropped['ring_full']], [MADE, 0], 'what the load says, the kernel says too');

  const rows = await readFlows(data);
  const losses = await readLosses(data);
  const lost = sum(losses, 'flows');
  assert.equal(sum(rows, 'connection_count') + lost, MADE);
  assert.ok(lost > MADE / 4 && rows.length > BURSTS * (RING_RECORDS - 4), `${rows.length} rows, ${lost} lost`);
  assert.match(stdout, new RegExp(`^${MADE} flows captured, ${rows.length} stored in .*, ${lost} told as lost`, 'm'));
  const [[ring, numbers] = ['', []], ...others] = numbersByRing(rows);
  assert.deepEqual(others, []);
  assert.equal(numbers.filter((number) => number >= 0 && number < MADE).length, rows.length, 'within the numbers made');
  for (const loss of losses) {
    const { stage, reason, ring_id, intentional, interval_start, interval_end } = loss;
    assert.deepEqual({ stage, reason, ring_id, intentional }, expectedLoss(ring));
    assert.ok((interval_start as Date) <= (interval_end as Date));
  }
  assert.ok(losses.length >= BURSTS, 'each burst is told by itself');
  for (const row of rows) assert.deepEqual([row['bytes_to_dst'], row['bytes_to_src']], [10n, 20n]);
  await verifyComplete(data);
});

const expectedLoss = (ring: string) => ({ stage: 'kernel', reason: 'ring_full', ring_id: ring, intentional: false });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until the sidecar's counters tell that `flows` are acknowledged as rows or as losses, and asserts that no more came in. */
async function told(port: number, flows: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const of = (name: string): number =>
      [...text.matchAll(new RegExp(`^weir_sidecar_flows_${name}_total(?:\\{.*\\})? (\\d+)$`, 'gm'))].reduce(
        (total, [, value]) => total + Number(value),
        0,
      );
    const [seen, acknowledged] = [of('in'), of('out') + of('dropped')];
    assert.ok(seen <= flows, `${seen} came in, ${flows} were made`);
    if (acknowledged === flows) return;
    assert.ok(tries < 400, `${acknowledged} of ${flows} were acknowledged`);
    await delay(25);
  }
}
