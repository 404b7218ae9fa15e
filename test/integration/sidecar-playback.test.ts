/** A recording through the whole sidecar: the same batches and claims each time, however slow the log is. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { decodeRawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { FLOW_ROLE_SERVER } from '../../schemas/generated/record-offsets.ts';
import { SIDECAR_DEFAULTS } from '../../sidecar/options.ts';
import { mergeRecordings } from '../../sidecar/recording/merge.ts';
import { playRecording } from '../../sidecar/recording/playback.ts';
import { startRecord } from '../../sidecar/recording/record.ts';
import { openRecording } from '../../sidecar/recording/recording.ts';
import { RecordingWriter } from '../../sidecar/recording/writer.ts';
import { startSidecar } from '../../sidecar/run.ts';
import type { Offset } from '../../transport/log.ts';
import { FakeHost, FakeSource, listenerOf, namespaceOf } from '../fixtures/fake-machine.ts';
import { MemoryBroker, type LogFaults } from '../fixtures/memory-log.ts';
import { flowRecord } from '../fixtures/ring-bytes.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-playback-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'fleet.weirrec');

/** One node recorded for a third of a second: 600 connections, both ends. */
async function record(node: string, first: number): Promise<string> {
  const file = join(folder, `${node}.weirrec`);
  const writer = new RecordingWriter(file);
  const source = new FakeSource({ ringId: `ring-${node}` });
  const host = new FakeHost(node, () => Date.now() * 1000);
  host.paths.set(11, `/demo/${node}/checkout`);
  host.paths.set(22, `/demo/${node}/db`);
  host.namespaces = [namespaceOf(1, [`10.0.${first}.1/24`], [11]), namespaceOf(2, [`10.0.${first}.2/24`], [22])];
  host.listeners = [listenerOf(2, '0.0.0.0', 80, 22)];
  const running = await startRecord({
    writer,
    index: 0,
    node: { node, cluster: 'c', network: 'n' },
    source,
    host,
    clock: systemClock,
    intervalMs: 60_000,
    scanMs: 50,
    ringPollMs: 10,
  });
  const ends = { local: `10.0.${first}.1`, remote: `10.0.${first}.2` };
  const other = { local: ends.remote, remote: ends.local, localPort: 80, role: FLOW_ROLE_SERVER };
  for (let i = 0; i < 600; i++) {
    source.emit(flowRecord({ ...ends, cookie: BigInt(i), cgroupId: 11n, netns: 1, localPort: 20_000 + i }));
    source.emit(flowRecord({ ...other, cookie: BigInt(9000 + i), cgroupId: 22n, netns: 2, remotePort: 20_000 + i }));
    if (i % 100 === 0) await systemClock.sleep(50);
  }
  await running.stop();
  writer.close();
  assert.equal(running.flows, 1200);
  return file;
}

before(async () => {
  const files = [await record('node-a', 1), await record('node-b', 2)];
  const writer = new RecordingWriter(path);
  const recordings = files.map((file) => openRecording(file));
  mergeRecordings(recordings, writer);
  writer.close();
  for (const recording of recordings) recording.bytes.close();
});

/** Pauses between tries pass quickly, the bound of stopping stays. */
function shortPauses(ms: number, signal?: AbortSignal): Promise<void> {
  return systemClock.sleep(ms < 1000 ? 1 : ms, signal);
}

interface Played {
  readonly raw: readonly string[];
  readonly ownership: readonly string[];
}

/** Every node's messages, in the order of the log. */
async function play(faults: LogFaults): Promise<Played> {
  const log = new MemoryBroker().client(faults);
  const topic = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 };
  await log.ensureTopics([
    { name: 'raw', ...topic, partitions: 2 },
    { name: 'ownership', ...topic, partitions: 2 },
  ]);
  const recording = openRecording(path);
  const stages = playRecording(recording, { paced: false }).map(({ source, host, clock, epoch, node, ...of }) =>
    startSidecar({
      ...SIDECAR_DEFAULTS,
      ...of,
      log,
      source,
      host,
      node,
      epoch,
      clock: { nowMs: () => systemClock.nowMs(), sleep: shortPauses },
      eventClock: clock,
      logger: silentLogger,
      meter: silentMeter,
      rawTopic: 'raw',
      ownershipTopic: 'ownership',
      batchFlows: 100,
      partition: node === 'node-a' ? 0 : 1,
    }),
  );
  await Promise.all((await Promise.all(stages)).map(({ done }) => done));
  recording.bytes.close();
  const all = async (name: string): Promise<string[]> => {
    const values: string[] = [];
    for (const partition of [0, 1]) {
      const read = { messagesMax: 1000, bytesMax: 1 << 26, waitMs: 0 };
      const { messages } = await log.read(name, partition, 0 as Offset, read);
      values.push(...messages.map(({ value }) => Buffer.from(value).toString('base64')));
    }
    return values.sort();
  };
  return { raw: await all('raw'), ownership: await all('ownership') };
}

test('both nodes arrive whole, with both ends named', async () => {
  const { raw } = await play({});
  const rows = new Map<string, number>();
  for (const text of raw) {
    const { node, flows } = decodeRawBatch(Buffer.from(text, 'base64'));
    rows.set(node, (rows.get(node) ?? 0) + flows.length);
    for (let row = 0; row < flows.length; row++) {
      assert.ok(flows.localWorkload[row]! >= 0 && flows.remoteWorkload[row]! >= 0);
    }
  }
  assert.deepEqual(Object.fromEntries(rows), { 'node-a': 1200, 'node-b': 1200 });
});

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

test('played again, and through a log that fails now and then, it is the same to the byte', async () => {
  const once = await play({});
  let calls = 0;
  const again = await play({
    before: ({ method }) => {
      if (method === 'produce' && ++calls % 3 === 0) throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'away');
    },
  });
  assert.ok(calls > 10);
  assert.deepEqual(again.raw.map(digest), once.raw.map(digest));
  assert.deepEqual(again.ownership.map(digest), once.ownership.map(digest));
});
