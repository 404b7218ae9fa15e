import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openRecording, readRecording } from '../../../../sidecar/recording/recording.ts';
import { recordingInMemory } from '../../../../sidecar/recording/reader.ts';
import { RecordingWriter } from '../../../../sidecar/recording/writer.ts';
import { playRecording } from '../../../../sidecar/recording/playback.ts';
import { mergeRecordings } from '../../../../sidecar/recording/merge.ts';
import { recordInto } from '../../../../sidecar/recording/tee.ts';
import { FakeHost, FakeSource, listenerOf, namespaceOf } from '../../../fixtures/fake-machine.ts';
import { flowRecord, ringBytes } from '../../../fixtures/ring-bytes.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-recording-'));
after(() => rmSync(folder, { recursive: true }));

const T0 = 1_700_000_000_000_000;

interface Written {
  readonly path: string;
  readonly chunks: readonly Uint8Array[];
}

/** Half a second of one node: a scan, a ring chunk every 100 ms, a second scan, a drop. */
async function write(
  name: string,
  node: string,
  ringId: string,
  startUs = T0,
  blockAgeUs = Infinity,
): Promise<Written> {
  const path = join(folder, name);
  const writer = new RecordingWriter(path, blockAgeUs);
  let nowUs = startUs;
  const fake = new FakeSource({ ringId, ringBytes: 264 * 25 });
  const machine = new FakeHost(node, () => nowUs);
  machine.paths.set(11, `/demo/${node}/checkout`);
  machine.paths.set(1, '/');
  machine.namespaces = [namespaceOf(1, ['10.0.0.1/24', 'fd00::1/64'], [11])];
  machine.listeners = [listenerOf(1, '::', 80, 11)];
  const { source, host } = recordInto(writer, 0, { node, cluster: 'c', network: 'n' }, fake, machine, () => nowUs);
  await host.snapshot();
  await source.start();
  const buffer = new Uint8Array(65_536);
  const chunks: Uint8Array[] = [];
  for (let turn = 0; turn < 5; turn++) {
    nowUs += 100_000;
    for (let i = 0; i < 10; i++) fake.emit(flowRecord({ cookie: BigInt(100 * turn + i), cgroupId: 11n, netns: 1 }));
    const { bytes } = source.read(buffer);
    chunks.push(buffer.slice(0, bytes));
    host.identify(11, 5, 'curl');
    host.identify(1, 6, 'sshd');
    source.counters();
    if (turn === 2) machine.namespaces = [...machine.namespaces, namespaceOf(2, ['10.0.0.2/24'], [11])];
    if (turn >= 2) await host.snapshot();
  }
  await source.stop();
  writer.truth(new TextEncoder().encode(`{"${node}":true}`));
  writer.close();
  return { path, chunks };
}

test('a recording gives back its ring bytes, scans, identities, drops and truth', async () => {
  const { path, chunks } = await write('a.weirrec', 'node-a', 'ringa');
  const recording = openRecording(path);
  assert.equal(Buffer.from(recording.truth).toString(), '{"node-a":true}');
  const [node] = recording.nodes;
  assert.ok(node !== undefined && recording.nodes.length === 1);
  assert.deepEqual([node.node, node.cluster, node.network, node.start.ringId], ['node-a', 'c', 'n', 'ringa']);

  const [playback] = playRecording(recording, { paced: false });
  assert.ok(playback !== undefined);
  const { source, host, clock } = playback;
  const first = await host.snapshot();
  assert.equal(first.namespaces.length, 1);
  assert.deepEqual(first.namespaces, [namespaceOf(1, ['10.0.0.1/24', 'fd00::1/64'], [11])]);
  assert.deepEqual(first.listeners, [listenerOf(1, '::', 80, 11)]);
  assert.equal(host.identify(11, 0, '')?.workload.name, 'checkout');
  assert.equal(host.identify(1, 0, 'sshd')?.workload.name, 'sshd');
  assert.equal(host.identify(1, 0, 'other'), null);

  const buffer = new Uint8Array(65_536);
  const read: Uint8Array[] = [];
  const namespaces: number[] = [];
  while (!source.ended) {
    const { bytes } = source.read(buffer);
    if (bytes > 0) read.push(buffer.slice(0, bytes));
    if (host.snapshotReady === true) namespaces.push((await host.snapshot()).namespaces.length);
    await clock.sleep(50);
  }
  assert.deepEqual(ringBytes(read), ringBytes(chunks));
  assert.deepEqual(namespaces, [2, 2, 2]);
  assert.deepEqual(source.counters().dropped, { ring_full: 50 - ringBytes(chunks).length / 264 });
  recording.bytes.close();
});

test('a reader with a small buffer gets whole records, also where it is behind and several chunks are due', async () => {
  for (const pauseMs of [50, 500]) {
    const { path, chunks } = await write(`small-${pauseMs}.weirrec`, 'node-a', 'ringa');
    const recording = openRecording(path);
    const [playback] = playRecording(recording, { paced: false });
    assert.ok(playback !== undefined);
    await playback.host.snapshot();
    const buffer = new Uint8Array(1100);
    const read: Uint8Array[] = [];
    while (!playback.source.ended) {
      const { bytes } = playback.source.read(buffer);
      assert.equal(bytes % 264, 0);
      if (bytes > 0) read.push(buffer.slice(0, bytes));
      else if (playback.host.snapshotReady === true) await playback.host.snapshot();
      else await playback.clock.sleep(pauseMs);
    }
    assert.deepEqual(ringBytes(read), ringBytes(chunks));
    recording.bytes.close();
  }
});

test('two recordings become one of two nodes, in the order of time', async () => {
  const a = await write('node-a.weirrec', 'node-a', 'ringa');
  const b = await write('node-b.weirrec', 'node-b', 'ringb', T0 + 30_000);
  const path = join(folder, 'merged.weirrec');
  const writer = new RecordingWriter(path);
  mergeRecordings([openRecording(a.path), openRecording(b.path)], writer);
  writer.close();
  const merged = openRecording(path);
  assert.deepEqual(
    merged.nodes.map(({ node, index, start }) => [node, index, start.ringId]),
    [
      ['node-a', 0, 'ringa'],
      ['node-b', 1, 'ringb'],
    ],
  );
  assert.equal(Buffer.from(merged.truth).toString(), '{"node-a":true}{"node-b":true}');
  assert.deepEqual(
    merged.nodes.map(({ ringBytes: bytes }) => bytes),
    [ringBytes(a.chunks).length, ringBytes(b.chunks).length],
  );
});

/** Where the blocks of a file end. */
function blockEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  for (let at = 12; at < bytes.length; ends.push(at)) at += 12 + bytes.readUInt32LE(at);
  return ends;
}

test('the whole part of a recording whose recorder was killed is played, wherever that was', async () => {
  const { path, chunks } = await write('killed.weirrec', 'node-a', 'ringa', T0, 100_000);
  const bytes = readFileSync(path);
  const ends = blockEnds(bytes);
  assert.ok(ends.length > 3);
  let last = 0;
  for (let length = ends[0]!; length < bytes.length; length += 7) {
    const whole = ends.filter((end) => end <= length).at(-1);
    const { nodes, cutAt, ...rest } = readRecording(recordingInMemory(bytes.subarray(0, length)));
    assert.equal(cutAt, whole);
    const read = nodes[0]!.ringBytes;
    assert.ok(read >= last && read % 264 === 0);
    last = read;
    if (length < ends[1]!) continue;
    const [node] = playRecording({ nodes, cutAt, ...rest }, { paced: false });
    node!.clock.now = (T0 + 10_000_000) / 1000;
    await node!.host.snapshot();
    let played = 0;
    for (let turn = 0; turn < 50 && !node!.source.ended; turn++) {
      played += node!.source.read(new Uint8Array(65_536)).bytes;
      if (node!.host.snapshotReady === true) await node!.host.snapshot();
    }
    assert.equal(played, read);
    assert.ok(node!.source.ended);
  }
  assert.equal(last, ringBytes(chunks).length);
  assert.equal(readRecording(recordingInMemory(bytes)).cutAt, null);
});

test('a damaged block is refused, also in a recording that is cut behind it', async () => {
  const { path } = await write('damaged.weirrec', 'node-a', 'ringa', T0, 100_000);
  const bytes = readFileSync(path);
  const [first, second] = blockEnds(bytes);
  const damaged = Buffer.from(bytes.subarray(0, second! + 3));
  damaged[first! + 20]! ^= 1;
  const error = { code: 'WEIR_SIDECAR_RECORDING_INVALID', message: /a damaged block at byte/ };
  assert.throws(() => readRecording(recordingInMemory(damaged)), error);
});

test('a recording that is cut before anything whole is in it is refused with the byte where it ends', async () => {
  const { path } = await write('cut.weirrec', 'node-a', 'ringa');
  const bytes = readFileSync(path);
  for (const length of [0, 5, 11, 12, 20, bytes.length >> 1, bytes.length - 1]) {
    assert.throws(
      () => readRecording(recordingInMemory(bytes.subarray(0, length))),
      (error: { code?: string; context?: { offset?: number } }) =>
        error.code === 'WEIR_SIDECAR_RECORDING_INVALID' && error.context?.offset !== undefined,
      `cut at ${length}`,
    );
  }
});

test('a file of another kind, of another version, or with more behind its end is refused', async () => {
  const { path } = await write('other.weirrec', 'node-a', 'ringa');
  const bytes = readFileSync(path);
  const version = Buffer.from(bytes);
  version.writeUInt32LE(2, 8);
  for (const forged of [Buffer.from('PK'.repeat(100)), version, Buffer.concat([bytes, Buffer.from('more')])]) {
    assert.throws(() => readRecording(recordingInMemory(forged)), { code: 'WEIR_SIDECAR_RECORDING_INVALID' });
  }
});

test('a recording that is not there is one clear error', () => {
  assert.throws(() => openRecording(join(folder, 'none')), { code: 'WEIR_SIDECAR_RECORDING_INVALID' });
});
