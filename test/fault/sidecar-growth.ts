/** Partitions are added to the raw topic under a running sidecar, on whatever log: what every log must give. */
import assert from 'node:assert/strict';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { partitionOf } from '../../transport/key-partition.ts';
import { startSidecar } from '../../sidecar/run.ts';
import type { Log, Message, Offset } from '../../transport/log.ts';
import { FakeHost, FakeRing, FakeSource, namespaceOf } from '../fixtures/fake-machine.ts';
import { connectionsOf, foldRaw } from '../fixtures/raw-stream.ts';
import { flowRecord } from '../fixtures/ring-bytes.ts';

const RAW = 'growing.flows.raw.v1';
const OWNERSHIP = 'growing.ownership.v1';
const KEY = 'test/node-a';
const FROM = 2;

async function messagesOf(log: Log, partition: number): Promise<readonly Message[]> {
  const all: Message[] = [];
  for (let from = 0; ; from = all.at(-1)!.offset + 1) {
    const options = { messagesMax: 1000, bytesMax: 1 << 24, waitMs: 0 };
    const { messages } = await log.read(RAW, partition, from as Offset, options);
    if (messages.length === 0) return all;
    all.push(...messages);
  }
}

/** `grow` gives a topic more partitions, as an operator does. */
export async function checkGrowth(
  open: () => Promise<Log>,
  grow: (topic: string, partitions: number) => Promise<void>,
): Promise<void> {
  const old = partitionOf(KEY, FROM);
  const more = Array.from({ length: 20 }, (_, i) => FROM + 1 + i).find((n) => partitionOf(KEY, n) !== old)!;
  const log = await open();
  const limits = { retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 };
  await log.ensureTopics([
    { name: RAW, partitions: FROM, ...limits },
    { name: OWNERSHIP, partitions: 1, ...limits },
  ]);
  const ring = new FakeRing('ring0');
  const source = new FakeSource({}, ring, true);
  const host = new FakeHost('node-a', () => Date.now() * 1000);
  host.paths.set(11, '/demo/node-a/checkout');
  host.namespaces = [namespaceOf(1, ['10.0.0.1/24'], [11])];
  const names = { cluster: 'test', network: 'test', node: 'node-a', rawTopic: RAW, ownershipTopic: OWNERSHIP };
  const pace = { batchFlows: 40, batchAgeMs: 20, intervalMs: 60_000, heartbeatMs: 60_000, scanMs: 60_000 };
  const parts = { clock: systemClock, logger: silentLogger, meter: silentMeter, log, source, host };
  const stage = await startSidecar({ ...parts, ...names, ...pace, ringPollMs: 2, partitionsMs: 100 });
  let made = 0;
  const emit = (count: number): void => {
    for (let i = 0; i < count; i++) ring.emit(flowRecord({ cookie: BigInt(++made), cgroupId: 11n, netns: 1 }), true);
  };
  emit(100);
  await systemClock.sleep(100);
  await grow(RAW, more);
  for (let tries = 0; (await log.describe(RAW)).partitions.length < more; tries++) {
    assert.ok(tries < 100, 'the partitions were added');
    await systemClock.sleep(50);
  }
  for (let tries = 0; !(await ended(log, old)); tries++) {
    assert.ok(tries < 100, 'the old stream ended');
    emit(5); // all the time
    await systemClock.sleep(50);
  }
  emit(100);
  await stage.stop();
  const [before, after] = await Promise.all(
    [old, partitionOf(KEY, more)].map((partition) => messagesOf(log, partition)),
  );
  await log.close();
  assert.deepEqual([...foldRaw(before!).next.keys()], [`ring0-p${old}`]);
  assert.deepEqual([...foldRaw(after!).next.keys()], [`ring0-p${partitionOf(KEY, more)}-1`]);
  const folded = foldRaw([...before!, ...after!]);
  assert.deepEqual([folded.flows, folded.missing, folded.lost], [made, 0, {}]);
  assert.deepEqual(
    connectionsOf(folded.batches),
    Array.from({ length: made }, (_, i) => i + 1),
  );
}

/** The last batch of a partition is one that says the total. */
async function ended(log: Log, partition: number): Promise<boolean> {
  const last = (await messagesOf(log, partition)).at(-1);
  return last !== undefined && foldRaw([last]).batches.every(({ first, next }) => first === next);
}
