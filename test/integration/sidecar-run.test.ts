import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, type UnixMs } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { MeterRegistry } from '../../contract/meter-registry.ts';
import { Method, OwnershipKind } from '../../schemas/generated/common.ts';
import { decodeRawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { decodeOwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { FLOW_ROLE_SERVER } from '../../schemas/generated/record-offsets.ts';
import type { SidecarOptions } from '../../sidecar/options.ts';
import { startSidecar } from '../../sidecar/run.ts';
import { HEADER, type Log, type Message, type Offset } from '../../transport/log.ts';
import { WeirError } from '../../contract/errors.ts';
import { BOOT_TO_UNIX_US, FakeHost, FakeSource, listenerOf, namespaceOf } from '../fixtures/fake-machine.ts';
import { MemoryBroker, type LogFaults } from '../fixtures/memory-log.ts';
import { flowRecord, listenRecord } from '../fixtures/ring-bytes.ts';

const RAW = 'weir.flows.raw.v1';
const OWNERSHIP = 'weir.ownership.v1';

async function topics(broker: MemoryBroker, faults: LogFaults = {}): Promise<Log> {
  const log = broker.client(faults);
  await log.ensureTopics([
    { name: RAW, partitions: 2, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 },
    { name: OWNERSHIP, partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 },
  ]);
  return log;
}

async function messagesOf(log: Log, topic: string): Promise<Message[]> {
  const messages: Message[] = [];
  const { partitions } = await log.describe(topic);
  for (const partition of partitions.keys()) {
    const options = { messagesMax: 10_000, bytesMax: 1 << 28, waitMs: 0 };
    messages.push(...(await log.read(topic, partition, 0 as Offset, options)).messages);
  }
  return messages;
}

function machine(): { source: FakeSource; host: FakeHost } {
  const host = new FakeHost('node-a', () => Date.now() * 1000);
  host.paths.set(11, '/demo/node-a/checkout');
  host.paths.set(22, '/demo/node-a/db');
  host.namespaces = [namespaceOf(1, ['10.0.0.1/24'], [11]), namespaceOf(2, ['10.0.0.2/24'], [22])];
  host.listeners = [listenerOf(2, '0.0.0.0', 80, 22)];
  return { source: new FakeSource(), host };
}

function optionsOf(log: Log, source: FakeSource, host: FakeHost): SidecarOptions {
  return {
    log,
    source,
    host,
    clock: systemClock,
    logger: silentLogger,
    meter: silentMeter,
    cluster: 'test',
    network: 'test',
    node: 'node-a',
    rawTopic: RAW,
    ownershipTopic: OWNERSHIP,
    batchFlows: 100,
    batchAgeMs: 50,
    intervalMs: 60_000,
    heartbeatMs: 40,
    scanMs: 20,
    ringPollMs: 5,
  };
}

test('what the ring gives arrives as rows with both owners, and the ring is released', async () => {
  const log = await topics(new MemoryBroker());
  const { source, host } = machine();
  const sidecar = await startSidecar(optionsOf(log, source, host));
  for (let i = 0; i < 250; i++) {
    source.emit(flowRecord({ cookie: BigInt(2 * i + 1), cgroupId: 11n, netns: 1, localPort: 30_000 + i }));
    const server = { cookie: BigInt(2 * i + 2), cgroupId: 22n, netns: 2, role: FLOW_ROLE_SERVER };
    const ends = { local: '10.0.0.2', remote: '10.0.0.1', localPort: 80, remotePort: 30_000 + i };
    source.emit(flowRecord({ ...server, ...ends, comm: 'postgres' }));
  }
  await sidecar.stop();

  const messages = await messagesOf(log, RAW);
  let next = 0;
  let rows = 0;
  for (const message of messages) {
    const batch = decodeRawBatch(message.value);
    assert.equal(batch.first, next);
    assert.equal(message.headers[HEADER.next], String(batch.next));
    assert.equal(message.headers[HEADER.ring], batch.ring);
    next = batch.next;
    rows += batch.flows.length;
    for (let row = 0; row < batch.flows.length; row++) {
      const local = batch.workloads[batch.flows.localWorkload[row]!]!.name;
      const remote = batch.workloads[batch.flows.remoteWorkload[row]!]!.name;
      assert.deepEqual([local, remote].sort(), ['checkout', 'db']);
      assert.equal(batch.flows.remoteMethod[row], Method.peer);
      assert.equal(batch.processes[batch.flows.process[row]!]!.name, local === 'db' ? 'postgres' : 'curl');
    }
  }
  assert.equal(rows, 500);
  assert.equal(next, 500);
  assert.equal(source.released, 500 * 264);
  assert.ok(source.detached && source.stopped);
});

test('claims begin with a full list, go on with heartbeats and end with a goodbye', async () => {
  const log = await topics(new MemoryBroker());
  const { source, host } = machine();
  const sidecar = await startSidecar(optionsOf(log, source, host));
  await systemClock.sleep(120);
  host.namespaces = [...host.namespaces, namespaceOf(3, ['10.0.0.3/24'], [33])];
  host.paths.set(33, '/demo/node-a/cart');
  await systemClock.sleep(60);
  await sidecar.stop();

  const messages = (await messagesOf(log, OWNERSHIP)).map(({ value }) => decodeOwnershipMessage(value));
  const kinds = messages.map(({ kind }) => kind);
  assert.equal(kinds[0], OwnershipKind.full);
  assert.ok(kinds.includes(OwnershipKind.asOf));
  assert.equal(kinds.at(-1), OwnershipKind.goodbye);
  messages.forEach((message, i) => assert.equal(message.seq, i));
  messages.forEach((message, i) => assert.ok(i === 0 || message.asOfUs >= messages[i - 1]!.asOfUs));
  const delta = messages.find(({ kind }) => kind === OwnershipKind.delta);
  assert.ok(delta !== undefined);
  assert.deepEqual(
    delta.workloads.map(({ name }) => name),
    ['cart'],
  );
  assert.ok(delta.claims.earliestUs[0]! < delta.claims.fromUs[0]!);
});

test('a listen record makes the sidecar look at once', async () => {
  const log = await topics(new MemoryBroker());
  const { source, host } = machine();
  host.namespaces = [namespaceOf(1, ['10.0.0.1/24'], [11, 22])];
  const sidecar = await startSidecar({ ...optionsOf(log, source, host), scanMs: 10_000 });
  host.listeners = [...host.listeners, listenerOf(1, '10.0.0.1', 8080, 22)];
  const atUs = Date.now() * 1000 - BOOT_TO_UNIX_US + 1000;
  source.emit(listenRecord({ netns: 1, port: 8080, cgroupId: 22n, pid: 5, atNs: BigInt(atUs) * 1000n }), {
    flow: false,
  });
  await systemClock.sleep(150);
  const deltas = (await messagesOf(log, OWNERSHIP))
    .map(({ value }) => decodeOwnershipMessage(value))
    .filter(({ kind }) => kind === OwnershipKind.delta);
  await sidecar.stop();
  assert.equal(deltas.length, 1);
  assert.equal(deltas[0]!.claims.port[0], 8080);
  assert.equal(deltas[0]!.claims.fromUs[0], atUs + BOOT_TO_UNIX_US);
  assert.deepEqual(host.hints[0]?.pid, 5);
});

test('while the log is away nothing is released, drops are told, and the same bytes are sent again', async () => {
  let away = false;
  const tried: Uint8Array[] = [];
  const log = await topics(new MemoryBroker(), {
    before: ({ method, topic, messages }) => {
      if (method !== 'produce' || topic !== RAW) return;
      tried.push(messages[0]!.value);
      if (away) throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'away');
    },
  });
  const source = new FakeSource({ ringBytes: 264 * 1000 });
  const { host } = machine();
  const sidecar = await startSidecar(optionsOf(log, source, host));
  away = true;
  const emit = (count: number): void => {
    for (let i = 0; i < count; i++) source.emit(flowRecord({ cookie: BigInt(i + 1), cgroupId: 11n, netns: 1 }));
  };
  emit(700);
  await systemClock.sleep(400);
  assert.equal(source.released, 0);
  emit(4300);
  away = false;
  await systemClock.sleep(500);
  await sidecar.stop();
  assert.ok(tried.length > 2);
  assert.deepEqual(tried[0], tried[1]);

  let rows = 0;
  let lost = 0;
  let next = 0;
  for (const { value } of await messagesOf(log, RAW)) {
    const batch = decodeRawBatch(value);
    assert.equal(batch.first, next);
    next = batch.next;
    rows += batch.flows.length;
    for (const { reason, flows } of batch.losses) {
      assert.equal(reason, 'ring_full');
      lost += flows;
    }
  }
  assert.equal(source.made, 5000);
  assert.equal(lost, source.dropped);
  assert.equal(rows + lost, 5000);
  assert.equal(next, 5000);
});

test('an idle sidecar that stops sends one empty batch with the total', async () => {
  const log = await topics(new MemoryBroker());
  const { source, host } = machine();
  const sidecar = await startSidecar(optionsOf(log, source, host));
  await sidecar.stop();
  const batches = (await messagesOf(log, RAW)).map(({ value }) => decodeRawBatch(value));
  assert.deepEqual(
    batches.map(({ seq, first, next }) => [seq, first, next]),
    [[0, 0, 0]],
  );
});

test('an error of the log that is not one to try again ends the sidecar with it', async () => {
  const log = await topics(new MemoryBroker(), {
    before: ({ method, topic }) => {
      if (method === 'produce' && topic === RAW) throw new WeirError('WEIR_TRANSPORT_CORRUPT', 'damaged');
    },
  });
  const { source, host } = machine();
  const sidecar = await startSidecar(optionsOf(log, source, host));
  source.emit(flowRecord());
  await assert.rejects(sidecar.done, { code: 'WEIR_TRANSPORT_CORRUPT' });
  assert.ok(source.stopped);
});

test('a wall clock that is set back is followed: rows by the new offset, claims in a new epoch, no as_of backwards', async () => {
  const hourUs = 3_600_000_000;
  const log = await topics(new MemoryBroker());
  const source = new FakeSource();
  let setUs = 0;
  const nowUs = (): number => Date.now() * 1000 + setUs;
  const host = new FakeHost('node-a', nowUs);
  host.paths.set(11, '/demo/node-a/checkout');
  host.namespaces = [namespaceOf(1, ['10.0.0.1/24'], [11])];
  const clock = { ...systemClock, nowMs: () => (nowUs() / 1000) as UnixMs };
  const steps: unknown[] = [];
  const logger = { ...silentLogger, warn: (context: object) => steps.push(context) };
  const sidecar = await startSidecar({ ...optionsOf(log, source, host), clock, logger });
  source.emit(flowRecord({ cookie: 1n, cgroupId: 11n, netns: 1 }));
  await systemClock.sleep(300);
  setUs = -hourUs;
  source.offsetUs -= hourUs;
  await systemClock.sleep(1300);
  source.emit(flowRecord({ cookie: 2n, cgroupId: 11n, netns: 1 }));
  await systemClock.sleep(400);

  const rows = (await messagesOf(log, RAW)).flatMap(({ value }) => {
    const { flows } = decodeRawBatch(value);
    return Array.from({ length: flows.length }, (_, row) => [flows.connectionId[row]!, flows.endUs[row]!] as const);
  });
  await sidecar.stop();
  assert.deepEqual(
    rows.map(([cookie]) => cookie),
    [1, 2],
  );
  assert.equal(rows[0]![1] - rows[1]![1], hourUs);
  assert.deepEqual(steps, [{ byMs: -3_600_000 }]);
  const claims = (await messagesOf(log, OWNERSHIP)).map(({ value }) => decodeOwnershipMessage(value));
  const epochs = [...new Set(claims.map(({ epoch }) => epoch))];
  assert.equal(epochs.length, 2);
  for (const epoch of epochs) {
    const own = claims.filter((message) => message.epoch === epoch);
    assert.equal(own[0]!.kind, OwnershipKind.full);
    own.forEach((message, i) =>
      assert.deepEqual([message.seq, message.asOfUs >= (own[i - 1]?.asOfUs ?? 0)], [i, true]),
    );
  }
  const last = claims.at(-1)!.asOfUs;
  assert.ok(last < Date.now() * 1000 - hourUs + 1_000_000 && last > Date.now() * 1000 - hourUs - 60_000_000);
});

test('at every moment flows in are flows out, dropped and held; lag is the age of the oldest, misses are told', async () => {
  let away = false;
  const log = await topics(new MemoryBroker(), {
    before: ({ method }) => {
      if (method === 'produce' && away) throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'away');
    },
  });
  const { host } = machine();
  const source = new FakeSource({ ringBytes: 264 * 300 });
  source.recursionMisses = { walk: 3, flow: 0 };
  const meter = new MeterRegistry();
  const sidecar = await startSidecar({ ...optionsOf(log, source, host), meter });
  const totals = (): number[] =>
    (['flows_in_total', 'flows_out_total', 'flows_dropped_total', 'flows_held'] as const).map((name) =>
      meter.total(`weir_sidecar_${name}`),
    );
  let heldMax = 0;
  for (let i = 0; i < 60; i++) {
    away = i > 20 && i < 40;
    const endNs = BigInt(Date.now() * 1000 - BOOT_TO_UNIX_US) * 1000n;
    for (let k = 0; k < 40; k++)
      source.emit(flowRecord({ cookie: BigInt(40 * i + k + 1), cgroupId: 11n, netns: 1, endNs }));
    await systemClock.sleep(10);
    const [made = 0, out = 0, dropped = 0, held = 0] = totals();
    assert.equal(made, out + dropped + held);
    heldMax = Math.max(heldMax, held);
    const lag = meter.total('weir_sidecar_lag_seconds');
    assert.ok(lag >= 0 && lag < 5, `${lag} s`);
    if (i === 39) assert.ok(lag > 0.1, `${lag} s after 200 ms without the log`);
  }
  await sidecar.stop();
  assert.ok(heldMax > 300);
  assert.deepEqual(totals(), [2400, 2400 - source.dropped, source.dropped, 0]);
  assert.equal(meter.total('weir_sidecar_lag_seconds'), 0);
  assert.equal(meter.total('weir_sidecar_recursion_misses_total', { program: 'walk' }), 3);
});
