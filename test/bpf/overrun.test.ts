import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBpfSource } from '../../sidecar/flow-source-bpf.ts';
import { drain, Fleet } from './harness.ts';

const CONNECTIONS = 1000;
const RING_BYTES = 65_536; // 248 records
const RECORDS_MAX = Math.floor(RING_BYTES / 264);

let fleet: Fleet;
let load: string;
before(() => {
  fleet = new Fleet();
  load = fleet.compile('load');
});
after(() => fleet.remove());

test('a ring that nobody reads drops what it has no room for, and every record is either read or counted', async () => {
  const here = fleet.namespace('here');
  const source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: RING_BYTES });
  await source.start();
  const server = fleet.spawn(here, load, 'serve', '127.0.0.1', '7000', String(CONNECTIONS), '10', '20', 'server');
  await server.saw(/ready/);
  const client = fleet.spawn(here, load, 'connect', '127.0.0.1', '7000', String(CONNECTIONS), '10', '20', 'server');
  await Promise.all([server.ended, client.ended]);
  await source.detach();
  const read = drain(source).flows.length;
  const { made, dropped } = source.counters();
  await source.stop();

  assert.equal(made, 2 * CONNECTIONS);
  assert.equal(read + (dropped['ring_full'] ?? 0), made);
  assert.ok(read > RECORDS_MAX - 4 && read <= RECORDS_MAX, `${read} records filled the ring`);
  assert.deepEqual(source.counters().made, made, 'the counters are still there after the end');
});

test('room is only given back by a release, and what was read is not read again', async () => {
  const here = fleet.namespace('there');
  const source = openBpfSource({ cgroupPath: fleet.cgroupPath, ringBytes: RING_BYTES });
  await source.start();
  const rounds = async (port: string, count: number): Promise<void> => {
    const server = fleet.spawn(here, load, 'serve', '127.0.0.1', port, String(count), '10', '20', 'client');
    await server.saw(/ready/);
    await fleet.spawn(here, load, 'connect', '127.0.0.1', port, String(count), '10', '20', 'client').ended;
    await server.ended;
  };
  const buffer = Buffer.alloc(1 << 20);
  await rounds('7001', 100);
  const first = source.read(buffer);
  assert.equal(source.read(buffer).bytes, 0);
  assert.deepEqual(source.counters().dropped, { ring_full: 0 });

  await rounds('7002', 100); // read is not released: 200 and 200 do not fit
  const lost = source.counters().dropped['ring_full'] ?? 0;
  assert.ok(lost > 0);
  const second = source.read(buffer);
  source.release(first.position);
  source.release(second.position);
  assert.throws(() => source.release(first.position), { code: 'WEIR_SIDECAR_ADDON_ARGUMENT' });
  assert.throws(() => source.release(second.position + 8), { code: 'WEIR_SIDECAR_ADDON_ARGUMENT' });

  await rounds('7003', 100);
  assert.equal(source.counters().dropped['ring_full'], lost);
  assert.equal(drain(source).flows.length, 200);
  await source.stop();
});
